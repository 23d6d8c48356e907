"""Allocation: every cent of the bill is charged once or shown as nobody's, and compute is never charged twice."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.allocation import Charges, Customers, allocate
from controller.domain.balance import account_month
from controller.domain.bill import Bill, bill_of, payer_of, stored_bill
from controller.domain.clusters import cluster_notes, with_clusters
from controller.domain.costs_report import costs_report
from controller.domain.coverage import coverage_of
from controller.domain.customer import Customer
from controller.domain.money import cents
from controller.domain.month import Month
from controller.domain.settings import SharedCost, UsageSettings
from controller.domain.usage import AccountMonth, CostReading, CustomerMonth, Workset
from tests.generated_bills import (
    AS_OF,
    CLUSTER,
    IDS,
    MONTH,
    PROJECT,
    customer,
    ledgers,
    reading,
    readings,
    row,
    usage_settings,
)

PEOPLE = (customer("cust_a", (PROJECT, "project-a")), *(customer(id_) for id_ in IDS[1:]))
ZERO = Decimal(0)

Ledger = Mapping[str, Sequence[Workset] | None]


def charges_of(
    bill: Bill | None, ledger: Ledger | None = None, people: Sequence[Customer] = PEOPLE, **how: Any
) -> dict[str, Charges]:
    everyone = Customers(people, {one.customer_id for one in people})
    return allocate(bill, everyone, ledger if ledger is not None else dict.fromkeys(IDS, ()), UsageSettings(**how))


def month_of(customer_id: str, charges: Charges, bill: Bill | None) -> CustomerMonth:
    return CustomerMonth(
        customer_id,
        MONTH,
        lines=charges.lines,
        tagged=bill.tagged.get(customer_id, ()) if bill else (),
        excluded=bill.excluded_of.get(customer_id, ()) if bill else (),
        worksets=charges.worksets,
        costs_as_of=AS_OF if bill else None,
        worksets_as_of=AS_OF,
    )


def whole(found: CostReading, ledger: Ledger, settings: UsageSettings) -> tuple[list[CustomerMonth], AccountMonth]:
    bill = read(found, ledger, settings)
    charges = allocate(bill, Customers(PEOPLE, IDS), ledger, settings)
    months = [month_of(id_, one, bill) for id_, one in charges.items()]
    return months, account_month(bill, months)


def read(found: CostReading, ledger: Ledger, settings: UsageSettings, people: Sequence[Customer] = PEOPLE) -> Bill:
    bill = with_clusters(bill_of(found, MONTH, people), ledger, settings.cluster_tag)
    assert bill
    return bill


def ran(
    workset_id: str, cost: str | None, outcome: Any = "completed", certainty: Any = "actual", hours: str = "10"
) -> Workset:
    certainty = "unknown" if cost is None else certainty
    month = None if outcome == "pending" else MONTH
    return Workset(
        workset_id, outcome, outcome, month, cost=None if cost is None else Decimal(cost), certainty=certainty,
        vcpu_hours=Decimal(hours),
    )  # fmt: skip


# To the cent


@given(readings(), ledgers(), usage_settings())
def test_customers_and_what_is_left_are_the_bill_to_the_cent(
    found: CostReading, ledger: Ledger, settings: UsageSettings
) -> None:
    months, account = whole(found, ledger, settings)

    bill = cents(sum((one.amount for one in found.rows if one.month == MONTH), ZERO))
    charged = sum((line.amount for one in months for line in one.lines), ZERO)
    assert charged + account.unallocated == bill
    assert coverage_of(months, [account]).total == bill


@given(readings(), ledgers(), usage_settings())
def test_every_service_adds_up_too_within_a_cent_of_its_cost(
    found: CostReading, ledger: Ledger, settings: UsageSettings
) -> None:
    months, account = whole(found, ledger, settings)

    every = [*account.lines, *(line for one in months for line in one.lines)]
    for service in {line.service for line in every}:
        exact = account.totals.get(service, ZERO)
        lines = [line for line in every if line.service == service]
        assert sum((line.exact for line in lines), ZERO) == exact
        assert abs(sum((line.amount for line in lines), ZERO) - exact) < Decimal("0.01")


@given(readings(), ledgers(), usage_settings())
def test_the_lines_of_a_customer_add_up_to_its_cost_rounded_once(
    found: CostReading, ledger: Ledger, settings: UsageSettings
) -> None:
    months, _ = whole(found, ledger, settings)

    for one in months:
        assert one.total == cents(sum((line.exact for line in one.lines), ZERO))
        assert one.total == sum(one.part(part) or ZERO for part in ("storage", "compute", "data_transfer", "other"))


@given(readings(), ledgers(), usage_settings(), st.integers())
def test_the_order_of_what_was_read_does_not_matter(
    found: CostReading, ledger: Ledger, settings: UsageSettings, seed: int
) -> None:
    shuffle = random.Random(seed)
    rows = shuffle.sample(found.rows, len(found.rows))
    people = shuffle.sample(PEOPLE, len(PEOPLE))
    turned = {id_: ledger[id_] for id_ in reversed(IDS)}

    bill = read(replace(found, rows=tuple(rows)), turned, settings, people)

    assert bill == read(found, ledger, settings)
    assert allocate(bill, Customers(people, IDS), turned, settings) == allocate(
        read(found, ledger, settings), Customers(PEOPLE, IDS), ledger, settings
    )


@given(readings(), ledgers(), usage_settings())
def test_what_is_stored_is_allocated_again_as_it_was(
    found: CostReading, ledger: Ledger, settings: UsageSettings
) -> None:
    """So Cost Explorer need not be asked again when only the ledger has moved."""
    months, account = whole(found, ledger, settings)

    bill = with_clusters(stored_bill(account, months), ledger, settings.cluster_tag)

    assert allocate(bill, Customers(PEOPLE, IDS), ledger, settings) == allocate(
        read(found, ledger, settings), Customers(PEOPLE, IDS), ledger, settings
    )
    assert bill
    assert account_month(bill, months) == account


@given(readings(), ledgers(), usage_settings())
def test_compute_is_never_charged_from_both(found: CostReading, ledger: Ledger, settings: UsageSettings) -> None:
    months, _ = whole(found, ledger, settings)

    for one in months:
        sources = {line.source for line in one.lines if line.part == "compute" and line.source != "split"}
        assert len(sources) <= 1
        assert not (sources == {"cost_explorer"} and any(workset.charged for workset in one.worksets))


@given(readings(), ledgers(), usage_settings())
def test_the_worksets_that_say_they_are_charged_are_the_line(
    found: CostReading, ledger: Ledger, settings: UsageSettings
) -> None:
    months, _ = whole(found, ledger, settings)

    for one in months:
        told = sum((workset.cost or ZERO for workset in one.worksets if workset.charged), ZERO)
        assert told == sum((line.exact for line in one.lines if line.source == "ledger"), ZERO)


# Whose it is


def test_a_row_is_a_customers_by_its_id_or_by_a_tag_of_its_manifest() -> None:
    bill = bill_of(
        reading(
            row("cust_a", "S3 Storage", "5.64"),
            row("project-a", "FSx Lustre", "45", key=PROJECT),
            row("cust_x", "S3 Storage", "7"),
            row("project-x", "S3 Storage", "2", key=PROJECT),
            row("", "S3 Storage", "14.50"),
            row("cust_b", "", "-3", credit="Credit"),
        ),
        MONTH,
        PEOPLE,
    )

    assert [(one.service, str(one.amount)) for one in bill.tagged["cust_a"]] == [
        ("FSx Lustre", "45"),
        ("S3 Storage", "5.64"),
    ]
    assert bill.mistagged == {"cust_x": 7, "project-x": 2}
    assert bill.mistagged_services == {"S3 Storage": 9}
    assert bill.totals == {"FSx Lustre": 45, "S3 Storage": Decimal("29.14")}
    assert bill.excluded == {"Credit": -3}
    assert [one.amount for one in bill.excluded_of["cust_b"]] == [-3]


def test_a_tag_that_two_customers_claim_is_charged_to_neither() -> None:
    both = (customer("cust_a", (PROJECT, "lab")), customer("cust_b", (PROJECT, "lab")))

    bill = bill_of(reading(row("lab", "FSx Lustre", "9", key=PROJECT)), MONTH, both)

    assert bill.tagged == {}
    assert bill.mistagged == {"lab": 9}


@pytest.mark.parametrize(
    ("account", "payers", "seen", "before", "payer", "why"),
    [
        ("research", ["default", "research"], {}, "", "research", "its own account pays"),
        ("research", ["default"], {}, "", "default", "only one account pays"),
        ("member", ["one", "two"], {"two": {("daylily:customer_id", "cust_a")}}, "one", "two", "two tells cost of it"),
        ("member", ["one", "two"], {}, "two", "two", "nothing tells, so as before"),
        ("member", ["one", "two"], {}, "", "one", "nothing tells, so the first"),
    ],
)
def test_the_account_that_pays(account: str, payers: list[str], seen: Any, before: str, payer: str, why: str) -> None:
    assert payer_of(customer("cust_a", account=account), payers, seen, before) == payer, why


# Clusters

ON_PROD = reading(
    row("prod", "FSx Lustre", "45", key=CLUSTER),
    row("prod", "EC2 Compute", "90", key=CLUSTER),
    row("cust_b", "S3 Storage", "5"),
    row("other", "EC2 Compute", "7", key=CLUSTER),
)
BY_CLUSTER = UsageSettings(cluster_tag=CLUSTER)


def on(cluster: str, cost: str = "1", outcome: Any = "completed") -> Workset:
    return replace(ran(f"w-{cluster}", cost, outcome), cluster=cluster)


def clustered(ledger: Ledger, settings: UsageSettings = BY_CLUSTER) -> dict[str, dict[str, str]]:
    months, account = whole(ON_PROD, {**dict.fromkeys(IDS, ()), **ledger}, settings)
    told = {one.customer_id: {line.service: str(line.amount) for line in one.lines} for one in months if one.lines}
    return told | {"nobody": {line.service: str(line.amount) for line in account.lines}}


def test_what_a_cluster_cost_is_the_customers_whose_worksets_ran_there() -> None:
    """Its compute, too: so nothing of the ledger is charged."""
    assert clustered({"cust_a": (on("prod"), on("prod"))}) == {
        "cust_a": {"FSx Lustre": "45.00", "EC2 Compute": "90.00"},
        "cust_b": {"S3 Storage": "5.00"},
        "nobody": {"EC2 Compute": "7.00"},
    }


@pytest.mark.parametrize(
    ("ledger", "settings", "why"),
    [
        ({"cust_a": (on("prod"),), "cust_b": (on("prod"),)}, BY_CLUSTER, "worksets of two ran there"),
        ({"cust_a": (on("prod", outcome="pending"),)}, BY_CLUSTER, "it only waits for the cluster"),
        ({"cust_a": (on("dev"),)}, BY_CLUSTER, "it ran elsewhere"),
        ({"cust_a": (on("prod"),), "cust_d": None}, BY_CLUSTER, "another's worksets may have run there, too"),
        ({"cust_a": (on("prod"),)}, UsageSettings(), "no tag key is set"),
    ],
)
def test_a_cluster_that_is_no_one_customers_stays_unallocated(
    ledger: Ledger, settings: UsageSettings, why: str
) -> None:
    assert clustered(ledger, settings)["nobody"]["FSx Lustre"] == "45.00", why


def test_a_rule_may_split_a_cluster_that_several_ran_on() -> None:
    rules = (SharedCost(service="FSx Lustre", by="fixed", shares={"cust_a": Decimal(40)}),)
    told = clustered(
        {"cust_a": (on("prod"),), "cust_b": (on("prod"),)}, BY_CLUSTER.model_copy(update={"shared": rules})
    )
    assert (told["cust_a"]["FSx Lustre"], told["nobody"]["FSx Lustre"]) == ("18.00", "27.00")


def test_a_tag_of_a_manifest_goes_before_the_ledger() -> None:
    people = (customer("cust_b", (CLUSTER, "prod")), customer("cust_a"))
    bill = read(ON_PROD, {"cust_a": (on("prod"),), "cust_b": ()}, BY_CLUSTER, people)
    assert {id_: len(rows) for id_, rows in bill.tagged.items()} == {"cust_b": 3}


def test_a_cluster_is_tied_anew_from_what_is_stored() -> None:
    """Another customer's workset came to be known since Cost Explorer was asked."""
    first: Ledger = {**dict.fromkeys(IDS, ()), "cust_a": (on("prod"),)}
    months, account = whole(ON_PROD, first, BY_CLUSTER)
    later = {**first, "cust_b": (on("prod"),)}
    bill = with_clusters(stored_bill(account, months), later, CLUSTER)
    assert bill
    assert bill.tagged == read(ON_PROD, later, BY_CLUSTER).tagged
    assert "cust_a" not in bill.tagged


