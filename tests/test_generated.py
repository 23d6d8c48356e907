"""The generated files are what the code generates."""

import json
from pathlib import Path

import pytest

from controller.entrypoints import main
from controller.entrypoints.cli import help_text
from controller.generated import GENERATED, write

SCHEMAS = Path(__file__).parent.parent / "schemas"


@pytest.mark.parametrize("name", GENERATED)
def test_the_file_is_fresh(name: str) -> None:
    assert (SCHEMAS / name).read_text(encoding="utf-8") == GENERATED[name](), "run: make schemas"


def test_the_help_is_fresh() -> None:
    assert Path(main.HELP).read_text(encoding="utf-8") == help_text(), "run: make schemas"


def test_all_generated_files_are_written_and_no_others_lie_there(tmp_path: Path) -> None:
    write(tmp_path / "new")

    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert written | {"kustomization.yaml"} == {path.name for path in SCHEMAS.iterdir()}


def test_a_plan_needs_no_permission_to_write() -> None:
    statements = {one["Sid"]: one["Action"] for one in json.loads(GENERATED["iam-policy.json"]())["Statement"]}

    verbs = {action.partition(":")[2] for action in statements["PlanReadsOnly"]}
    assert not any(verb.startswith(("Put", "Create", "Update", "Delete", "Set", "Modify", "Tag")) for verb in verbs)
    assert "budgets:CreateBudget" not in statements["ApplyWrites"], "there is no such action: it is ModifyBudget"
