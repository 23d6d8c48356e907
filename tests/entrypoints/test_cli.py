"""The command line against the local AWS, as a person or a CI job uses it: what it prints, and how it exits."""

import getpass
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.entrypoints.cli import run
from controller.sandbox import Fault, Sandbox
from tests.entrypoints.conftest import manifest, write, writes

ROOT = Path(__file__).parent.parent.parent


def test_plan_apply_plan_is_the_main_job(folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--plan", "--detailed-exitcode"]) == 2
    assert run(["--apply", "--yes"]) == 0
    capsys.readouterr()

    assert run(["--plan", "--detailed-exitcode"]) == 0

    assert "No changes. 2 customers match AWS." in capsys.readouterr().out


def test_a_second_apply_makes_no_writing_call(folder: Path, sandbox: Sandbox) -> None:
    run(["--apply", "--yes"])
    before = len(writes(sandbox))

    assert run(["--apply", "--yes"]) == 0

    assert writes(sandbox)[before:] == []


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 65532"), OSError("No username set")])
def test_a_user_without_a_name_may_apply_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """As in a container, which runs under a mere number. Python 3.13 says so by another error."""

    def getuser() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", getuser)

    assert run(["--apply", "--yes"]) == 0


def test_the_flags_and_the_commands_are_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--plan", "--format", "json"])
    by_flag = json.loads(capsys.readouterr().out)
    run(["plan", "--format", "json"])
    by_command = json.loads(capsys.readouterr().out)

    assert by_flag["digest"] == by_command["digest"]


def test_the_json_plan_keeps_its_published_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--plan", "--format", "json"])

    schema = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())
    jsonschema.validate(json.loads(capsys.readouterr().out), schema)


def test_data_goes_to_stdout_and_everything_else_to_stderr(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--apply", "--yes", "--format", "json"])

    out, err = capsys.readouterr()
    assert json.loads(out)["format_version"]
    assert "Paid calls" in err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--plan", "--apply"], 64, "one of the two"),
        (["plam"], 64, "Did you mean 'plan'"),
        (["--plan", "--fromat", "json"], 64, "Did you mean one of: '--format'"),
        (["--plan", "--format", "xml"], 64, "'xml' is not one of"),
        (["init"], 64, "--aws"),
        (["--plan", "-f", "nowhere"], 3, "does not exist"),
        (["--plan", "--settings", "nowhere.yaml"], 3, "nowhere.yaml"),
        (["status", "acmee"], 1, 'no status of a customer "acmee"'),
    ],
)
def test_wrong_usage_says_what_is_meant(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    assert run(arguments) == code

    assert says in capsys.readouterr().err


def test_without_anybody_to_ask_apply_needs_yes(folder: Path, sandbox: Sandbox) -> None:
    before = len(writes(sandbox))

    assert run(["--apply"]) == 64

    assert writes(sandbox)[before:] == []


def test_nothing_is_written_while_any_manifest_is_invalid(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, manifest("acme", "acme-bucket", color="blue"))
    before = len(writes(sandbox))

    assert run(["--apply", "--yes"]) == 3

    assert writes(sandbox)[before:] == []
    assert "error[unknown-field]" in capsys.readouterr().err


def test_keep_going_limits_the_run_to_the_valid_manifests_and_says_so_by_its_exit(
    folder: Path, sandbox: Sandbox
) -> None:
    write(folder, manifest("acme", "acme-bucket", color="blue"))

    assert run(["--apply", "--yes", "--keep-going"]) == 5

    assert sandbox.client("s3").get_bucket_tagging(Bucket="beta-bucket")["TagSet"]
    assert not any(one.resource == "acme-bucket" and one.writes for one in sandbox.requests if "Tag" in one.operation)


def test_a_manifest_that_broke_is_not_taken_for_one_that_is_gone(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, manifest("acme", "acme-bucket", deletionPolicy="Delete"))
    run(["--apply", "--yes"])
    (folder / "customers" / "acme.yaml").write_text("spec: [")

    run(["--apply", "--yes", "--keep-going", "--prune"])

    assert sandbox.client("s3").get_bucket_tagging(Bucket="acme-bucket")["TagSet"]


@pytest.mark.parametrize(("policy", "stays"), [("Retain", True), ("Delete", False)])
def test_a_deleted_manifest_is_shown_and_pruned_only_on_request(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], policy: str, stays: bool
) -> None:
    write(folder, manifest("acme", "acme-bucket", deletionPolicy=policy))
    run(["--apply", "--yes"])
    (folder / "customers" / "acme.yaml").unlink()
    capsys.readouterr()

    assert run(["--apply", "--yes"]) == 0
    assert "the manifest is gone" in capsys.readouterr().out
    assert budget_names(sandbox) == ["daylily-acme-monthly", "daylily-beta-monthly"]

    assert run(["--apply", "--yes", "--prune", "--max-remove", "100"]) == 0
    assert ("daylily-acme-monthly" in budget_names(sandbox)) is stays
    sandbox.client("s3").head_bucket(Bucket="acme-bucket")
    assert run(["--plan", "--detailed-exitcode"]) == 0