def test_the_notes_name_the_clusters_that_are_nobodys_alone() -> None:
    months, account = whole(ON_PROD, {"cust_a": (on("prod"),), "cust_b": (on("prod"),), "cust_c": ()}, BY_CLUSTER)
    assert list(cluster_notes(months, [account])) == [
        "Cluster other: worksets of nobody that is known ran on it, so its 7.00 USD are no one customer's.",
        "Cluster prod: worksets of cust_a and cust_b ran on it, so its 135.00 USD are no one customer's.",
    ]
    months, account = whole(ON_PROD, {"cust_a": (on("prod"),)}, BY_CLUSTER)
    assert [note.split(":")[0] for note in cluster_notes(months, [account])] == ["Cluster other"]


# Compute

TAGGED = reading(
    row("cust_a", "EC2 Compute", "312.625"), row("cust_a", "S3 Storage", "5.64"), row("", "EC2 Compute", "90")
)
LEDGER: Ledger = {"cust_a": (ran("w1", "200.005"),), "cust_b": (ran("w2", "30", hours="21.5"), ran("w3", "12.5"))}


def compute(charges: Charges) -> list[tuple[str, str, str]]:
    return [(line.source, str(line.amount), line.certainty) for line in charges.lines if line.part == "compute"]


@pytest.mark.parametrize(
    ("setting", "of_a", "of_b", "left"),
    [
        ("auto", [("cost_explorer", "312.63", "actual")], [("ledger", "42.50", "actual")], "47.50"),
        ("tags", [("cost_explorer", "312.63", "actual")], [], "90.00"),
        ("ledger", [("ledger", "200.01", "actual")], [("ledger", "42.50", "actual")], "160.12"),
    ],
)
def test_compute_comes_from_tags_or_from_the_ledger(setting: str, of_a: Any, of_b: Any, left: str) -> None:
    bill = bill_of(TAGGED, MONTH, PEOPLE)
    charges = charges_of(bill, LEDGER, compute=setting)

    months = [month_of(id_, one, bill) for id_, one in charges.items()]
    assert (compute(charges["cust_a"]), compute(charges["cust_b"])) == (of_a, of_b)
    (rest,) = (line for line in account_month(bill, months).lines if line.service == "EC2 Compute")
    assert str(rest.amount) == left


