"""A figure as people are told it: a number, where it comes from, as of when, and how certain it is. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from controller.domain.money import ZERO, cents, percent_of
from controller.domain.usage import Certainty, CostRow, CustomerMonth, Line, Part, Source, Spend

PARTS: tuple[Part, ...] = ("compute", "storage", "data_transfer", "other")
"""In the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` None goes with `unknown`, and with nothing else; `as_of` is that of the oldest source."""

    value: Decimal | None = None
    sources: tuple[Source, ...] = ()
    as_of: datetime | None = None
    certainty: Certainty = "unknown"


UNKNOWN = Figure()
NOTHING = Figure(ZERO, ("cost_explorer",), None, "actual")
"""Of what AWS told no cost."""


def cost_of(month: CustomerMonth, part: Part | None = None) -> Figure:
    """What the month cost, or a part of it.

    While AWS has not answered, a part without a line is unknown: the ledger says nothing of storage. So the parts that
    are known add up to the whole, which is an estimate then.
    """
    lines = [line for line in month.lines if part in (None, line.part)]
    unanswered = month.costs_as_of is None
    if not month.is_known or (unanswered and not lines):
        return UNKNOWN
    open_ = month.costs_estimated or unanswered
    return figure_of(month, lines, estimated=open_ if part is None or not lines else False)


def figure_of(month: CustomerMonth, lines: Sequence[Line], *, estimated: bool = False) -> Figure:
    """The sum of some lines of a month. No lines: AWS told of no such cost."""
    told = [line_figure(line, read_at(month, line.source)) for line in lines]
    return sum_of(told or [replace(NOTHING, as_of=month.costs_as_of)], complete=not estimated)


def line_figure(line: Line, at: datetime | None) -> Figure:
    """What a line tells, as of when its source was read."""
    return Figure(line.amount, (line.source,), at, line.certainty)


def sum_of(figures: Iterable[Figure], *, complete: bool = True) -> Figure:
    """The sum of the figures that are known, an estimate where one of them is, or where it is not `complete`."""
    known = [one for one in figures if one.value is not None]
    certain = complete and all(one.certainty == "actual" for one in known)
    return Figure(
        sum((one.value for one in known if one.value is not None), ZERO),
        tuple(sorted({source for one in known for source in one.sources})),
        oldest(one.as_of for one in known),
        "actual" if certain else "estimated",
    )


def quantity_of(counted: Sequence[CostRow | Line]) -> tuple[Decimal | None, str]:
    """What was counted of all of these together, and its unit: known where each of them says it, in one unit."""
    amounts = [one.quantity for one in counted if one.quantity is not None]
    if not counted or len(amounts) < len(counted) or len({one.unit for one in counted}) > 1:
        return None, ""
    return sum(amounts, ZERO), counted[0].unit


def share(part: Figure, whole: Figure) -> Decimal | None:
    """In percent; None while either is not known."""
    return None if part.value is None or whole.value is None else percent_of(part.value, whole.value)


def budget_figure(stored: CustomerMonth, which: Callable[[Spend], Decimal | None]) -> Figure:
    """An amount of the customer's budget, as AWS Budgets told it; without its word that of the manifest, which may have
    been another one then. In another currency than the cost it is unknown: the two are never compared."""
    amount = which(stored.spend) if stored.spend else None
    if stored.spend is None or amount is None or stored.spend.currency != stored.currency:
        return UNKNOWN
    if stored.spend.as_of is None:
        return Figure(cents(amount), ("manifest",), None, "estimated")
    return Figure(cents(amount), ("budgets",), stored.spend.as_of, "actual")


def read_at(month: CustomerMonth, source: Source) -> datetime | None:
    """As of when a source's figures of this month are."""
    if source == "ledger":
        return month.worksets_as_of
    if source == "cloudwatch":
        return oldest(bucket.as_of for bucket in month.storage or ())
    if source == "budgets":
        return month.spend.as_of if month.spend else None
    return month.costs_as_of


def oldest(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment), default=None)


def rounded(value: Decimal, places: int) -> Decimal:
    """Half up, to so many decimals at most: without zeros at the end."""
    short = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return Decimal(f"{short:f}".rstrip("0").rstrip(".")) if "." in f"{short:f}" else short
