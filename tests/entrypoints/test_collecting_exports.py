"""The command collect by both sources of cost, on the same seeded bill: what is stored is the same."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller import bootstrap
from controller.domain.month import Month
from controller.domain.settings import Settings
from controller.domain.usage import AccountMonth
from controller.sandbox import Sandbox
from controller.sandbox.seed_costs import line_items
from tests.entrypoints.test_collecting import collect, fleet, operations
from tests.usage.exports import Written

__all__ = ["fleet"]

MONTHS = [Month(2026, 11), Month(2026, 10), Month(2024, 1)]


def stored(month: Month) -> Mapping[str, Any]:
    """All that is stored of a month, by owner; how many pages were paid for it apart."""
    found = bootstrap.books(Settings()).usage.load(month)
    accounts = {name: replace(one, pages=0) for name, one in found.accounts.items() if isinstance(one, AccountMonth)}
    return {**found.customers, **accounts}


def use_export(folder: Path, form: str) -> None:
    Path("config").mkdir(exist_ok=True)
    told = {"usage": {"cost_source": "data_export", "data_export": {"location": str(folder), "format": form}}}
    Path("config/billing_config.yaml").write_text(json.dumps(told))


@pytest.mark.parametrize("form", ["cur2", "focus"])
def test_both_sources_store_the_same_months(
    fleet: Sandbox, capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str
) -> None:
    for month in MONTHS:
        assert collect(capsys, "--month", str(month), "--fresh")[0] == 0
    by_api = {month: stored(month) for month in MONTHS}
    closed = [str(month) for month in MONTHS if month != Month(2026, 11)]
    lines = line_items(fleet.now().date())
    Written(tmp_path / "export").items(lines, closed=closed, focus=form == "focus")
    use_export(tmp_path / "export", form)
    fleet.clear_requests()
    for month in MONTHS:
        code, _, err = collect(capsys, "--month", str(month), "--fresh")
        assert (code, err) == (0, "Cost Explorer: 0 pages, $0.00\n")
    assert {month: stored(month) for month in MONTHS} == by_api
    assert not [one for one in operations(fleet) if one.startswith("ce:")]


def test_collected_from_an_export_alone_it_is_the_same_and_what_is_not_delivered_is_told(
    fleet: Sandbox, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Written(tmp_path / "export").items(line_items(fleet.now().date()), closed=["2026-10"])
    use_export(tmp_path / "export", "cur2")
    code, out, err = collect(capsys, "-o", "json")
    assert code == 0
    told = json.loads(out)
    assert told["notes"] == [
        "cost of account default, 2026-05: AWS has delivered nothing of it yet, so its cost is unknown"
    ]
    assert f"Note: {told['notes'][0]}" in err
    [may, *_] = told["months"]
    assert (may["month"], may["total"], may["asked"]) == ("2026-05", None, False)
    assert {one["month"]: one["estimated"] for one in told["months"]}["2026-10"] is False


def test_half_a_delivery_is_told_and_stores_nothing_of_its_month(
    fleet: Sandbox, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written = Written(tmp_path / "export")
    written.items(line_items(fleet.now().date()))
    (written.data("2026-11") / "costs-00002.snappy.parquet").unlink()
    use_export(tmp_path / "export", "cur2")
    code, out, err = collect(capsys, "-o", "json")
    assert code == 5
    assert "cost of account default in 2026-11" in err
    assert "listed and not there" in err
    totals = {one["month"]: one["total"] for one in json.loads(out)["months"]}
    assert totals["2026-11"] is None
    assert totals["2026-10"] is not None