def test_the_ledgers_line_counts_vcpu_hours() -> None:
    (line,) = charges_of(None, LEDGER)["cust_b"].lines

    assert (line.service, str(line.quantity), line.unit) == ("EC2 Compute", "31.5", "vCPU-Hours")


def test_a_ledger_that_counts_more_than_aws_bills_leaves_a_negative_rest() -> None:
    bill = bill_of(reading(row("", "EC2 Compute", "10")), MONTH, PEOPLE)
    months = [month_of(id_, one, bill) for id_, one in charges_of(bill, LEDGER).items()]

    (rest,) = account_month(bill, months).lines
    assert (rest.service, str(rest.amount)) == ("EC2 Compute", "-232.51")


def test_a_ledger_that_could_not_be_read_is_unknown_and_not_zero() -> None:
    bill = bill_of(reading(row("cust_a", "S3 Storage", "5.64")), MONTH, PEOPLE)

    assert compute(charges_of(bill, {"cust_a": None})["cust_a"]) == [("ledger", "0.00", "unknown")]
    assert charges_of(None, {"cust_a": None})["cust_a"].lines == ()


@pytest.mark.parametrize(
    ("worksets", "line", "why"),
    [
        ([ran("w", None)], [("ledger", "0.00", "unknown")], "nothing says what it cost"),
        ([ran("w", None), ran("x", "3")], [("ledger", "3.00", "estimated")], "nothing says it of one"),
        ([ran("w", "2", certainty="estimated")], [("ledger", "2.00", "estimated")], "it was never measured"),
        ([ran("w", "2", "pending")], [], "it has not ended"),
        ([ran("w", "2", "other")], [("ledger", "2.00", "actual")], "it was canceled, and what it burned was measured"),
        ([ran("w", "2", "other", "estimated")], [], "it was put away and never ran, as far as anybody knows"),
        ([], [], "there is none, which is known"),
    ],
)
def test_what_the_ledgers_line_is_made_of(worksets: Any, line: Any, why: str) -> None:
    assert compute(charges_of(None, {"cust_a": worksets})["cust_a"]) == line, why


