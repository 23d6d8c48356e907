"""A customer's month as a person reads it: the facts, the seed document's breakdown by service, the worksets."""

from collections.abc import Iterator

from controller.domain.figure import Figure, read_at
from controller.domain.money import ZERO, cents
from controller.domain.usage import CustomerMonth
from controller.domain.usage_report import UsageReport
from controller.render import report_page
from controller.render.figure_words import SOURCES, amount, told, when
from controller.render.page import BLANK, Line, Page, line
from controller.render.phrases import count, customer_title, moment
from controller.render.report_page import Facts
from controller.render.tables import UNKNOWN, Column, Table, as_lines, quantity
from controller.render.usage_document import GIB

COLUMNS = (
    Column("customer_id", ""),
    Column("month", ""),
    Column("part", ""),
    Column("service", "Service"),
    Column("usage", "Usage", "number"),
    Column("unit", "Unit"),
    Column("cost_usd", "Cost (USD)", "money"),
    Column("source", "Source"),
    Column("certainty", "Certainty"),
    Column("as_of", ""),
)
WORKSETS = (
    Column("workset_id", "Workset"),
    Column("status", "Status"),
    Column("duration_minutes", "Minutes", "number"),
    Column("samples", "Samples", "number"),
    Column("vcpu_hours", "vCPU-h", "number"),
    Column("cost_usd", "Cost (USD)", "money"),
    Column("certainty", "Certainty"),
)
NOT_COUNTED = "The worksets' costs are what the ledger says; they are in no sum above, compute is what AWS charges."
NONE_COUNTED = (
    "The worksets' costs are what the ledger says; none of them is charged so far, so they are in no sum above."
)
COUNTED = "The worksets' costs are what compute above is made of, rounded so that they add up to it."


def page(report: UsageReport) -> Page:
    return Page(tuple(_lines(report)))


def markdown(report: UsageReport) -> str:
    return report_page.markdown(title(report), facts(report), table(report), notes(report))


def table(report: UsageReport) -> Table:
    """One row for each line of cost; none while the cost is unknown."""
    stored = report.stored
    rows = [
        (
            stored.customer_id,
            stored.month,
            one.part,
            one.service,
            one.quantity,
            one.unit,
            one.amount,
            SOURCES[one.source],
            one.certainty,
            when(read_at(stored, one.source)),
        )
        for one in (report.lines if report.total.value is not None else ())
    ]
    total = ("", "", "", "TOTAL", "", "", report.total.value, "", report.total.certainty, "")
    return Table(COLUMNS, rows, total)


def title(report: UsageReport) -> str:
    stored = report.stored
    return f"{customer_title(stored.name or stored.customer_id, stored.customer_id)}   {report.month}"


def facts(report: UsageReport) -> Facts:
    stored = report.stored
    told_facts = [
        ("Period", f"{report.month.first_day} to {report.month.last_day}"),
        ("Cost center", stored.cost_center or UNKNOWN),
        ("Cost", f"{amount(report.total.value, stored.currency)}, {told(report.total)}"),
        ("Budget", _budget(report)),
        ("Of it", _core(report)),
        ("Forecast", _forecast(report)),
        ("Storage", _storage(report)),
        ("Worksets", _worksets(report)),
        ("vCPU-hours", _number(report.vcpu_hours)),
        ("Gate", _gate(report)),
    ]
    return [(name, words) for name, words in told_facts if words]


def notes(report: UsageReport) -> Iterator[str]:
    """What to know about the numbers."""
    stored, coverage = report.stored, report.coverage
    if stored.compute_source == "ledger":
        yield _from_ledger(stored)
    for one in stored.excluded:
        sort = one.record_type or "excluded"
        service = f" for {one.service}" if one.service else ""
        yield f"Not in the cost: {sort} of {amount(one.amount, stored.currency)}{service}."
    if stored.absorbed:
        yield f"Not charged: {amount(stored.absorbed, stored.currency)} of failed worksets."
    if stored.flagged:
        yield f"Open: {amount(stored.flagged, stored.currency)} of failed worksets is not charged yet."
    if coverage and coverage.percent is not None:
        yield (
            f"{coverage.percent}% of the account's {amount(coverage.total, stored.currency)} is allocated to customers,"
            f" {amount(coverage.unallocated, stored.currency)} to nobody."
        )
    yield from (f"Note: {one}." for one in stored.remarks)
    yield from (f"Problem: {one}" for one in stored.problems)


