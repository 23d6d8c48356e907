"""What is refused unless it is allowed by name: each refusal says whom it concerns and which option allows it."""

from pathlib import Path
from typing import Any

import pytest

from controller.bootstrap import powers
from controller.entrypoints.cli import run
from controller.sandbox import Sandbox
from tests.entrypoints.conftest import manifest, write, writes

APPLY = ["--apply", "--yes"]


def acme(folder: Path, **spec: Any) -> None:
    write(folder, manifest("acme", "acme-bucket", **spec))


def expiring(prefix: str, days: int) -> dict[str, Any]:
    bucket = {"name": "acme-bucket", "region": "us-west-2"}
    return {"storage": {"buckets": [bucket], "lifecycle": {"expirations": [{"prefix": prefix, "days": days}]}}}


def alerting(*channels: str) -> dict[str, Any]:
    return {"budget": {"monthlyLimit": 500, "alerts": [{"atPercent": 80, "notify": list(channels)}]}}


GUARDED = [
    ("new-expiry", expiring("logs/", 90), expiring("data/", 90), "newly deletes everything under 'data/'"),
    ("shorter-expiry", expiring("logs/", 90), expiring("logs/", 30), "already at 30 days (before: 90 days)"),
    ("last-email", alerting("email", "sns"), alerting("sns"), "no alert is sent to any e-mail address any more"),
]


def test_every_power_has_a_test() -> None:
    assert {name for name, *_ in GUARDED} | {"empty"} == set(powers())


@pytest.mark.parametrize(("power", "before", "after", "words"), GUARDED)
def test_a_power_is_refused_by_name_until_it_is_allowed(
    folder: Path,
    sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
    power: str,
    before: dict[str, Any],
    after: dict[str, Any],
    words: str,
) -> None:
    acme(folder, **before)
    assert run(APPLY) == 0
    acme(folder, **after)
    written = len(writes(sandbox))
    capsys.readouterr()

    assert run(APPLY) == 4

    told = capsys.readouterr().err
    assert f"{power} is not allowed: acme: " in told
    assert words in told
    assert f"If that is meant: --allow {power}" in told
    assert writes(sandbox)[written:] == []
    assert run([*APPLY, "--allow", power]) == 0
    assert run(["--plan", "--detailed-exitcode"]) == 0


@pytest.mark.parametrize(("power", "before", "after", "words"), GUARDED)
def test_a_saved_plan_carries_what_it_was_allowed(
    folder: Path, power: str, before: dict[str, Any], after: dict[str, Any], words: str
) -> None:
    acme(folder, **before)
    run(APPLY)
    acme(folder, **after)

    assert run(["--plan", "--out", "plan.json"]) == 4
    assert not (folder / "plan.json").exists()
    assert run(["--plan", "--out", "plan.json", "--allow", power]) == 0
    assert run(["--apply", "plan.json", "--yes"]) == 0


def test_the_settings_may_allow_for_good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acme(folder, **expiring("data/", 90))
    monkeypatch.setenv("RECONCILE_SAFETY__ALLOW", "[new-expiry]")

    assert run(APPLY) == 0


def test_an_option_comes_on_top_of_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acme(folder, **expiring("data/", 90))
    monkeypatch.setenv("RECONCILE_SAFETY__ALLOW", "[new-expiry]")

    assert run([*APPLY, "--allow", "last-email"]) == 0


def test_the_defaults_of_the_settings_need_no_allowance(folder: Path) -> None:
    assert run(APPLY) == 0


def test_putting_drift_back_needs_no_allowance(folder: Path, sandbox: Sandbox) -> None:
    acme(folder, **expiring("data/", 90))
    assert run([*APPLY, "--allow", "new-expiry"]) == 0
    sandbox.client("s3").delete_bucket_lifecycle(Bucket="acme-bucket")

    assert run(APPLY) == 0


def test_a_name_that_allows_nothing_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--plan", "--allow", "new-expirey"]) == 3

    assert "'new-expirey' is none of empty, last-email, new-expiry, shorter-expiry" in capsys.readouterr().err


# Empty folders


def test_an_empty_folder_is_never_everything_was_removed(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    run(APPLY)
    for path in (folder / "customers").iterdir():
        path.unlink()
    before = len(writes(sandbox))

    assert run([*APPLY, "--prune", "--max-remove", "100"]) == 3

    assert "no manifests found in customers" in capsys.readouterr().err
    assert writes(sandbox)[before:] == []


def test_the_last_customers_go_where_an_empty_folder_is_allowed(folder: Path) -> None:
    run(APPLY)
    for path in (folder / "customers").iterdir():
        path.unlink()

    assert run([*APPLY, "--prune", "--max-remove", "100", "--allow", "empty"]) == 0
    assert run(["--plan", "--detailed-exitcode", "--allow", "empty"]) == 0


def test_a_folder_that_is_not_there_is_not_an_empty_one(folder: Path) -> None:
    assert run(["--plan", "--allow", "empty", "-f", "nowhere"]) == 3


# Other controllers


def test_another_controllers_customer_is_refused_with_the_option_that_takes_it_over(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    run(APPLY)
    capsys.readouterr()

    assert run([*APPLY, "--controller-id", "green"]) == 5

    assert "--take-over" in capsys.readouterr().out


def test_a_customer_that_is_taken_over_is_shown_so_and_belongs_to_this_controller(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    run(APPLY)
    capsys.readouterr()

    assert run(["--plan", "--take-over", "--detailed-exitcode", "--controller-id", "green"]) == 2
    assert "taken over from the controller_id default" in capsys.readouterr().out
    assert run([*APPLY, "--take-over", "--controller-id", "green"]) == 0

    assert run(["--plan", "--detailed-exitcode", "--controller-id", "green"]) == 0
    assert run(["--plan", "--controller-id", "default"]) == 5


# The table


def put_status(sandbox: Sandbox, **attributes: Any) -> None:
    sandbox.client("dynamodb").put_item(
        TableName="daylily-billing", Item={"record": {"S": "status"}, "owner": {"S": "acme"}, **attributes}
    )


def test_a_status_of_a_newer_version_stops_the_run(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    put_status(sandbox, format={"N": "99"}, status={"S": "{}"})
    before = len(writes(sandbox))

    assert run(APPLY) == 1

    assert "the status of acme was written by a newer version of this tool" in capsys.readouterr().err
    assert writes(sandbox)[before:] == []


def test_a_status_that_is_not_ours_leaves_one_customer_alone(
    folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    put_status(sandbox, status={"S": "not ours"})

    assert run(APPLY) == 5

    assert "is not one that this tool wrote" in capsys.readouterr().out
    assert not [
        one for one in sandbox.requests if one.writes and one.resource == "acme-bucket" and "Tag" in one.operation
    ]
    assert sandbox.client("s3").get_bucket_tagging(Bucket="beta-bucket")["TagSet"]