def test_reading_one_file_makes_no_orphans_of_the_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--apply", "--yes"])
    capsys.readouterr()

    assert run(["--plan", "--detailed-exitcode", "--prune", "-f", "customers/beta.yaml"]) == 0

    assert "1 customer" in capsys.readouterr().out


def test_a_mass_removal_is_refused_with_the_option_that_allows_it(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("acme", "beta"):
        write(folder, manifest(name, f"{name}-bucket"))
    run(["--apply", "--yes"])
    for name in ("acme", "beta"):
        write(folder, manifest(name, f"{name}-bucket", displayName="Renamed", budget={"enabled": False}))
    capsys.readouterr()

    code = run(["--apply", "--yes"])

    refused = capsys.readouterr().err
    assert code == 4
    assert "changes 4 of 11 existing resources (37 %, the limit is 30 %). If that is meant: --max-change 37" in refused
    assert budget_names(sandbox) == ["daylily-acme-monthly", "daylily-beta-monthly"]


def test_one_missing_bucket_fails_one_customer(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, manifest("broken", "no-such-bucket-here"))

    assert run(["--apply", "--yes"]) == 5

    out = capsys.readouterr().out
    assert "no-such-bucket-here" in out
    assert "create it, or correct spec.storage.buckets" in out
    assert sandbox.client("s3").get_bucket_tagging(Bucket="beta-bucket")["TagSet"]


def test_expired_credentials_are_one_error_and_one_request(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults.add(Fault("sts", "GetCallerIdentity", "error", code="ExpiredToken", status=403, times=None))
    before = len(sandbox.requests)

    assert run(["--plan"]) == 1

    assert len(sandbox.requests) == before + 1
    assert "Renew the credentials" in capsys.readouterr().err


def test_missing_tables_name_the_command_that_makes_them(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_TABLES__BILLING", "not-there")

    assert run(["--plan"]) == 1

    assert "reconcile init --aws" in capsys.readouterr().err


def test_init_makes_protected_tables_and_may_be_repeated(folder: Path, sandbox: Sandbox) -> None:
    dynamodb = sandbox.client("dynamodb")

    assert run(["init", "--aws"]) == 0

    for name in ("daylily-customers", "daylily-billing"):
        table = dynamodb.describe_table(TableName=name)["Table"]
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSEDescription"]["Status"] == "ENABLED"
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_the_printed_template_makes_the_same_tables(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_TABLES__CUSTOMERS", "other-customers")
    monkeypatch.setenv("RECONCILE_TABLES__BILLING", "other-billing")
    capsys.readouterr()
    assert run(["init", "--print"]) == 0

    sandbox.client("cloudformation").create_stack(StackName="tables", TemplateBody=capsys.readouterr().out)

    assert run(["--apply", "--yes"]) == 0


def test_status_shows_what_was_written_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--apply", "--yes"])
    capsys.readouterr()

    assert run(["status", "acme", "-o", "json"]) == 0
    (status,) = json.loads(capsys.readouterr().out)
    assert {c["type"]: c["status"] for c in status["conditions"]} == {
        "Ready": "True",
        "Synced": "True",
        "TagsActive": "True",
    }
    assert status["budget"]["actual"] is None, "AWS has not counted yet, and unknown is not zero"

    assert run(["status", "--to", "out"]) == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["acme.json", "beta.json"]


def test_status_is_by_name_or_by_id_and_lists_all_without(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--apply", "--yes"])
    capsys.readouterr()

    run(["status"])

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["CUSTOMER", "acme", "beta"]


def test_user_data_is_never_markup_or_an_escape_sequence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, manifest("acme", "acme-bucket", displayName="[red]Acme[/red] :smile:"))

    run(["--plan"])

    assert "[red]Acme[/red] :smile:" in capsys.readouterr().out


def test_no_color_leaves_no_escape_codes(folder: Path) -> None:
    answer = reconcile(["--plan"], folder, {"NO_COLOR": "1"})

    assert "\x1b" not in answer.stdout + answer.stderr


def test_a_terminal_that_cannot_show_a_name_shows_its_escapes(folder: Path) -> None:
    write(folder, manifest("acme", "acme-bucket", displayName="株式会社"))

    answer = reconcile(["--plan"], folder, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})

    assert answer.returncode == 0, answer.stderr
    assert "\\u682a" in answer.stdout


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "| true", "> /dev/full"])
def test_closed_and_full_streams_end_in_no_traceback(folder: Path, closed: str) -> None:
    command = f"{sys.executable} -m controller.entrypoints.cli validate {closed}"

    answer = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)

    assert "Traceback" not in answer.stderr


