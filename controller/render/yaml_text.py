"""Documents as YAML text: the same bytes for the same values, and the same values as in JSON."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import yaml

from controller.render.json_text import number


def yaml_text(documents: Iterable[Any]) -> str:
    """One YAML document for each, with sorted keys. A Decimal is a number with just the digits that it has."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, explicit_start=True)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Values that stand twice are written twice: not every reader knows anchors."""
        return True


def _decimal(dumper: yaml.SafeDumper, value: Decimal) -> yaml.Node:
    text = number(value)
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


_Dumper.add_representer(Decimal, _decimal)
