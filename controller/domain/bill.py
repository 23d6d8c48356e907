"""What AWS charges an account for a month, and whose each of it is by its tags. Pure; nothing is decided here."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from controller.domain.customer import Customer
from controller.domain.money import ZERO
from controller.domain.usage import AccountMonth, CostReading, CostRow, CustomerMonth, Part

CUSTOMER_TAG = "daylily:customer_id"

Pair = tuple[str, str]
"""A tag key and its value."""


@dataclass(frozen=True, slots=True)
class Bill:
    """One account's bill of one month. `tagged` and `excluded_of` are by customer id, `totals` and `parts` by service.

    `mistagged` is what carries a value that is no customer's of this account, by value; `mistagged_services` the same
    by service, and `strange` its rows, where they were read now. `clusters` are the rows that go by a cluster's name:
    they are nobody's but by the ledger. `as_of` is by customer: one that is not in it was not known when Cost Explorer
    was asked. `restated`: AWS was asked again on request, and it is not what is stored.
    """

    account: str
    month: str
    tagged: Mapping[str, tuple[CostRow, ...]]
    totals: Mapping[str, Decimal]
    parts: Mapping[str, Part]
    mistagged: Mapping[str, Decimal]
    mistagged_services: Mapping[str, Decimal]
    excluded_of: Mapping[str, tuple[CostRow, ...]]
    excluded: Mapping[str, Decimal]
    as_of: Mapping[str, datetime]
    estimated: bool
    asked_at: datetime
    pages: int
    currency: str
    account_id: str
    strange: tuple[CostRow, ...] = ()
    clusters: tuple[CostRow, ...] = ()
    restated: bool = False


def bill_of(reading: CostReading, month: str, customers: Collection[Customer]) -> Bill:
    """What Cost Explorer has answered, for the customers that this account pays for."""
    rows = [row for row in reading.rows if row.month == month]
    owners = owners_of(customers)
    tagged, strange = _sorted_out(rows, owners)
    excluded = [row for row in reading.excluded if row.month == month]
    return Bill(
        account=reading.account,
        month=month,
        tagged=tagged,
        totals=sums((row.service, row.amount) for row in rows),
        parts=_parts((row.service, row.part) for row in rows),
        mistagged=sums((row.tag_value, row.amount) for row in strange),
        mistagged_services=sums((row.service, row.amount) for row in strange),
        excluded_of=_sorted_out(excluded, owners)[0],
        excluded=sums((row.record_type, row.amount) for row in excluded),
        as_of={customer.customer_id: reading.as_of for customer in customers},
        estimated=month in reading.estimated,
        asked_at=reading.as_of,
        pages=reading.pages,
        currency=reading.currency,
        account_id=reading.account_id,
        strange=tuple(sorted(strange, key=row_order)),
    )


def stored_bill(account: AccountMonth, customers: Iterable[CustomerMonth]) -> Bill | None:
    """The same from what was stored of it; None where Cost Explorer was never asked."""
    if account.asked_at is None:
        return None
    known = {one.customer_id: one for one in customers if one.costs_as_of is not None}
    lines = [*account.lines, *(line for one in known.values() for line in one.lines)]
    tagged = {id_: without(one.tagged, account.clusters) for id_, one in known.items()}
    rows = [*account.clusters, *(row for own in tagged.values() for row in own)]
    parts = _parts([(line.service, line.part) for line in lines] + [(row.service, row.part) for row in rows])
    return Bill(
        account=account.account,
        month=account.month,
        tagged={id_: own for id_, own in tagged.items() if own},
        totals=account.totals,
        parts=parts,
        mistagged=account.mistagged,
        mistagged_services=account.mistagged_services,
        excluded_of={id_: one.excluded for id_, one in known.items() if one.excluded},
        excluded=account.excluded,
        as_of={id_: one.costs_as_of for id_, one in known.items() if one.costs_as_of},
        estimated=account.estimated,
        asked_at=account.asked_at,
        pages=account.pages,
        currency=account.currency,
        account_id=account.account_id,
        clusters=account.clusters,
    )


def owners_of(customers: Iterable[Customer]) -> dict[Pair, str]:
    """The customer id by tag. What two customers claim is nobody's: better shown than charged to the wrong one."""
    everyone = list(customers)
    claims = Counter(pair for customer in everyone for pair in set(customer.attribution))
    owners = {pair: one.customer_id for one in everyone for pair in one.attribution if claims[pair] == 1}
    return owners | {(CUSTOMER_TAG, one.customer_id): one.customer_id for one in everyone}


def payer_of(customer: Customer, payers: Sequence[str], seen: Mapping[str, Collection[Pair]], before: str = "") -> str:
    """The account whose bill a customer's cost is on: its own, else the one that pays.

    Where several might, the one that tells cost of it, else the same as before, else the first. `seen` are the tags by
    account.
    """
    if customer.account in payers or len(payers) == 1:
        return customer.account if customer.account in payers else payers[0]
    pairs = {(CUSTOMER_TAG, customer.customer_id), *customer.attribution}
    telling = [payer for payer in payers if not pairs.isdisjoint(seen.get(payer, ()))]
    return next(iter([*telling, *([before] if before in payers else []), *payers]), customer.account)


def _sorted_out(
    rows: Iterable[CostRow], owners: Mapping[Pair, str]
) -> tuple[dict[str, tuple[CostRow, ...]], list[CostRow]]:
    """The rows of each customer, and those with a value that is nobody's."""
    tagged: dict[str, list[CostRow]] = defaultdict(list)
    strange = []
    for row in rows:
        owner = owners.get((row.tag_key, row.tag_value))
        if owner is not None:
            tagged[owner].append(row)
        elif row.tag_value:
            strange.append(row)
    return {owner: tuple(sorted(found, key=row_order)) for owner, found in sorted(tagged.items())}, strange


def without(rows: Iterable[CostRow], others: Iterable[CostRow]) -> tuple[CostRow, ...]:
    """Those that no tag of the others holds."""
    pairs = {(row.tag_key, row.tag_value) for row in others}
    return tuple(row for row in rows if (row.tag_key, row.tag_value) not in pairs)


def row_order(row: CostRow) -> tuple[str, ...]:
    return (row.service, row.tag_key, row.tag_value, row.record_type, row.part, str(row.amount))


def sums(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """The amounts added up by name, in order of the names."""
    found: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for name, amount in amounts:
        found[name] += amount
    return dict(sorted(found.items()))


def _parts(services: Iterable[tuple[str, Part]]) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for service, part in sorted(services):
        parts.setdefault(service, part)
    return parts
