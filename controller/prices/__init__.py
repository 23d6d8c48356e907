"""The dated price tables, one file for each region, and what reads them."""

from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from typing import Any

import yaml

from controller.domain.prices import ClassPrice, Prices, Tier
from controller.errors import InvalidInput

LIST = "list"
"""The price set of AWS's list prices: the table without any of its `sets`."""


def prices(region: str, name: str = LIST) -> Prices:
    """The price set `name` of a region. Raises InvalidInput where there is no table for it, or no such set in it."""
    if region not in regions():
        raise InvalidInput(
            f"there are no prices for the region {region!r}, only for {', '.join(regions())}: to add it, "
            f"copy controller/prices/{regions()[0]}.yaml to {region}.yaml beside it, with its prices, source and date"
        )
    table = yaml.safe_load(_folder().joinpath(f"{region}.yaml").read_text(encoding="utf-8"))
    sets = table.get("sets", {})
    if name != LIST and name not in sets:
        raise InvalidInput(f"the prices of {region} have no set {name!r}, only {', '.join([LIST, *sorted(sets)])}")
    changed = sets.get(name, {})
    return Prices(
        region=region,
        name=name,
        as_of=table["as_of"],
        source=table["source"],
        standard=tuple(_tier(one) for one in table["standard"]),
        classes={key: _class_price(one, changed.get(key)) for key, one in table["classes"].items()},
        put=Decimal(table["put"]),
    )


def regions() -> list[str]:
    """The regions that have a table."""
    names = (file.name for file in _folder().iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def _folder() -> Any:
    return resources.files("controller.prices")


def _tier(one: Mapping[str, Any]) -> Tier:
    return Tier(Decimal(one["up_to_gb"]) if "up_to_gb" in one else None, Decimal(one["price"]))


def _class_price(one: Mapping[str, Any], changed: str | None) -> ClassPrice:
    rest = {key: value for key, value in one.items() if key not in ("price", "transition")}
    return ClassPrice(Decimal(changed or one["price"]), Decimal(one["transition"]), **rest)
