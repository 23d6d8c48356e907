"""The command collect on the local AWS: what it prints, what it pays, and how it exits."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller import bootstrap
from controller.domain.customer import Origin
from controller.domain.month import Month
from controller.domain.settings import Settings
from controller.domain.usage import CustomerMonth
from controller.entrypoints.cli import run
from controller.sandbox import Fault, Sandbox
from controller.sandbox.seed import seed
from controller.store.lease import collect_lease
from tests.fakes import Clock

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def fleet(tmp_path: Path, local_environment: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The example customers on the seeded local AWS, not applied yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.bootstrap.utc_now", local_environment.now)
    (tmp_path / "customers").mkdir()
    for file in (ROOT / "customers").iterdir():
        (tmp_path / "customers" / file.name).write_text(file.read_text())
    seed(local_environment)
    run(["init", "--aws"])
    local_environment.clear_requests()
    return local_environment


def operations(sandbox: Sandbox) -> list[str]:
    return [f"{one.service}:{one.operation}" for one in sandbox.requests]


def stored(month: str = "2026-11", customer_id: str = "cust_abc123") -> CustomerMonth:
    found = bootstrap.books(Settings()).usage.history(customer_id, [Month.parse(month)])[Month.parse(month)]
    assert isinstance(found, CustomerMonth)
    return found


def collect(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(["collect", "-q", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def months_in(out: str) -> list[str]:
    """The months that the table has a line for."""
    return re.findall(r"^\d{4}-\d{2}(?=  )", out, re.MULTILINE)


def test_it_stores_and_tells_what_it_cost_to_ask(fleet: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = collect(capsys)

    assert code == 0
    assert out.splitlines()[0].split()[:5] == ["MONTH", "ACCOUNT", "STORED", "UNCHANGED", "FAILED"]
    assert months_in(out) == [str(month) for month in Month(2026, 11).back(7)]
    pages = operations(fleet).count("ce:GetCostAndUsage")
    assert err == f"Cost Explorer: {pages} pages, $0.0{pages}\n"
    assert str(stored("2026-10").total) == "367.97"


def test_the_second_time_pays_nothing_and_writes_nothing(fleet: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    collect(capsys)
    fleet.clear_requests()

    code, out, err = collect(capsys, "-o", "json")

    assert (code, err) == (0, "Cost Explorer: 0 pages, $0.00\n")
    (month,) = json.loads(out)["months"]
    assert (month["month"], month["stored"], month["asked"]) == ("2026-11", 0, False)
    assert "dynamodb:TransactWriteItems" not in operations(fleet)
    assert "ce:GetCostAndUsage" not in operations(fleet)


def test_fresh_pays_again(fleet: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    collect(capsys)

    assert "Cost Explorer: 3 pages, $0.03" in collect(capsys, "--fresh")[2]


def test_one_month_alone(fleet: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = collect(capsys, "--month", "2024-01")

    assert months_in(out) == ["2024-01"]
    assert str(stored("2024-01").total) == "367.97"


def test_a_month_in_the_future_is_refused(fleet: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = collect(capsys, "--month", "2026-12")

    assert code == 3
    assert "2026-12 has not begun: the running month is 2026-11" in err
    assert "ce:GetCostAndUsage" not in operations(fleet)


def test_what_cannot_be_read_is_told_and_the_rest_is_stored(fleet: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.faults.add(Fault("ce", "GetCostAndUsage", "error", code="AccessDeniedException", status=400, times=None))

    code, out, err = collect(capsys, "--month", "2026-11")

    assert code == 5
    assert "Error: cost of account default: ce:GetCostAndUsage on 123456789012: AccessDeniedException" in err
    assert "See schemas/iam-policy.json for the permissions that are needed." in err
    assert "never read" in out
    assert stored().costs_as_of is None
    assert stored().worksets


def test_a_collect_that_runs_already_is_told(fleet: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    house = bootstrap.collect_house(Settings(), Origin())
    with house.leases.hold({"other": collect_lease("default")}, 0):
        code, _, err = collect(capsys, "--lock-timeout", "0")
        assert code == 4
        assert "another collect is under way: collect/default is held by" in err

        run(["unlock", "--yes"])
        assert "collect/default is held by" in capsys.readouterr().out


def test_an_apply_does_not_keep_a_collect_waiting(fleet: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    house = bootstrap.build(Settings(), Origin())
    with house.leases.hold(house.lease_names, 0):
        assert collect(capsys, "--lock-timeout", "0")[0] == 0


def test_without_tables_it_says_how_to_make_them(
    local_environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "customers").mkdir()
    (tmp_path / "customers" / "acme.yaml").write_text((ROOT / "customers" / "acme.yaml").read_text())

    code, _, err = collect(capsys)

    assert code == 1
    assert "the table does not exist. Make it with: reconcile init --aws" in err


def test_a_corrupt_item_is_told_with_what_to_do_and_is_made_again_once_it_is_deleted(
    fleet: Sandbox, capsys: pytest.CaptureFixture[str], standing_clock: Clock
) -> None:
    collect(capsys)
    key: dict[str, Any] = {"record": {"S": "usage/2026-11"}, "owner": {"S": "cust_abc123"}}
    before = stored()
    dynamodb = fleet.client("dynamodb")
    dynamodb.put_item(TableName="daylily-billing", Item={**key, "usage": {"S": "{"}})

    code, _, err = collect(capsys)
    assert code == 5
    assert "left out: what is stored of cust_abc123 in 2026-11" in err
    assert "reconcile collect --month 2026-11 --fresh" in err

    dynamodb.delete_item(TableName="daylily-billing", Key=key)
    standing_clock.now += timedelta(seconds=1)
    assert collect(capsys, "--month", "2026-11", "--fresh")[0] == 0
    assert stored().lines == before.lines
