"""From what was read to what is stored of a month, for all customers and accounts. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.domain.allocation import Charges, Customers, allocate
from controller.domain.balance import account_month
from controller.domain.bill import Bill, Pair, bill_of, payer_of, stored_bill, without
from controller.domain.clusters import told_apart, with_clusters
from controller.domain.customer import Billing, Customer
from controller.domain.expectation import expected
from controller.domain.month import Month
from controller.domain.recorded import not_counted_before, record, recorded_worksets, worksets_in
from controller.domain.settings import UsageSettings
from controller.domain.usage import (
    AccountMonth,
    BucketStorage,
    CostReading,
    CustomerMonth,
    Forecast,
    Spend,
    Terms,
    Workset,
)
from controller.errors import Failure


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read in one run, at one time; a Failure where it could not be.

    `costs` are by account and only of those that were asked, `storage` by bucket, the others by customer id. `to_come`
    is Cost Explorer's forecast of the rest of the running month.
    """

    at: datetime
    costs: Mapping[str, CostReading | Failure] = field(default_factory=dict)
    worksets: Mapping[str, tuple[Workset, ...] | Failure] = field(default_factory=dict)
    spends: Mapping[str, Spend | Failure] = field(default_factory=dict)
    storage: Mapping[str, BucketStorage | Failure] = field(default_factory=dict)
    to_come: Mapping[str, Forecast | Failure] = field(default_factory=dict)

    def cost_of(self, account: str, month: Month) -> CostReading | None:
        """What was read now of an account's month."""
        found = self.costs.get(account)
        return found if isinstance(found, CostReading) and str(month) in found.months else None

    def cost_failure(self, account: str, month: Month) -> Failure | None:
        """Why nothing was read of it, where it was asked for."""
        found = self.costs.get(account)
        return found if isinstance(found, Failure) else found.refused.get(str(month)) if found else None


@dataclass(frozen=True, slots=True)
class MonthCase:
    """One month before anything was read: who is in it, what is stored of it, and which accounts pay.

    `earlier` are worksets that earlier months have recorded, by customer id. `forced`: Cost Explorer is asked whatever
    is stored, and believed where it restates a bill that it had closed.
    """

    month: Month
    is_running: bool
    customers: tuple[Customer, ...]
    before: Mapping[str, CustomerMonth]
    accounts: Mapping[str, AccountMonth]
    payers: tuple[str, ...]
    earlier: Mapping[str, Collection[Workset]] = field(default_factory=dict)
    forced: bool = False

    def is_final(self, account: str) -> bool:
        """Whether AWS has closed this bill, as it is stored."""
        stored = self.accounts.get(account)
        return not self.is_running and stored is not None and stored.asked_at is not None and not stored.estimated


def everyone_in(declared: Collection[Customer], before: Mapping[str, CustomerMonth]) -> tuple[Customer, ...]:
    """The customers that are declared now, and those that the month was collected for: their cost stays theirs."""
    known = {customer.customer_id for customer in declared}
    former = [_former(one) for id_, one in before.items() if id_ not in known]
    return tuple(sorted((*declared, *former), key=lambda one: one.customer_id))


def collected_month(
    case: MonthCase, readings: Readings, settings: UsageSettings
) -> tuple[dict[str, CustomerMonth], dict[str, AccountMonth]]:
    """What the month is now: customers by id, accounts by name. An account that was never read is not in it."""
    customers: dict[str, CustomerMonth] = {}
    accounts: dict[str, AccountMonth] = {}
    for payer, people in _by_payer(case, readings).items():
        bill = _bill(case, payer, people, readings, settings.cluster_tag)
        worksets = {one.customer_id: _worksets(case, one.customer_id, readings) for one in people}
        bill = with_clusters(bill, worksets, settings.cluster_tag)
        charges = allocate(bill, Customers(people, _sharing(case, bill, worksets, people)), worksets, settings)
        own = {one.customer_id: _customer(case, one, payer, bill, charges[one.customer_id], readings) for one in people}
        customers |= {id_: one for id_, one in own.items() if case.is_running or id_ in case.before or _is_used(one)}
        if bill:
            accounts[payer] = _account(case, bill, list(own.values()), readings)
    return customers, accounts


# Who pays