@pytest.mark.parametrize(
    ("setting", "amount", "absorbed", "flagged"),
    [("bill", "8.00", "0", "0"), ("absorb", "5.00", "3", "0"), ("flag", "5.00", "0", "3")],
)
def test_failed_worksets_are_charged_absorbed_or_flagged(
    setting: str, amount: str, absorbed: str, flagged: str
) -> None:
    charges = charges_of(None, {"cust_a": [ran("w", "5"), ran("x", "3", "failed")]}, failed_worksets=setting)["cust_a"]

    assert [str(line.amount) for line in charges.lines] == [amount]
    assert (str(charges.absorbed), str(charges.flagged)) == (absorbed, flagged)


def test_currencies_are_never_added_up() -> None:
    bill = bill_of(reading(row("cust_a", "S3 Storage", "5"), currency="CNY"), MONTH, PEOPLE)

    charges = charges_of(bill, LEDGER)["cust_a"]

    assert [(line.service, line.source) for line in charges.lines] == [("S3 Storage", "cost_explorer")]
    assert charges.remarks == ("AWS bills in CNY and the ledger counts in USD, so its cost of compute is not charged",)
    assert charges.compute_source is None


@pytest.mark.parametrize(
    ("worksets", "setting"),
    [((), "bill"), ([ran("w", "0")], "bill"), ([ran("w", "3", "failed")], "absorb")],
    ids=["none", "free", "not-charged"],
)
def test_nothing_is_remarked_of_a_ledger_that_charges_nothing(worksets: Any, setting: str) -> None:
    bill = bill_of(reading(row("cust_a", "S3 Storage", "5"), currency="CNY"), MONTH, PEOPLE)
    assert charges_of(bill, {"cust_a": worksets}, failed_worksets=setting)["cust_a"].remarks == ()


