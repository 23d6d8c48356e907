"""The flow of statements: a draft of any month, issued once it may be, corrected, paid or void."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.domain.settings import StatementSettings
from controller.domain.statement import (
    Filed,
    State,
    Statement,
    correction,
    draft,
    issue,
    why_not_comparable,
    why_not_yet,
)
from controller.domain.usage import CustomerMonth
from controller.errors import Failure, PermanentFailure, ReconcileError, Refused


class Store(Protocol):
    """Where statements are kept."""

    def of_customer(self, customer_id: str) -> tuple[Filed | Failure, ...]: ...

    def issue(self, prefix: str, year: int, make: Callable[[str], Filed], corrects: Filed | None = None) -> Filed: ...

    def change(
        self, filed: Filed, state: State, by: str, at: datetime, reason: str, corrects: Filed | None = None
    ) -> Filed: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How a customer's month stands: what would be issued now, what was, and what of that AWS has changed since.

    `filed`: the statement that counts, with its corrections; None: none was issued, or it is void. `difference` is the
    correction that it would take, None where there is none to make. `incomparable` is why nobody can tell.
    """

    draft: Statement
    filed: Filed | None = None
    corrections: tuple[Filed, ...] = ()
    difference: Statement | None = None
    incomparable: str = ""

    @property
    def shown(self) -> Statement:
        """What was issued, else the draft."""
        return self.filed.statement if self.filed else self.draft

    @property
    def state(self) -> State:
        return self.filed.state if self.filed else "draft"


class Invoicing:
    """Statements under some settings. `who` is told in what is kept of them."""

    def __init__(self, store: Store, settings: StatementSettings, clock: Callable[[], datetime], who: str) -> None:
        self._store, self._settings, self._clock, self._who = store, settings, clock, who

    def standing(self, month: CustomerMonth) -> Standing:
        """Raises Failure where a statement of the customer cannot be read: what was issued is not known then."""
        now = draft(month, self._settings)
        filed, corrections = self._counting(month.customer_id, month.month)
        if filed is None:
            return Standing(now)
        issued, earlier = filed.statement, [one.statement for one in corrections]
        if why := why_not_comparable(issued, earlier, month):
            return Standing(now, filed, corrections, incomparable=why)
        return Standing(now, filed, corrections, correction(issued, earlier, month, self._settings))

    def kept(self, customer_id: str, month: str) -> Standing | None:
        """How it stands by what was issued alone, where the month itself is not known any more; None: nothing was."""
        filed, corrections = self._counting(customer_id, month)
        return Standing(filed.statement, filed, corrections) if filed else None

    def to_issue(self, month: CustomerMonth, allow: Collection[str] = ()) -> Statement:
        """What `issue` would issue. Raises Refused where it may not be issued and is not allowed, or where it was."""
        filed, _ = self._counting(month.customer_id, month.month)
        if filed:
            raise Refused(
                f"{month.customer_id} has the statement {filed.statement.number} for {month.month}. "
                "An issued statement never changes: correct it with --correct, or void it first."
            )
        self._check(month, allow)
        return draft(month, self._settings)

    def to_correct(self, month: CustomerMonth) -> Statement:
        """What `correct` would issue. Raises Refused where there is nothing to correct."""
        return self._to_correct(month)[1]

    def issue(self, month: CustomerMonth, allow: Collection[str] = ()) -> Filed:
        """Issues the statement of a month. Raises Refused where it may not be issued yet, or where it was."""
        return self._issue(self.to_issue(month, allow))

    def correct(self, month: CustomerMonth) -> Filed:
        """Issues what the statement of a month is off by now. Raises Refused where there is nothing to correct."""
        corrected, change = self._to_correct(month)
        return self._issue(change, corrected)

    def mark(self, customer_id: str, number: str, state: State, reason: str = "") -> Filed:
        """An issued statement becomes paid or void; the same again changes nothing."""
        filed = self._filed(customer_id)
        found = next((one for one in filed if one.statement.number == number), None)
        if found is None:
            raise ReconcileError(f"{customer_id} has no statement {number}")
        if found.state == state:
            return found
        if found.state != "issued":
            raise Refused(f"{number} is {found.state}, and only an issued statement becomes {state}")
        if state != "void":
            return self._store.change(found, state, self._who, self._clock(), reason)
        if later := [one for one in filed if _is_made_on(one, found)]:
            raise Refused(f"{number} is corrected by {later[-1].statement.number}: that one has to be void first")
        corrects = next((one for one in filed if one.statement.number == found.statement.corrects), None)
        return self._store.change(found, state, self._who, self._clock(), reason, corrects)

    def _to_correct(self, month: CustomerMonth) -> tuple[Filed, Statement]:
        """What is to be corrected, as it was when it was compared, and the correction."""
        standing = self.standing(month)
        if standing.filed is None:
            raise Refused(
                f"nothing was issued for {month.customer_id} in {month.month}, so there is nothing to correct"
            )
        if standing.incomparable:
            raise Refused(f"what AWS changed since cannot be told: {standing.incomparable}")
        if standing.difference is None:
            raise Refused(f"{standing.filed.statement.number} says what AWS says: there is nothing to correct")
        self._check(month)
        return standing.filed, standing.difference

    def _check(self, month: CustomerMonth, allow: Collection[str] = ()) -> None:
        if words := why_not_yet(month, self._settings, self._clock(), allow):
            raise Refused(f"nothing was issued for {month.customer_id}: {words}")

    def _issue(self, statement: Statement, corrects: Filed | None = None) -> Filed:
        now = self._clock()
        nth = self._count_of_corrections(corrects) + 1 if corrects else 0

        def make(number: str) -> Filed:
            whole = issue(statement, number, now.date())
            return Filed(whole, "issued", whole.hash, self._who, now, nth=nth)

        try:
            return self._store.issue(self._settings.number_prefix, now.year, make, corrects)
        except PermanentFailure as failure:
            if failure.code not in ("AlreadyIssued", "ChangedMeanwhile"):  # by another run, since we looked
                raise
            raise Refused(str(failure)) from failure

    def _count_of_corrections(self, corrected: Filed) -> int:
        """Void ones included: what they were counted as is not used again."""
        number = corrected.statement.number
        return sum(one.statement.corrects == number for one in self._filed(corrected.statement.customer_id))

    def _counting(self, customer_id: str, month: str) -> tuple[Filed | None, tuple[Filed, ...]]:
        """The statement of a month that is not void, and those of its corrections that are not, as they were issued."""
        counts = [one for one in self._filed(customer_id) if one.statement.month == month and one.state != "void"]
        filed = next((one for one in counts if one.statement.kind == "statement"), None)
        if filed is None:
            return None, ()
        corrections = [one for one in counts if one.statement.corrects == filed.statement.number]
        return filed, tuple(sorted(corrections, key=lambda one: (one.issued_at, one.nth)))

    def _filed(self, customer_id: str) -> list[Filed]:
        found = self._store.of_customer(customer_id)
        for one in found:
            if isinstance(one, Failure):
                raise one
        return [one for one in found if isinstance(one, Filed)]


def _is_made_on(one: Filed, other: Filed) -> bool:
    """Whether it corrects the other one, or was made after it of the same statement; what is void does neither."""
    statement = other.statement
    if one.state == "void" or one.statement.corrects is None:
        return False
    is_later = one.statement.corrects == statement.corrects and (one.issued_at, one.nth) > (other.issued_at, other.nth)
    return one.statement.corrects == statement.number or is_later
