"""Saved plans: exactly what was reviewed is applied, or nothing is, and a sentence says why."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.entrypoints.cli import run
from controller.sandbox import Fault, Sandbox
from tests.entrypoints.conftest import manifest, write, writes
from tests.fakes import Clock

ROOT = Path(__file__).parent.parent.parent
SAVE = ["--plan", "--out", "plan.json"]
APPLY = ["--apply", "plan.json", "--yes"]


def limits(sandbox: Sandbox) -> dict[str, int]:
    """The limit of each budget, by the customer's id."""
    answer = sandbox.client("budgets").describe_budgets(AccountId="123456789012")
    return {one["BudgetName"].split("-")[1]: int(float(one["BudgetLimit"]["Amount"])) for one in answer["Budgets"]}


def want(folder: Path, name: str, limit: int, **spec: Any) -> None:
    write(folder, manifest(name, f"{name}-bucket", budget={"monthlyLimit": limit}, **spec))


def saved(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return document


@pytest.fixture
def reviewed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Two customers, applied, and a saved plan that raises both limits."""
    assert run(["--apply", "--yes"]) == 0
    want(folder, "acme", 700)
    want(folder, "beta", 800)
    assert run(SAVE) == 0
    capsys.readouterr()
    return folder


def refused(capsys: pytest.CaptureFixture[str], sandbox: Sandbox, says: str) -> None:
    """An apply of the plan is refused in one line, and nothing is written, least of all to AWS."""
    before = len(writes(sandbox))

    assert run(APPLY) == 4

    error = capsys.readouterr().err
    assert says in error
    assert "Make a new plan" in error
    assert error.count("\n") == 1
    assert writes(sandbox)[before:] == []


def test_a_saved_plan_is_applied_as_it_was_reviewed(reviewed: Path, sandbox: Sandbox) -> None:
    assert run(APPLY) == 0

    assert limits(sandbox) == {"acme": 700, "beta": 800}
    assert run(["--plan", "--detailed-exitcode"]) == 0


def test_planning_and_saving_write_nothing_to_aws(folder: Path, sandbox: Sandbox) -> None:
    before = len(writes(sandbox))

    run(SAVE)

    assert writes(sandbox)[before:] == []


def test_the_command_takes_the_file_as_well(reviewed: Path, sandbox: Sandbox) -> None:
    assert run(["apply", "plan.json", "--yes"]) == 0

    assert limits(sandbox) == {"acme": 700, "beta": 800}


def test_a_new_installation_can_be_planned_and_applied_from_the_file(folder: Path, sandbox: Sandbox) -> None:
    assert run(SAVE) == 0

    assert run(APPLY) == 0
    assert run(["--plan", "--detailed-exitcode"]) == 0


def test_a_saved_plan_keeps_the_published_schema_and_says_whether_it_has_changes(reviewed: Path) -> None:
    schema = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())
    jsonschema.validate(saved(reviewed), schema)
    assert saved(reviewed)["has_changes"] is True

    run(APPLY)
    run(SAVE)

    jsonschema.validate(saved(reviewed), schema)
    assert saved(reviewed)["has_changes"] is False


def test_a_saved_plan_without_changes_is_nothing_to_do(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    run(APPLY)
    run(SAVE)
    before = len(writes(sandbox))

    assert run(APPLY) == 0

    assert writes(sandbox)[before:] == []
    assert "no changes" in capsys.readouterr().err


# Refused whole


def test_an_edited_plan_is_refused(reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    path = reviewed / "plan.json"
    path.write_text(path.read_text().replace("700.00", "900.00"))

    refused(capsys, sandbox, "was edited")


def test_a_reformatted_plan_is_an_edited_one(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    (reviewed / "plan.json").write_text(json.dumps(saved(reviewed)))

    refused(capsys, sandbox, "was edited")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not a whole JSON document"),
        (b'{"saved": {', "is not a whole JSON document"),
        (b"[" * 100_000, "is not a whole JSON document"),
        (b"\xff\xfe\x00", "is not a whole JSON document"),
        (b"PK\x03\x04 a plan of another tool", "is not a whole JSON document"),
        (b'{"format_version": "1.2", "terraform_version": "1.9.0"}', "holds no saved plan"),
        (b"[]", "holds no saved plan"),
        (b'{"saved": {"format": 99}}', "was made by a newer version of this tool"),
        (b'{"saved": {"format": 1}, "x": NaN}', "was edited"),
        (b" " * 50_000_001, "is larger than 50 MB"),
    ],
)
def test_what_is_no_plan_of_ours_is_refused(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    (folder / "plan.json").write_bytes(content)

    refused(capsys, sandbox, says)


def test_the_plain_json_plan_is_no_saved_plan(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["--plan", "--format", "json"])
    (folder / "plan.json").write_text(capsys.readouterr().out)

    refused(capsys, sandbox, "holds no saved plan")


def test_a_cut_plan_is_refused(reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    path = reviewed / "plan.json"
    path.write_text(path.read_text()[: path.stat().st_size // 2])

    refused(capsys, sandbox, "is not a whole JSON document")


def test_a_plan_file_that_is_not_there_is_invalid_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(APPLY) == 3

    assert "plan.json: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(("hours", "code"), [(23.9, 0), (24, 4)])
def test_a_plan_is_good_for_its_time(
    reviewed: Path, standing_clock: Clock, capsys: pytest.CaptureFixture[str], hours: float, code: int
) -> None:
    standing_clock.advance(hours=hours)

    assert run(APPLY) == code

    assert ("this plan was good until 2026-11-23 06:00 UTC" in capsys.readouterr().err) is (code == 4)


def test_how_long_a_plan_is_good_is_a_setting(
    reviewed: Path,
    sandbox: Sandbox,
    standing_clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RECONCILE_PLAN_TTL_HOURS", "1")
    run(SAVE)
    capsys.readouterr()
    standing_clock.advance(hours=1)

    refused(capsys, sandbox, "this plan was good until 2026-11-22 07:00 UTC")


def test_a_plan_of_other_manifests_is_refused(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    want(reviewed, "beta", 801)

    refused(capsys, sandbox, "made from other manifests")


def test_a_plan_of_other_settings_is_refused(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_BILLING__BUDGETS__DEFAULT_MONTHLY_LIMIT", "501")

    refused(capsys, sandbox, "made with other settings")


def test_a_plan_of_another_controller_is_refused(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_CONTROLLER_ID", "green")

    refused(capsys, sandbox, "made for the controller_id 'default', and this is 'green'")


def test_a_plan_of_another_account_is_refused(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.bootstrap._account_id", lambda *_: "210987654321")

    refused(capsys, sandbox, "made for the account default (123456789012), and this is the account default (2109")


def test_a_plan_is_applied_once(reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    run(APPLY)
    sandbox.client("budgets").update_budget(
        AccountId="123456789012",
        NewBudget={
            "BudgetName": "daylily-acme-monthly",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": "500", "Unit": "USD"},
            "CostFilters": {"TagKeyValue": ["user:daylily:customer_id$acme"]},
        },
    )
    before = budget_writes(sandbox)

    assert run(APPLY) == 4

    assert "applied already" in capsys.readouterr().err
    assert budget_writes(sandbox) == before


def budget_writes(sandbox: Sandbox) -> list[str]:
    return [one for one in writes(sandbox) if one.startswith("budgets:")]


def test_an_apply_that_died_in_the_middle_is_not_repeated_from_the_file(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults.add(Fault("budgets", "UpdateBudget", "error", code="AccessDeniedException", status=400, times=None))
    assert run(APPLY) in (1, 5)
    sandbox.faults.clear()
    capsys.readouterr()

    assert run(APPLY) == 4

    assert "applied already" in capsys.readouterr().err
    assert limits(sandbox) == {"acme": 500, "beta": 500}
    assert run(SAVE) == 0
    assert run(APPLY) == 0
    assert limits(sandbox) == {"acme": 700, "beta": 800}


def test_a_refused_apply_uses_the_plan_up_in_no_way(reviewed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setenv("RECONCILE_CONTROLLER_ID", "green")
        assert run(APPLY) == 4

    assert run(["--apply", "plan.json"]) == 64, "nobody to ask"
    assert run(APPLY) == 0


# Per customer


def raise_by_hand(sandbox: Sandbox, name: str, amount: str) -> None:
    budgets = sandbox.client("budgets")
    budget = budgets.describe_budget(AccountId="123456789012", BudgetName=f"daylily-{name}-monthly")["Budget"]
    changed = {key: value for key, value in budget.items() if key not in ("CalculatedSpend", "LastUpdatedTime")}
    changed["BudgetLimit"] = {"Amount": amount, "Unit": "USD"}
    budgets.update_budget(AccountId="123456789012", NewBudget=changed)


def test_a_customer_that_moved_since_is_skipped_and_named_and_the_others_are_applied(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    raise_by_hand(sandbox, "acme", "9999")

    assert run(APPLY) == 5

    out, err = capsys.readouterr()
    assert limits(sandbox) == {"acme": 9999, "beta": 800}
    assert "Stale, left alone: acme." in err
    assert "customer/acme was left alone" in out


def test_what_moved_beside_the_change_makes_a_customer_stale_too(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    tags = sandbox.client("s3").get_bucket_tagging(Bucket="acme-bucket")["TagSet"]
    ours = [tag for tag in tags if tag["Key"] != "daylily:customer_id"]
    sandbox.client("s3").put_bucket_tagging(Bucket="acme-bucket", Tagging={"TagSet": ours})

    assert run(APPLY) == 5

    assert limits(sandbox) == {"acme": 500, "beta": 800}


def test_where_all_moved_nothing_is_done_and_the_plan_is_refused(
    reviewed: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    raise_by_hand(sandbox, "acme", "9999")
    raise_by_hand(sandbox, "beta", "9999")
    before = len(writes(sandbox))

    assert run(APPLY) == 4

    assert "acme, beta" in capsys.readouterr().err
    assert writes(sandbox)[before:] == []


def test_what_others_added_and_what_aws_counted_makes_nothing_stale(reviewed: Path, sandbox: Sandbox) -> None:
    tags = sandbox.client("s3").get_bucket_tagging(Bucket="acme-bucket")["TagSet"]
    sandbox.client("s3").put_bucket_tagging(
        Bucket="acme-bucket", Tagging={"TagSet": [*tags, {"Key": "team", "Value": "x"}]}
    )
    sandbox.budgets.refresh()

    assert run(APPLY) == 0

    assert limits(sandbox) == {"acme": 700, "beta": 800}


def test_an_apply_reads_only_what_the_plan_touches(folder: Path, sandbox: Sandbox) -> None:
    run(["--apply", "--yes"])
    want(folder, "acme", 700)
    run(SAVE)
    before = len(sandbox.requests)

    assert run(APPLY) == 0

    assert not [one.operation for one in sandbox.requests[before:] if one.resource == "beta-bucket"]


def test_a_prune_is_part_of_the_plan(folder: Path, sandbox: Sandbox) -> None:
    write(folder, manifest("acme", "acme-bucket", deletionPolicy="Delete"))
    run(["--apply", "--yes"])
    (folder / "customers" / "acme.yaml").unlink()
    assert run([*SAVE, "--prune", "--max-remove", "100"]) == 0

    assert run(APPLY) == 0

    assert limits(sandbox) == {"beta": 500}


def test_without_prune_in_the_plan_an_orphan_stays(folder: Path, sandbox: Sandbox) -> None:
    write(folder, manifest("acme", "acme-bucket", deletionPolicy="Delete"))
    run(["--apply", "--yes"])
    (folder / "customers" / "acme.yaml").unlink()
    want(folder, "beta", 600)
    run(SAVE)

    assert run(APPLY) == 0

    assert limits(sandbox) == {"acme": 500, "beta": 600}


@pytest.mark.parametrize("option", [["--prune"], ["-f", "customers"], ["--full"], ["--max-change", "50"]])
def test_a_saved_plan_carries_its_options_itself(
    reviewed: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    assert run([*APPLY, *option]) == 64

    assert "leave them out" in capsys.readouterr().err


# Guards


def test_what_a_guard_is_against_is_not_saved(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["--apply", "--yes"])
    want(folder, "acme", 700)
    monkeypatch.setenv("RECONCILE_SAFETY__MAX_CHANGE_PERCENT", "1")

    assert run(SAVE) == 4

    assert "--max-change 10" in capsys.readouterr().err
    assert not (folder / "plan.json").exists()
    assert run([*SAVE, "--max-change", "10"]) == 0
    assert run(APPLY) == 0


def test_the_guard_counts_what_a_saved_plan_passes_over(folder: Path, sandbox: Sandbox) -> None:
    run(["--apply", "--yes"])
    want(folder, "acme", 700)
    run(SAVE)

    assert run(APPLY) == 0, "1 of 11 keys, though the plan looks at acme only"


# Public logs


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_redacted_output_holds_no_address(folder: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    run(["--plan", "--format", form])
    assert "admin@acme.example" in capsys.readouterr().out.replace("&#8203;", "")

    run(["--plan", "--format", form, "--redact"])

    out = capsys.readouterr().out.replace("&#8203;", "")
    assert "acme.example" not in out
    assert "(e-mail hidden)" in out


def test_a_redacted_file_holds_no_address_and_can_be_applied(folder: Path, sandbox: Sandbox) -> None:
    assert run([*SAVE, "--redact"]) == 0
    assert "@" not in (folder / "plan.json").read_text()

    assert run(APPLY) == 0

    assert limits(sandbox) == {"acme": 500, "beta": 500}


def test_no_secret_is_in_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("RECONCILE_ACCOUNTS", "[{name: default, id: '123456789012'}]")

    run(SAVE)

    assert "wJalrXUtnFEMI" not in (folder / "plan.json").read_text()
