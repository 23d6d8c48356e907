"""From bills and the ledger to what customers are charged for. Pure; the rules are written in docs/collect.md.

Compute is taken from AWS's tagged cost or from the ledger, never from both. Amounts stay exact until the end; then
each customer's lines are rounded together, so that they add up to its rounded total.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from controller.domain.bill import Bill
from controller.domain.customer import Customer
from controller.domain.figure import quantity_of
from controller.domain.money import ZERO, in_cents, split
from controller.domain.services import aws_name_of
from controller.domain.settings import SharedCost, UsageSettings
from controller.domain.usage import DOLLARS, Certainty, CostRow, Line, Part, Source, Workset

COMPUTE = "EC2 Compute"
"""The service that the ledger's cost stands under: worksets run on EC2."""
HOURS = "vCPU-Hours"


@dataclass(frozen=True, slots=True)
class Charges:
    """What one customer is charged for in a month, and what of the ledger is not charged, by setting.

    `compute_source` None: nothing is known of compute. `worksets` are those that were given, with `charged` set.
    `remarks`: what people should know; nothing that could not be read.
    """

    lines: tuple[Line, ...] = ()
    compute_source: Source | None = None
    worksets: tuple[Workset, ...] = ()
    absorbed: Decimal = ZERO
    flagged: Decimal = ZERO
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Customers:
    """The customers that one account pays for. `sharing`: the ids of those that shared cost is split between."""

    everyone: Sequence[Customer]
    sharing: Collection[str]


def allocate(
    bill: Bill | None,
    customers: Customers,
    worksets: Mapping[str, Sequence[Workset] | None],
    settings: UsageSettings,
) -> dict[str, Charges]:
    """The charges of every customer that an account pays for, by customer id.

    `bill` None: AWS was not read, so there are lines of the ledger only. `worksets` are those of the month; None or
    absent where the ledger could not be read.
    """
    ordered = sorted(customers.everyone, key=lambda one: one.customer_id)
    direct = {
        one.customer_id: _direct(one.customer_id, bill, worksets.get(one.customer_id), settings) for one in ordered
    }
    shared = _shared(bill, {id_: direct[id_].lines for id_ in direct if id_ in customers.sharing}, direct, settings)
    return {id_: replace(one, lines=_in_cents([*one.lines, *shared.get(id_, ())])) for id_, one in direct.items()}


# What is a customer's own


def _direct(
    customer_id: str, bill: Bill | None, worksets: Sequence[Workset] | None, settings: UsageSettings
) -> Charges:
    """Before shared cost, and before rounding: `amount` is not set yet."""
    known = bill is not None and customer_id in bill.as_of
    rows = bill.tagged.get(customer_id, ()) if bill and known else ()
    source = _compute_source(rows, known, worksets, settings)
    own = [row for row in rows if row.part != "compute" or source == "cost_explorer"]
    lines = _tagged_lines(own, "estimated" if bill and bill.estimated else "actual")
    if source != "ledger":
        return Charges(tuple(lines), source, tuple(replace(one, charged=False) for one in worksets or ()))
    if bill and bill.currency != DOLLARS:
        told = f"AWS bills in {bill.currency} and the ledger counts in USD, so its cost of compute is not charged"
        remarks = (told,) if any(one.cost for one in _counting(worksets or (), settings)) else ()
        return Charges(
            tuple(lines), None, tuple(replace(one, charged=False) for one in worksets or ()), remarks=remarks
        )
    return _with_ledger(lines, worksets, settings)


def _compute_source(
    rows: Iterable[CostRow], known: bool, worksets: Sequence[Workset] | None, settings: UsageSettings
) -> Source | None:
    """Where the cost of compute comes from; None where what it should come from is not known."""
    tagged = any(row.amount for row in rows if row.part == "compute")
    if settings.compute == "tags" or (settings.compute == "auto" and tagged):
        return "cost_explorer" if known else None
    return "ledger" if worksets is not None or known else None


def _tagged_lines(rows: Iterable[CostRow], certainty: Certainty) -> list[Line]:
    """One line for each service."""
    by_service: dict[tuple[str, Part], list[CostRow]] = defaultdict(list)
    for row in rows:
        by_service[row.service, row.part].append(row)
    return [
        Line(service, part, ZERO, _sum(row.amount for row in group), "cost_explorer", certainty, *quantity_of(group))
        for (service, part), group in sorted(by_service.items())
    ]


