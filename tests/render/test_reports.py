"""Usage, history, forecast and costs on paper: golden pages, one number in all forms, and unknown is never zero."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.costs_report import costs_report
from controller.domain.coverage import coverage_of
from controller.domain.forecast_report import forecast_report
from controller.domain.gate import Gate
from controller.domain.history_report import HistoryReport, history_report
from controller.domain.month import Month
from controller.domain.usage import CostRow, CustomerMonth
from controller.domain.usage_report import UsageReport, usage_report
from controller.render import costs_view, forecast_view, history_view, report_documents, usage_document, usage_view
from controller.render.json_text import json_text
from controller.render.tables import as_csv
from controller.render.yaml_text import yaml_text
from tests.generated_usage import AS_OF, MONTH, account, acme, beta, customer_months, unread

JANUARY = Month.parse(MONTH)
GATE = Gate("cust_abc123", "warned", "OverAlert", "73.6 % of 500.00 USD is over 50 %", AS_OF, JANUARY.end, MONTH)


def usage() -> UsageReport:
    return usage_report(acme(), coverage_of([acme(), beta()], [account()]), GATE)


def history() -> HistoryReport:
    months = list(JANUARY.back(5))
    stored = {
        months[0]: beta(month=str(months[0])),
        months[2]: acme(month=str(months[2]), lines=acme().lines[:2]),
        months[4]: acme(),
    }
    return history_report("cust_abc123", "acme-genomics", months, stored, {months[3]: "it is not one of ours"})


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def unix(text: str) -> str:
    return text.replace("\r\n", "\n")


# Pages


def test_usage_reads_like_this(golden: Callable[[str, str], None]) -> None:
    golden("usage.txt", str(usage_view.page(usage())))
    golden("usage.md", usage_view.markdown(usage()))
    golden("usage.csv", unix(as_csv(usage_view.table(usage()))))


def test_usage_that_is_not_known_reads_like_this(golden: Callable[[str, str], None]) -> None:
    golden("usage_unknown.txt", str(usage_view.page(usage_report(unread()))))


def test_what_aws_tags_is_no_reason_where_the_settings_say_ledger() -> None:
    tagged = CostRow("2024-01", "daylily:customer_id", "cust_abc123", "EC2 Compute", "compute", Decimal("242.725"))
    told = list(usage_view.notes(usage_report(acme(tagged=(tagged,)))))

    assert told[0] == (
        "Compute is the worksets ledger's cost, as the settings say; AWS tags 242.73 USD of it, which is not charged."
    )


def test_of_what_aws_has_not_told_nothing_is_said() -> None:
    told = list(usage_view.notes(usage_report(acme(costs_as_of=None, lines=acme().lines[:1]))))

    assert told[0] == "Compute is the worksets ledger's cost: AWS has not told its own."


def test_what_aws_keeps_apart_may_be_of_no_service() -> None:
    """Cost Explorer is asked for record types by customer, all services together."""
    refund = CostRow("2024-01", "daylily:customer_id", "cust_abc123", "", "other", Decimal(-60), record_type="Refund")

    told = list(usage_view.notes(usage_report(acme(excluded=(refund,)))))

    assert "Not in the cost: Refund of -60.00 USD." in told


@pytest.mark.parametrize(
    ("month", "says"),
    [
        (acme(), "what compute above is made of"),
        (beta(), "compute is what AWS charges"),
        (acme(lines=acme().lines[1:], worksets=acme().worksets[2:]), "none of them is charged so far"),
    ],
)
def test_a_sentence_says_whether_the_worksets_are_in_a_sum(month: CustomerMonth, says: str) -> None:
    assert says in str(usage_view.page(usage_report(month)))


def test_history_reads_like_this(golden: Callable[[str, str], None]) -> None:
    golden("history.txt", str(history_view.page(history(), 80)))
    golden("history_ascii.txt", str(history_view.page(history(), 60, blocks=False)))
    golden("history.csv", unix(as_csv(history_view.table(history()))))


def test_forecast_reads_like_this(golden: Callable[[str, str], None]) -> None:
    reports = [acme(), acme(forecast=None), beta(), unread(), acme(spend=None)]
    golden("forecast.txt", "\n".join(str(forecast_view.page(forecast_report(one))) for one in reports))


def test_costs_read_like_this(golden: Callable[[str, str], None]) -> None:
    pages = [
        costs_view.page(costs_report("service", JANUARY, [acme(), beta()], [account()])),
        costs_view.page(costs_report("cost-center", JANUARY, [acme(), beta()], [account()])),
        costs_view.page(costs_report("customer", JANUARY, [acme(), beta(), unread()], [account()])),
        costs_view.page(costs_report("account", JANUARY, [acme(), beta()], [])),
    ]
    golden("costs.txt", "\n".join(map(str, pages)))
    report = costs_report("service", JANUARY, [acme(), beta()], [account()])
    golden("costs.csv", unix(as_csv(costs_view.table(report))))
    golden("costs.md", costs_view.markdown(report))


def test_the_usage_document_reads_like_this(golden: Callable[[str, str], None]) -> None:
    golden("usage.json", json_text(usage_document.to_document(usage())))


def test_without_a_terminal_or_on_a_narrow_one_there_is_no_chart() -> None:
    for width in (0, 25):
        assert "█" not in str(history_view.page(history(), width))


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("blocks", [True, False])
def test_a_chart_is_no_wider_than_the_terminal(width: int, blocks: bool) -> None:
    table = str(history_view.page(history()))
    chart = str(history_view.page(history(), width, blocks=blocks)).removeprefix(table).splitlines()
    bars = [line for line in chart if line.startswith("202")]
    assert len(bars) == 5
    assert max(map(len, bars)) == width
    if not blocks:
        assert all(line.isascii() for line in bars)


# Documents


def test_the_document_has_both_of_the_seed_documents_shapes() -> None:
    document = json.loads(json_text(usage_document.to_document(usage())))

    assert document["customer_id"] == "cust_abc123"
    assert document["period"] == {"month": "2024-01", "start": "2024-01-01", "end": "2024-01-31"}
    assert document["summary"]["core_cost_usd"] == 322.34
    assert document["summary"]["core_budget_used_percent"] == 64.5
    assert document["summary"]["total_cost_usd"] == document["total_cost_usd"] == 367.97
    storage, compute, transfer = (document[part] for part in ("storage", "compute", "data_transfer"))
    assert storage["current_bytes"] == 263568523264
    assert storage["current_gb"] == 245.5
    assert (storage["quota_bytes"], storage["max_gb"]) == (5368709120000, 5000)
    assert (storage["objects_count"], storage["cost_usd"]) == (15234, 5.64)
    assert (compute["worksets_submitted"], compute["vcpu_hours"], compute["cost_usd"]) == (3, 1250.5, 312.63)
    assert (transfer["ingress_gb"], transfer["egress_gb"], transfer["cost_usd"]) == (125, 45.2, 4.07)
    first = document["by_workset"][0]
    assert (first["workset_id"], first["status"], first["duration_minutes"]) == ("ws-001", "completed", 45)


def leaves(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        here = f"{path}.{name}".lstrip(".")
        if isinstance(value, Mapping):
            yield from leaves(value, here)
        else:
            yield here, value


@settings(deadline=None)
@given(customer_months())
def test_every_figure_of_a_document_says_where_it_is_from_and_unknown_ones_are_null(stored: CustomerMonth) -> None:
    document = usage_document.to_document(usage_report(stored))
    values = dict(leaves(document))
    for path, about in document["figures"].items():
        assert (values[path] is None) == (about["certainty"] == "unknown"), path
        assert (values[path] is None) == (about["sources"] == [])
    costs = {path for path in values if path.endswith("cost_usd")}
    assert costs <= document["figures"].keys()


@settings(deadline=None)
@given(customer_months())
def test_the_parts_and_the_services_of_a_document_and_the_rows_of_its_csv_add_up_to_the_total(
    stored: CustomerMonth,
) -> None:
    report = usage_report(stored)
    document = usage_document.to_document(report)
    total = document["total_cost_usd"]
    parts = [document[part]["cost_usd"] for part in ("storage", "compute", "data_transfer", "other")]
    written = rows(as_csv(usage_view.table(report)))

    assert sum(one for one in parts if one is not None) == (total or 0)
    assert sum(one["cost_usd"] for one in document["by_service"]) == (total or 0)
    assert sum(Decimal(one["cost_usd"]) for one in written) == (total or 0)
    if document["by_workset_costs"] == "informative":
        assert not any(one["in_compute_cost"] for one in document["by_workset"])


def test_amounts_in_json_are_numbers_with_two_decimals() -> None:
    text = json_text(usage_document.to_document(usage()))
    assert '"cost_usd": 45.00' in text
    assert '"budget_limit_usd": 500.00' in text


def test_a_document_says_the_same_as_json_and_yaml() -> None:
    documents = [
        usage_document.to_document(usage()),
        report_documents.history(history()),
        report_documents.forecast(forecast_report(acme())),
        report_documents.costs(costs_report("service", JANUARY, [acme(), unread()], [])),
    ]
    assert list(yaml.safe_load_all(yaml_text(documents))) == [json.loads(json_text(one)) for one in documents]


def test_unknown_is_null_in_every_document_and_empty_in_csv() -> None:
    missing = report_documents.history(history())["months"][1]
    assert missing["total_cost_usd"] is missing["budget_limit_usd"] is missing["change_percent"] is None
    assert missing["certainty"] == "unknown"
    assert rows(as_csv(history_view.table(history())))[1]["total_cost_usd"] == ""
    forecast = report_documents.forecast(forecast_report(unread()))
    assert forecast["spent_usd"] is forecast["forecast_usd"] is forecast["will_exceed"] is None


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=20))
def test_no_text_from_outside_acts_on_a_terminal(text: str) -> None:
    stored = acme(customer_id=text, name=text, display_name=text, cost_center=text, account=text, problems=(text,))
    report = usage_report(stored)
    costs = costs_report("cost-center", JANUARY, [stored], [], (text,))
    pages = [usage_view.page(report), costs_view.page(costs), forecast_view.page(forecast_report(stored))]
    assert all(str(line).isprintable() for page in pages for line in page.lines)
    for markdown in (usage_view.markdown(report), costs_view.markdown(costs)):
        assert markdown.replace("\n", "").isprintable()
    assert json_text(usage_document.to_document(report)).replace("\n", "").isprintable()


def test_every_field_of_the_usage_document_is_explained() -> None:
    document = usage_document.to_document(usage())
    page = (Path(__file__).parents[2] / "docs" / "usage.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([\w.]+)`", page.partition("## Fields of the usage document")[2]))
    whole = ("figures", "forecast", "coverage", "gate", "storage.by_class")
    paths = {path for path, _ in leaves(document) if not path.startswith(whole)} | set(whole)
    assert paths <= explained
    for name in ("by_service", "by_workset", "excluded", "coverage"):
        rows = document[name] if isinstance(document[name], list) else [document[name]]
        assert {key for row in rows for key in row} <= explained
