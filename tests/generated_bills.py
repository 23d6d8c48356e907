"""Hypothesis strategies: what Cost Explorer and the ledger may say of a few customers, and the settings they meet."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from hypothesis import strategies as st

from controller.domain.bill import CUSTOMER_TAG
from controller.domain.customer import Customer
from controller.domain.services import SERVICES
from controller.domain.settings import SharedCost, UsageSettings
from controller.domain.usage import Certainty, CostReading, CostRow, Part, Workset

MONTH = "2024-01"
AS_OF = datetime(2024, 1, 26, 6, 0, tzinfo=UTC)
PROJECT = "aws-parallelcluster-project"
CLUSTER = "parallelcluster:cluster-name"
IDS = ("cust_a", "cust_b", "cust_c", "cust_d")

amounts = st.decimals("-50", "5000", places=10)
costs = st.decimals(0, 500, places=6)


def customer(customer_id: str, *pairs: tuple[str, str], account: str = "default") -> Customer:
    return Customer(customer_id, customer_id, customer_id.title(), "", account=account, attribution=pairs)


def row(
    tag_value: str,
    service: str,
    amount: str | Decimal,
    *,
    key: str = CUSTOMER_TAG,
    month: str = MONTH,
    credit: str = "",
) -> CostRow:
    part: Part = next((one.part for one in SERVICES if one.name == service), "other")
    return CostRow(month, key, tag_value, "" if credit else service, part, Decimal(amount), record_type=credit)


def reading(
    *rows: CostRow,
    account: str = "default",
    estimated: Sequence[str] = (),
    as_of: datetime = AS_OF,
    currency: str = "USD",
) -> CostReading:
    kept = tuple(one for one in rows if not one.record_type)
    apart = tuple(one for one in rows if one.record_type)
    return CostReading(account, (MONTH,), kept, apart, frozenset(estimated), as_of, 2, currency)


@st.composite
def rows(draw: st.DrawFn) -> CostRow:
    """Tagged with a customer, with a project, with a value of nobody, or not at all; now and then another month's."""
    key = draw(st.sampled_from([CUSTOMER_TAG, CUSTOMER_TAG, PROJECT, CLUSTER]))
    value = draw(st.sampled_from(["prod", "test"] if key == CLUSTER else [*IDS, "project-a", "nobody", ""]))
    service = draw(st.sampled_from(["EC2 Compute", "S3 Storage", "S3 Requests", "Data Transfer", "FSx Lustre", "Tax"]))
    month = draw(st.sampled_from([MONTH, MONTH, MONTH, "2023-12"]))
    credit = draw(st.sampled_from(["", "", "", "Credit"]))
    return row(value, service, draw(amounts), key=key, month=month, credit=credit)


@st.composite
def readings(draw: st.DrawFn) -> CostReading:
    return reading(*draw(st.lists(rows(), max_size=15)), estimated=draw(st.sampled_from([(), (MONTH,)])))


@st.composite
def worksets(draw: st.DrawFn, number: int) -> Workset:
    outcome: Literal["completed", "failed", "pending", "other"] = draw(
        st.sampled_from(["completed", "completed", "failed", "pending", "other"])
    )
    cost = draw(st.none() | costs)
    certainty: Certainty = "unknown" if cost is None else draw(st.sampled_from(["actual", "estimated"]))
    month = None if outcome == "pending" else MONTH
    hours = draw(st.none() | costs)
    cluster = draw(st.sampled_from(["", "", "prod", "test"]))
    return Workset(
        f"ws-{number}", outcome, outcome, month, vcpu_hours=hours, cost=cost, certainty=certainty, cluster=cluster
    )


def ledgers() -> st.SearchStrategy[dict[str, tuple[Workset, ...] | None]]:
    """By customer id; None where it could not be read."""
    found = st.integers(0, 4).flatmap(lambda count: st.tuples(*(worksets(at) for at in range(count))))
    return st.fixed_dictionaries({id_: st.none() | found for id_ in IDS})


@st.composite
def rules(draw: st.DrawFn, service: str) -> SharedCost:
    by: Literal["even", "compute", "storage", "fixed"] = draw(st.sampled_from(["even", "compute", "storage", "fixed"]))
    if by != "fixed":
        return SharedCost(service=service, by=by)
    percent = st.sampled_from([Decimal("33.3"), Decimal(10), Decimal("0.01")])
    return SharedCost(
        service=service, by=by, shares=draw(st.dictionaries(st.sampled_from(IDS[:3]), percent, min_size=1))
    )


@st.composite
def usage_settings(draw: st.DrawFn) -> UsageSettings:
    names = draw(st.lists(st.sampled_from(["EC2 Compute", "Amazon Simple Storage Service", "Tax"]), unique=True))
    return UsageSettings(
        compute=draw(st.sampled_from(["auto", "tags", "ledger"])),
        failed_worksets=draw(st.sampled_from(["bill", "absorb", "flag"])),
        cluster_tag=draw(st.sampled_from([None, CLUSTER])),
        shared=tuple(draw(rules(name)) for name in names),
    )