# Shared cost


def shares(found: CostReading, *rules: SharedCost, people: Sequence[Customer] = PEOPLE[:3]) -> dict[str, list[str]]:
    charges = charges_of(bill_of(found, MONTH, people), people=people, shared=rules)
    return {id_: [str(line.exact) for line in one.lines if line.source == "split"] for id_, one in charges.items()}


FSX = reading(
    row("", "FSx Lustre", "90"),
    row("cust_a", "S3 Storage", "30"),
    row("cust_b", "S3 Storage", "60"),
    row("cust_c", "S3 Storage", "-5"),
)


def exactly(**amounts: str) -> dict[str, list[str]]:
    return {f"cust_{letter}": [amounts[letter]] if letter in amounts else [] for letter in "abc"}


@pytest.mark.parametrize(
    ("rule", "split"),
    [
        (SharedCost(service="FSx Lustre"), exactly(a="30.0000000000", b="30.0000000000", c="30.0000000000")),
        (SharedCost(service="Amazon FSx"), exactly(a="30.0000000000", b="30.0000000000", c="30.0000000000")),
        (SharedCost(service="FSx Lustre", by="storage"), exactly(a="30.0000000000", b="60.0000000000")),
        (SharedCost(service="FSx Lustre", by="compute"), exactly()),
        (
            SharedCost(service="FSx Lustre", by="fixed", shares={"cust_a": Decimal(50), "gone": Decimal(9)}),
            exactly(a="45"),
        ),
        (SharedCost(service="Tax"), exactly()),
    ],
)
def test_a_shared_cost_is_split_by_its_rule(rule: SharedCost, split: dict[str, list[str]]) -> None:
    """By our name or AWS's; a credit weighs nothing; nothing is split where nobody weighs, or nothing is there."""
    assert shares(FSX, rule) == split