def _by_payer(case: MonthCase, readings: Readings) -> dict[str, list[Customer]]:
    seen = {payer: _tags(readings.cost_of(payer, case.month), case.month) for payer in case.payers}
    found: dict[str, list[Customer]] = {payer: [] for payer in case.payers}
    for customer in case.customers:
        before = case.before.get(customer.customer_id)
        payer = payer_of(customer, case.payers, seen, before.paid_by if before else "")
        found.setdefault(payer, []).append(customer)
    return found


def _tags(reading: CostReading | None, month: Month) -> set[Pair]:
    rows = reading.rows if reading else ()
    return {(row.tag_key, row.tag_value) for row in rows if row.month == str(month)}


def _bill(
    case: MonthCase, payer: str, people: Sequence[Customer], readings: Readings, cluster_tag: str | None
) -> Bill | None:
    """As it was read now, else as it is stored; None where it never was."""
    if reading := readings.cost_of(payer, case.month):
        fresh = told_apart(bill_of(reading, str(case.month), people), cluster_tag)
        return replace(fresh, restated=case.forced and _is_other(fresh, case))
    stored = case.accounts.get(payer)
    known = (case.before.get(one.customer_id) for one in people)
    return stored_bill(stored, [one for one in known if one]) if stored else None


def _is_other(bill: Bill, case: MonthCase) -> bool:
    """Whether it says something else than what is stored of it; what is not stored is nothing else.

    What goes by a cluster is left out: the ledger says whose it is, and not AWS.
    """
    known = [one for one in case.before.values() if one.paid_by == bill.account and one.costs_as_of]
    stored = case.accounts.get(bill.account)
    clusters = stored.clusters if stored else ()
    own = {one.customer_id: (without(one.tagged, clusters), one.excluded) for one in known}
    now = {id_: (bill.tagged.get(id_, ()), bill.excluded_of.get(id_, ())) for id_ in own}
    return own != now or (stored is not None and _whole(stored) != _whole(bill))


def _whole(bill: Bill | AccountMonth) -> tuple[object, ...]:
    """What AWS says of the account."""
    return bill.totals, bill.mistagged, bill.mistagged_services, bill.excluded, bill.estimated, bill.currency


# One customer


def _worksets(case: MonthCase, customer_id: str, readings: Readings) -> tuple[Workset, ...] | None:
    """Those of the month, over what was recorded of it; None where nothing was ever read."""
    before = case.before.get(customer_id)
    ledger = readings.worksets.get(customer_id)
    if not isinstance(ledger, tuple):
        return before.worksets if before and before.worksets_as_of else None
    now = worksets_in(case.month, ledger, running=case.is_running)
    now = not_counted_before(now, case.earlier.get(customer_id, ()))
    return recorded_worksets(before.worksets if before else (), now, closed=not case.is_running)


def _sharing(
    case: MonthCase, bill: Bill | None, worksets: Mapping[str, Sequence[Workset] | None], people: Sequence[Customer]
) -> set[str]:
    """Who shares in shared cost: everybody, but of a month that is over only who was there."""
    ids = {one.customer_id for one in people}
    if case.is_running:
        return ids
    tagged = bill.tagged if bill else {}
    return {id_ for id_ in ids if id_ in case.before or id_ in tagged or worksets.get(id_)}


def _customer(
    case: MonthCase, customer: Customer, payer: str, bill: Bill | None, charges: Charges, readings: Readings
) -> CustomerMonth:
    id_ = customer.customer_id
    previous = case.before.get(id_)
    costs_as_of = bill.as_of.get(id_) if bill else None
    is_read = isinstance(readings.worksets.get(id_), tuple)
    spend = _spend(case, customer, readings)
    fresh = CustomerMonth(
        customer_id=id_,
        month=str(case.month),
        name=customer.name,
        display_name=customer.display_name,
        account=customer.account,
        payer=payer,
        cost_center=customer.billing.cost_center,
        currency=bill.currency if bill else "USD",
        lines=charges.lines,
        tagged=bill.tagged.get(id_, ()) if bill and costs_as_of else (),
        excluded=bill.excluded_of.get(id_, ()) if bill and costs_as_of else (),
        compute_source=charges.compute_source,
        absorbed=charges.absorbed,
        flagged=charges.flagged,
        costs_as_of=costs_as_of,
        costs_estimated=bill.estimated if bill and costs_as_of else True,
        storage=_storage(customer, readings) if case.is_running else None,
        quota_gib=customer.quota_gib,
        worksets=charges.worksets,
        worksets_as_of=readings.at if is_read else previous.worksets_as_of if previous else None,
        spend=spend,
        problems=tuple(_problems(case, customer, payer, readings)),
        remarks=(*charges.remarks, *_remarks(spend, bill)),
        terms=_terms(customer.billing),
    )
    restated = bill is not None and bill.restated
    return _with_forecast(case, record(previous, fresh, closed=not case.is_running, restated=restated), readings)


