"""Cost that carries no customer's tag but a cluster's: whose it is, by the worksets that ran there. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from controller.domain.bill import Bill, row_order, sums
from controller.domain.money import ZERO
from controller.domain.usage import AccountMonth, CostRow, CustomerMonth, Workset

Ledger = Mapping[str, Sequence[Workset] | None]
"""Worksets of a month by customer id; None where the ledger could not be read."""


def with_clusters(bill: Bill | None, worksets: Ledger, cluster_tag: str | None) -> Bill | None:
    """The bill in which what a cluster cost is the one customer's whose worksets ran on it in that month.

    `cluster_tag` is the tag key that holds a cluster's name; None: nothing goes by clusters. What several customers
    ran on, or nobody, stays untagged cost, which a rule may split; so does everything while somebody's worksets are
    not known, for they might have run there, too.
    """
    if bill is None or cluster_tag is None:
        return bill
    bill = told_apart(bill, cluster_tag)
    if None in worksets.values():
        return bill
    ran = _customers_by_cluster(worksets)
    tagged = defaultdict(list, {id_: list(rows) for id_, rows in bill.tagged.items()})
    for row in bill.clusters:
        if row.tag_key == cluster_tag and len(ran[row.tag_value]) == 1:
            tagged[next(iter(ran[row.tag_value]))].append(row)
    return replace(bill, tagged={id_: tuple(sorted(rows, key=row_order)) for id_, rows in sorted(tagged.items())})


def cluster_notes(customers: Collection[CustomerMonth], accounts: Iterable[AccountMonth]) -> Iterator[str]:
    """Which clusters are nobody's alone, as months are stored, and why."""
    for account in sorted(accounts, key=lambda one: one.account):
        known = [one for one in customers if one.paid_by == account.account]
        ran = _customers_by_cluster({one.customer_id: one.worksets for one in known})
        tied = {(row.tag_key, row.tag_value) for one in known for row in one.tagged}
        for (key, cluster), cost in _costs(account.clusters).items():
            if (key, cluster) not in tied:
                who = " and ".join(sorted(ran[cluster])) or "nobody that is known"
                amount = f"{cost:,.2f} {account.currency}"
                yield f"Cluster {cluster}: worksets of {who} ran on it, so its {amount} are no one customer's."


def told_apart(bill: Bill, cluster_tag: str | None) -> Bill:
    """As read, with what carries a cluster's tag taken out of what is tagged with a strange value."""
    found = [row for row in bill.strange if row.tag_key == cluster_tag]
    if not found:
        return bill
    rest = tuple(row for row in bill.strange if row.tag_key != cluster_tag)
    return replace(
        bill,
        strange=rest,
        mistagged=sums((row.tag_value, row.amount) for row in rest),
        mistagged_services=sums((row.service, row.amount) for row in rest),
        clusters=tuple(sorted(found, key=row_order)),
    )


def _customers_by_cluster(worksets: Ledger) -> defaultdict[str, set[str]]:
    """Who ran on each cluster; a workset that only waits has not."""
    ran: defaultdict[str, set[str]] = defaultdict(set)
    for customer_id, own in worksets.items():
        for one in own or ():
            if one.cluster and (one.outcome != "pending" or one.started_at):
                ran[one.cluster].add(customer_id)
    return ran


def _costs(rows: Iterable[CostRow]) -> dict[tuple[str, str], Decimal]:
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        found[row.tag_key, row.tag_value] += row.amount
    return dict(sorted(found.items()))