def test_a_pipe_is_no_manifest_and_is_not_waited_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "customers" / "pipe.yaml")

    assert run(["validate"]) == 3

    assert "is not a regular file" in capsys.readouterr().out


def test_ctrl_c_before_the_first_call_begins_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    from controller.entrypoints import terminal

    @contextmanager
    def already_stopped() -> Any:
        yield lambda: True

    monkeypatch.setattr(terminal, "stoppable", already_stopped)

    assert run(["--apply", "--yes"]) == 130


def test_an_apply_waits_for_another_one_and_unlock_takes_the_lease_of_a_dead_one(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {
        "record": {"S": "lease"}, "owner": {"S": "123456789012/default"}, "token": {"S": "another"}, "beat": {"N": "3"},
        "who": {"S": "ci on a host that died"}, "since": {"S": "2026-11-22 05:00:00 UTC"}, "lifetime": {"S": "30"},
    }  # fmt: skip
    sandbox.client("dynamodb").put_item(TableName="daylily-billing", Item=held)
    before = len(writes(sandbox))

    assert run(["--apply", "--yes", "--lock-timeout", "0"]) == 4
    assert "held by ci on a host that died since 2026-11-22 05:00:00 UTC" in capsys.readouterr().err
    assert [one for one in writes(sandbox)[before:] if one != "dynamodb:UpdateItem"] == []

    assert run(["unlock"]) == 64
    assert run(["unlock", "--yes"]) == 0
    assert "123456789012/default: free" in capsys.readouterr().out
    assert run(["--apply", "--yes", "--lock-timeout", "0"]) == 0
    assert run(["unlock"]) == 0
    assert "No lease is held." in capsys.readouterr().out


def test_plans_take_no_lease(folder: Path, sandbox: Sandbox) -> None:
    before = len(writes(sandbox))

    assert run(["--plan"]) == 0

    assert writes(sandbox)[before:] == []


@pytest.mark.parametrize("command", ["sandbox", "demo"])
def test_without_moto_the_local_aws_says_what_to_install(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from controller.entrypoints import local

    monkeypatch.setattr(local, "find_spec", lambda _: None)

    assert run([command]) == 1

    assert "pip install 'daylily-reconcile[sandbox]'" in capsys.readouterr().err


def test_help_imports_none_of_the_heavy_libraries() -> None:
    heavy = {"boto3", "botocore", "pydantic", "rich", "yaml", "moto", "deepdiff"}
    code = (
        "import sys; from controller.entrypoints.cli import run; run(['--help']);"
        f"print(sorted({{name.split('.')[0] for name in sys.modules}} & {heavy}))"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.splitlines()[-1] == "[]"


def reconcile(arguments: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "controller.entrypoints.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def budget_names(sandbox: Sandbox) -> list[str]:
    answer = sandbox.client("budgets").describe_budgets(AccountId="123456789012")
    return sorted(budget["BudgetName"] for budget in answer["Budgets"])
