"""The files in schemas/, and the text of `reconcile --help`: generated from the code, nobody edits them.

`python -m controller.generated DIR` (`make schemas`) writes the schemas into DIR, and the help beside what prints it.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from controller.entrypoints.cli import help_text
from controller.entrypoints.main import HELP
from controller.kinds.iam_policy import iam_policy
from controller.manifests.crd import customer_crd
from controller.manifests.schema import customer_schema, settings_schema
from controller.render import plan_document

GENERATED: Mapping[str, Callable[[], str]] = {
    "customer.schema.json": customer_schema,
    "customer.crd.yaml": customer_crd,
    "settings.schema.json": settings_schema,
    "plan.schema.json": plan_document.schema,
    "iam-policy.json": iam_policy,
}
"""Every file in schemas/ by name, with what makes its text. Deterministic, so that a test can compare."""


def write(folder: Path) -> None:
    """Writes the schemas into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, generate in GENERATED.items():
        (folder / name).write_text(generate(), encoding="utf-8")


if __name__ == "__main__":
    Path(HELP).write_text(help_text(), encoding="utf-8")
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas"))