def _with_ledger(lines: Sequence[Line], worksets: Sequence[Workset] | None, settings: UsageSettings) -> Charges:
    """With one line for all worksets that count. A ledger that could not be read is an unknown line, and not zero."""
    if worksets is None:
        return Charges((*lines, Line(COMPUTE, "compute", ZERO, ZERO, "ledger", "unknown")), "ledger")
    counting = _counting(worksets, settings)
    all_of_them = _sum(one.cost or ZERO for one in worksets if _counts(one))
    left = all_of_them - _sum(one.cost or ZERO for one in counting)
    return Charges(
        (*lines, *_ledger_line(counting)),
        "ledger",
        tuple(replace(one, charged=one in counting and one.cost is not None) for one in worksets),
        absorbed=left if settings.failed_worksets == "absorb" else ZERO,
        flagged=left if settings.failed_worksets == "flag" else ZERO,
    )


def _counting(worksets: Iterable[Workset], settings: UsageSettings) -> list[Workset]:
    """Those that are charged by the ledger: failed ones only by setting."""
    spared = settings.failed_worksets != "bill"
    return [one for one in worksets if _counts(one) and not (spared and one.outcome != "completed")]


def _counts(workset: Workset) -> bool:
    """Whether it is one to charge for: it has ended, and where it neither completed nor failed, it was measured."""
    if not workset.has_ended:
        return False
    return workset.outcome in ("completed", "failed") or workset.certainty == "actual"


def _ledger_line(worksets: Sequence[Workset]) -> list[Line]:
    """Unknown where nothing says what any of them cost, an estimate where that is so of some."""
    if not worksets:
        return []
    costs = [one.cost for one in worksets if one.cost is not None]
    hours = [one.vcpu_hours for one in worksets if one.vcpu_hours is not None]
    certain = all(one.certainty == "actual" for one in worksets)
    certainty: Certainty = "unknown" if not costs else "actual" if certain else "estimated"
    quantity, unit = (_sum(hours), HOURS) if hours else (None, "")
    return [Line(COMPUTE, "compute", ZERO, _sum(costs), "ledger", certainty, quantity, unit)]


# What is shared


def _shared(
    bill: Bill | None,
    sharing: Mapping[str, Sequence[Line]],
    charged: Mapping[str, Charges],
    settings: UsageSettings,
) -> dict[str, list[Line]]:
    """The lines that the written rules give to customers, out of what is neither charged nor somebody else's."""
    shares: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    rest = _rest(bill, charged) if bill else {}
    for rule in settings.shared:
        for service in [name for name in rest if rule.service in (name, aws_name_of(name))]:
            for id_, share in _share_out(rest[service], rule, sharing).items():
                shares[id_, service] += share
                rest[service] -= share
    lines: dict[str, list[Line]] = defaultdict(list)
    for (id_, service), share in shares.items():
        if bill and share:
            certainty: Certainty = "estimated" if bill.estimated else "actual"
            lines[id_].append(Line(service, bill.parts.get(service, "other"), ZERO, share, "split", certainty))
    return lines


def _rest(bill: Bill, charged: Mapping[str, Charges]) -> dict[str, Decimal]:
    """What may be split, by service: untagged cost that the ledger does not tie to anybody."""
    rest = {service: total - bill.mistagged_services.get(service, ZERO) for service, total in bill.totals.items()}
    for charges in charged.values():
        for line in charges.lines:
            rest[line.service] = rest.get(line.service, ZERO) - line.exact
    return rest


def _share_out(cost: Decimal, rule: SharedCost, sharing: Mapping[str, Sequence[Line]]) -> dict[str, Decimal]:
    """Only a cost is split, never what the ledger counts beyond the bill, nor a credit."""
    if cost <= 0:
        return {}
    if rule.by == "fixed":
        return {id_: cost * percent / 100 for id_, percent in sorted(rule.shares.items()) if id_ in sharing}
    return split(cost, {id_: _weight(rule, lines) for id_, lines in sharing.items()})


def _weight(rule: SharedCost, lines: Sequence[Line]) -> Decimal:
    """Never below zero: a credit of one customer is no cost of the others."""
    if rule.by == "even":
        return Decimal(1)
    return max(_sum(line.exact for line in lines if line.part == rule.by), ZERO)


# Rounding


def _in_cents(lines: Sequence[Line]) -> tuple[Line, ...]:
    ordered = sorted(lines, key=lambda line: (line.service, line.part, line.source))
    amounts = in_cents(dict(enumerate(line.exact for line in ordered)))
    return tuple(replace(line, amount=amounts[at]) for at, line in enumerate(ordered))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