def _terms(billing: Billing) -> Terms:
    return Terms(billing.email, billing.account_id, billing.payment_terms, billing.discount_percent, billing.currency)


def _with_forecast(case: MonthCase, month: CustomerMonth, readings: Readings) -> CustomerMonth:
    if not case.is_running:
        return month
    to_come = readings.to_come.get(month.customer_id)
    return replace(month, forecast=expected(month, to_come if isinstance(to_come, Forecast) else None))


def _storage(customer: Customer, readings: Readings) -> tuple[BucketStorage, ...] | None:
    """Of each bucket, unknown where it could not be read; None of a customer that nothing was read for."""
    names = sorted({bucket.name for bucket in customer.buckets})
    if not any(name in readings.storage for name in names):
        return None
    found = [(name, readings.storage.get(name)) for name in names]
    return tuple(one if isinstance(one, BucketStorage) else BucketStorage(name) for name, one in found)


def _spend(case: MonthCase, customer: Customer, readings: Readings) -> Spend | None:
    """What AWS last counted before this month began says nothing of it.

    AWS tells no budget of a month that is over: one that nothing was recorded of gets the limit of the manifest.
    """
    if not case.is_running:
        before = case.before.get(customer.customer_id)
        if customer.budget is None or (before and before.spend):
            return None
        return Spend(customer.budget.monthly_limit, None, None, None)
    spend = readings.spends.get(customer.customer_id)
    if not isinstance(spend, Spend):
        return None
    if spend.as_of and spend.as_of < case.month.start:
        return Spend(spend.limit, None, None, None, spend.currency)
    return spend


def _problems(case: MonthCase, customer: Customer, payer: str, readings: Readings) -> Iterator[str]:
    id_ = customer.customer_id
    told: dict[str, object] = {"cost": readings.cost_failure(payer, case.month), "worksets": readings.worksets.get(id_)}
    if case.is_running:
        told |= {"budget": readings.spends.get(id_), "forecast": readings.to_come.get(id_)}
        told |= {f"bucket {one.name}": readings.storage.get(one.name) for one in customer.buckets}
    for what, found in told.items():
        if isinstance(found, Failure):
            yield f"{what}: {found}"


def _remarks(spend: Spend | None, bill: Bill | None) -> Iterator[str]:
    if spend and bill and spend.currency != bill.currency:
        yield f"the budget counts in {spend.currency} and AWS bills in {bill.currency}, so the two are not compared"


def _is_used(month: CustomerMonth) -> bool:
    return bool(month.lines or month.worksets or month.excluded)


def _former(month: CustomerMonth) -> Customer:
    """A customer that is not declared now, as far as what is stored tells it."""
    return Customer(
        name=month.name,
        customer_id=month.customer_id,
        display_name=month.display_name,
        email="",
        account=month.account,
        billing=Billing(
            cost_center=month.cost_center,
            email=month.terms.email,
            account_id=month.terms.account_id,
            payment_terms=month.terms.payment_terms,
            discount_percent=month.terms.discount_percent,
            currency=month.terms.currency,
        ),
        quota_gib=month.quota_gib,
        attribution=tuple(sorted({(row.tag_key, row.tag_value) for row in month.tagged})),
    )


# One account


def _account(case: MonthCase, bill: Bill, customers: Sequence[CustomerMonth], readings: Readings) -> AccountMonth:
    """What its customers leave of the bill; one that AWS had closed before stays as it was, unless it is restated."""
    stored = None if bill.restated else case.accounts.get(bill.account)
    base = stored_bill(stored, customers) if stored and case.is_final(bill.account) else bill
    ledger = all(isinstance(readings.worksets.get(one.customer_id), tuple) for one in customers)
    settled = not case.is_running and not bill.estimated and ledger
    return account_month(base or bill, customers, settled=settled or bool(stored and stored.settled))


def by_customer(months: Collection[CustomerMonth]) -> dict[str, list[Workset]]:
    """The worksets that some months have recorded, by customer id."""
    found: dict[str, list[Workset]] = defaultdict(list)
    for month in months:
        found[month.customer_id] += month.worksets
    return found