def _from_ledger(stored: CustomerMonth) -> str:
    """Why, as far as what AWS tags tells it: with `usage.compute: ledger` it is not charged."""
    if stored.costs_as_of is None:
        return "Compute is the worksets ledger's cost: AWS has not told its own."
    tagged = sum((row.amount for row in stored.tagged if row.part == "compute"), ZERO)
    if not tagged:
        return "Compute is the worksets ledger's cost: AWS's cost carries no tag of this customer for it."
    spared = amount(cents(tagged), stored.currency)
    return f"Compute is the worksets ledger's cost, as the settings say; AWS tags {spared} of it, which is not charged."


def _lines(report: UsageReport) -> Iterator[Line]:
    yield from report_page.facts_and_table(title(report), facts(report), table(report), ())
    if report.worksets:
        yield BLANK
        yield from as_lines(_worksets_table(report))
        yield line(_counted(report))
    yield from report_page.remarks(notes(report))


def _counted(report: UsageReport) -> str:
    if report.worksets_are_counted:
        return COUNTED
    return NONE_COUNTED if report.stored.compute_source == "ledger" else NOT_COUNTED


def _worksets_table(report: UsageReport) -> Table:
    rows = [
        (
            one.workset.workset_id,
            one.workset.outcome,
            one.workset.minutes,
            one.workset.samples,
            one.workset.vcpu_hours,
            one.cost,
            "unknown" if one.cost is None else one.workset.certainty,
        )
        for one in report.worksets
    ]
    return Table(WORKSETS, rows)


def _budget(report: UsageReport) -> str:
    if report.limit.value is None:
        return "unknown"
    used = UNKNOWN if report.used is None else f"{report.used}%"
    limit = f"{used} of {amount(report.limit.value, report.stored.currency)}"
    return f"{limit}, the manifest's limit: AWS told none" if report.limit.as_of is None else limit


def _core(report: UsageReport) -> str:
    """What the design document's usage response counts."""
    if report.core.value is None or report.core.value == report.total.value:
        return ""
    used = "" if report.core_used is None else f", {report.core_used}% of the budget"
    return f"{amount(report.core.value, report.stored.currency)} for storage, compute and transfer alone{used}"


def _forecast(report: UsageReport) -> str:
    one = report.forecast
    return f"{amount(one.amount.value, report.stored.currency)}, {told(one.amount)}" if one else ""


def _storage(report: UsageReport) -> str:
    size, objects, quota = report.storage.size, report.storage.objects.value, report.storage.quota_gib
    if size.value is None:
        return "unknown"
    of = f" of {quota:,} GiB" if quota else ""
    number = "" if objects is None else f" in {count(int(objects), 'object')}"
    young = report.storage.unmeasured
    missing = f"; {count(young, 'bucket')} not measured" if young else ""
    return f"{quantity(size.value / GIB)} GiB{of}{number}, {told(size)}{missing}"


def _worksets(report: UsageReport) -> str:
    submitted = report.counts["submitted"]
    if submitted.value is None:
        return "unknown"
    each = [(name, report.counts[name].value) for name in ("completed", "failed", "pending", "other")]
    parts = ", ".join(f"{number} {name}" for name, number in each if number or name != "other")
    return f"{submitted.value} submitted: {parts}, {told(submitted)}"


def _number(figure: Figure) -> str:
    return "unknown" if figure.value is None else f"{quantity(figure.value)}, {told(figure)}"


def _gate(report: UsageReport) -> str:
    gate = report.gate
    if gate is None:
        return ""
    until = f", until {moment(gate.until)}" if gate.until else ""
    return f"{gate.state}{until}: {gate.message}"
