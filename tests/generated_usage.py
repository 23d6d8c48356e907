"""Months of customers and accounts: that of the seed document, and hypothesis strategies for all shapes of them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from hypothesis import strategies as st

from controller.domain.money import cents
from controller.domain.usage import (
    AccountMonth,
    BucketStorage,
    Certainty,
    CostRow,
    CustomerMonth,
    Forecast,
    Line,
    Part,
    Source,
    Spend,
    Workset,
)

Outcome = Literal["completed", "failed", "pending", "other"]

MONTH = "2024-01"
AS_OF = datetime(2024, 1, 26, 6, 0, tzinfo=UTC)
LEDGER_AS_OF = datetime(2024, 1, 26, 9, 30, tzinfo=UTC)
GLACIER = 20 * 2**30
STANDARD = 263568523264 - GLACIER

SERVICES: dict[Part, tuple[str, ...]] = {
    "compute": ("EC2 Compute",),
    "storage": ("S3 Storage",),
    "data_transfer": ("Data Transfer In", "Data Transfer Out"),
    "other": ("FSx Lustre", "S3 Requests"),
}


def line(
    service: str,
    part: Part,
    amount: str,
    source: Source = "cost_explorer",
    certainty: Certainty = "actual",
    quantity: str | None = None,
    unit: str = "",
) -> Line:
    exact = Decimal(amount)
    return Line(service, part, cents(exact), exact, source, certainty, Decimal(quantity) if quantity else None, unit)


def acme(**more: Any) -> CustomerMonth:
    """The customer of the seed document: 322.34 in the three parts that it counts, 367.97 in all."""
    lines = (
        line("EC2 Compute", "compute", "312.625", "ledger", quantity="1250.5", unit="vCPU-Hours"),
        replace(line("S3 Storage", "storage", "5.645", quantity="245.466", unit="GB-Mo"), amount=Decimal("5.64")),
        line("Data Transfer In", "data_transfer", "0", quantity="125", unit="GB"),
        line("Data Transfer Out", "data_transfer", "4.068", quantity="45.2", unit="GB"),
        line("S3 Requests", "other", "0.625", quantity="125000", unit="Requests"),
        line("FSx Lustre", "other", "45", "split", "estimated", quantity="500", unit="GB-Mo"),
    )
    started = datetime(2024, 1, 20, 8, 0, tzinfo=UTC)
    worksets = (
        Workset("ws-001", "complete", "completed", MONTH, started_at=started, minutes=Decimal(45), samples=7,
                vcpu_hours=Decimal("1000.5"), cost=Decimal("294.125"), certainty="actual", charged=True),
        Workset("ws-002", "failed", "failed", MONTH, started_at=started, minutes=Decimal("12.55"), samples=1,
                vcpu_hours=Decimal(250), cost=Decimal("18.5"), certainty="estimated", charged=True),
        Workset("ws-003", "in_progress", "pending", started_at=started),
    )  # fmt: skip
    given: dict[str, Any] = {
        "customer_id": "cust_abc123",
        "month": MONTH,
        "name": "acme-genomics",
        "display_name": "Acme Genomics",
        "cost_center": "CC-GENOMICS-001",
        "lines": lines,
        "excluded": (CostRow(MONTH, "daylily:customer_id", "cust_abc123", "EC2 Compute", "compute", Decimal("-12.5"),
                             record_type="Credit"),),
        "compute_source": "ledger",
        "costs_as_of": AS_OF,
        "storage": (
            BucketStorage("daylily-customer-a", {"StandardStorage": STANDARD, "GlacierStorage": GLACIER}, 15234, AS_OF),
        ),
        "quota_gib": 5000,
        "worksets": worksets,
        "worksets_as_of": LEDGER_AS_OF,
        "spend": Spend(Decimal(500), Decimal("9.72"), Decimal("12.10"), AS_OF),
        "forecast": Forecast(Decimal("452.1"), "cost_explorer", AS_OF, Decimal("410.25"), Decimal("505.3")),
    }  # fmt: skip
    return CustomerMonth(**given | more)


def beta(**more: Any) -> CustomerMonth:
    """A customer without a cost center, whose compute AWS tags, and whose bill is closed."""
    lines = (
        line("EC2 Compute", "compute", "498.75", quantity="1995", unit="vCPU-Hours"),
        line("S3 Storage", "storage", "27.69", quantity="1204.2", unit="GB-Mo"),
    )
    worksets = (Workset("ws-101", "complete", "completed", MONTH, cost=Decimal("77.001"), certainty="actual"),)
    given: dict[str, Any] = {
        "customer_id": "cust_beta01",
        "month": MONTH,
        "name": "beta-bio",
        "display_name": "Beta Bio",
        "lines": lines,
        "compute_source": "cost_explorer",
        "costs_as_of": AS_OF,
        "costs_estimated": False,
        "worksets": worksets,
        "worksets_as_of": LEDGER_AS_OF,
        "spend": Spend(Decimal(500), Decimal("526.44"), None, AS_OF),
    }
    return CustomerMonth(**given | more)


def unread(**more: Any) -> CustomerMonth:
    """A customer of whom nothing could be read."""
    given = {"customer_id": "cust_gamma7", "month": MONTH, "name": "gamma-labs", "problems": ("AWS did not answer",)}
    return CustomerMonth(**given | more)


def account(**more: Any) -> AccountMonth:
    given: dict[str, Any] = {
        "account": "default",
        "month": MONTH,
        "lines": (
            line("EC2 - Other", "other", "33.48", quantity="744", unit="Hrs"),
            line("S3 Storage", "storage", "14.5", quantity="630", unit="GB-Mo"),
        ),
        "estimated": False,
        "asked_at": AS_OF,
        "account_id": "123456789012",
    }
    return AccountMonth(**given | more)


# Generated


AMOUNTS = st.decimals(-50, 5000, places=4)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    part: Part = draw(st.sampled_from(sorted(SERVICES)))
    source: Source = draw(st.sampled_from(["cost_explorer", "split"]))
    exact = draw(AMOUNTS)
    amount = cents(exact) + draw(st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("-0.01")]))
    counted = draw(st.none() | st.decimals(0, 10**6, places=3))
    unit = draw(st.sampled_from(["GB", "Hrs"])) if counted is not None else ""
    certainty: Certainty = draw(st.sampled_from(["actual", "estimated"]))
    return Line(draw(st.sampled_from(SERVICES[part])), part, amount, exact, source, certainty, counted, unit)


@st.composite
def worksets(draw: st.DrawFn, number: int) -> Workset:
    outcome: Outcome = draw(st.sampled_from(["completed", "failed", "pending", "other"]))
    hours = draw(st.none() | st.decimals(0, 1000, places=4))
    cost = draw(st.none() | st.decimals(0, 100, places=4))
    return Workset(f"ws-{number:03}", outcome, outcome, MONTH, vcpu_hours=hours, cost=cost)


@st.composite
def customer_months(draw: st.DrawFn, number: int = 0) -> CustomerMonth:
    """Compute from the ledger or as tagged; with failed worksets charged or not; known, half known or unknown."""
    ran = tuple(draw(worksets(at)) for at in range(draw(st.integers(0, 4))))
    found = tuple(draw(st.lists(lines(), max_size=5)))
    asked = draw(st.sampled_from([AS_OF, AS_OF, None]))
    from_ledger = draw(st.booleans())
    if from_ledger:
        spared = draw(st.sampled_from([(), ("failed",), ("failed", "pending")]))
        ran = tuple(replace(one, charged=one.cost is not None and one.outcome not in spared) for one in ran)
        exact = sum((one.cost for one in ran if one.charged and one.cost is not None), Decimal(0))
        charged = Line("EC2 Compute", "compute", cents(exact), exact, "ledger", "actual")
        found = (*(one for one in found if one.part != "compute" and asked), charged)
    elif asked is None:
        found = ()
    sizes: st.SearchStrategy[dict[str, int]] = st.just({}) | st.builds(dict, StandardStorage=st.integers(0, 10**15))
    objects = st.none() | st.integers(0, 10**9)
    buckets = st.builds(BucketStorage, st.just("b"), sizes, objects, st.just(AS_OF))
    limit = st.none() | st.decimals("0.01", 10000, places=2)
    spend = st.builds(Spend, limit, st.none() | AMOUNTS, st.none() | AMOUNTS, st.just(AS_OF))
    forecasts = st.builds(Forecast, AMOUNTS, st.sampled_from(["budgets", "cost_explorer", "run_rate"]), st.just(AS_OF))
    return CustomerMonth(
        f"cust_{number}",
        MONTH,
        f"customer-{number}",
        account=draw(st.sampled_from(["default", "second"])),
        cost_center=draw(st.sampled_from([None, "CC-1", "CC-2"])),
        lines=found,
        compute_source="ledger" if from_ledger else "cost_explorer",
        costs_as_of=asked,
        costs_estimated=draw(st.booleans()),
        storage=draw(st.none() | st.lists(buckets, max_size=3).map(tuple)),
        quota_gib=draw(st.none() | st.integers(1, 10000)),
        worksets=ran,
        worksets_as_of=draw(st.sampled_from([LEDGER_AS_OF, LEDGER_AS_OF, None])),
        spend=draw(st.none() | spend),
        forecast=draw(st.none() | forecasts),
    )


@st.composite
def account_months(draw: st.DrawFn, name: str) -> AccountMonth:
    asked = draw(st.sampled_from([AS_OF, AS_OF, None]))
    found = tuple(draw(st.lists(lines(), max_size=4))) if asked else ()
    return AccountMonth(name, MONTH, found, estimated=draw(st.booleans()), asked_at=asked)


@st.composite
def whole_months(draw: st.DrawFn) -> tuple[list[CustomerMonth], list[AccountMonth]]:
    """All customers and accounts of a month, with each as it may be."""
    customers = [draw(customer_months(number)) for number in range(draw(st.integers(0, 4)))]
    names = draw(st.lists(st.sampled_from(["default", "second"]), unique=True))
    return customers, [draw(account_months(name)) for name in names]