def test_without_a_rule_nothing_is_split() -> None:
    assert shares(FSX) == exactly()


def test_what_is_tagged_with_somebody_elses_value_is_not_split() -> None:
    found = reading(row("another-fleet", "FSx Lustre", "60"), row("", "FSx Lustre", "30"))

    assert shares(found, SharedCost(service="FSx Lustre")) == exactly(
        a="10.0000000000", b="10.0000000000", c="10.0000000000"
    )


@pytest.mark.parametrize("cost", ["-30", "0"])
def test_a_credit_is_not_split(cost: str) -> None:
    assert shares(reading(row("", "FSx Lustre", cost)), SharedCost(service="FSx Lustre")) == exactly()


def test_who_does_not_share_gets_nothing_of_a_shared_cost() -> None:
    bill = bill_of(FSX, MONTH, PEOPLE)
    settings = UsageSettings(shared=(SharedCost(service="FSx Lustre"),))

    charges = allocate(bill, Customers(PEOPLE, {"cust_d"}), {}, settings)

    split = {id_: [line.amount for line in one.lines if line.source == "split"] for id_, one in charges.items()}
    assert split == {"cust_a": [], "cust_b": [], "cust_c": [], "cust_d": [90]}


# Coverage


def test_the_costs_tell_service_by_service_what_is_tied_to_customers_and_how() -> None:
    bill = bill_of(reading(*FSX.rows, row("", "S3 Storage", "14.5")), MONTH, PEOPLE)
    shared = (SharedCost(service="FSx Lustre", by="fixed", shares={"cust_a": Decimal(50)}),)
    months = [month_of(id_, one, bill) for id_, one in charges_of(bill, shared=shared).items()]

    report = costs_report("service", Month.parse(MONTH), months, [account_month(bill, months)])

    assert {(one.name, one.allocated): (one.direct, one.shared) for one in report.rows} == {
        ("S3 Storage", True): (Decimal("85.00"), 0),
        ("FSx Lustre", True): (0, Decimal("45.00")),
        ("S3 Storage", False): (Decimal("14.50"), 0),
        ("FSx Lustre", False): (Decimal("45.00"), 0),
    }
