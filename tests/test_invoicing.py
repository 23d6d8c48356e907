"""From a month to its statement: issued once it may be, corrected when AWS changes its mind, and never rewritten."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.settings import StatementSettings, TaxRule
from controller.domain.statement import Filed, State, number_of
from controller.domain.usage import CustomerMonth
from controller.errors import Failure, PermanentFailure, ReconcileError, Refused
from controller.invoicing import Invoicing
from tests.generated_usage import acme

NOW = datetime(2024, 2, 12, 6, tzinfo=UTC)


@dataclass
class Memory:
    """Statements in a list, numbered as the store does it."""

    filed: list[Filed] = field(default_factory=list)
    broken: Failure | None = None

    def of_customer(self, customer_id: str) -> tuple[Filed | Failure, ...]:
        mine = tuple(one for one in self.filed if one.statement.customer_id == customer_id)
        return (*mine, self.broken) if self.broken else mine

    def issue(self, prefix: str, year: int, make: Callable[[str], Filed], corrects: Filed | None = None) -> Filed:
        filed = make(number_of(prefix, year, len(self.filed) + 1))
        self.filed.append(filed)
        return filed

    def change(
        self, filed: Filed, state: State, by: str, at: datetime, reason: str, corrects: Filed | None = None
    ) -> Filed:
        changed = replace(filed, state=state, changed_by=by, changed_at=at, reason=reason)
        self.filed[self.filed.index(filed)] = changed
        return changed


def invoicing(memory: Memory, now: datetime = NOW, **settings: Any) -> Invoicing:
    return Invoicing(memory, StatementSettings(**settings), lambda: now, "a person")


def month(**more: Any) -> CustomerMonth:
    return replace(acme(), **{"costs_as_of": datetime(2024, 2, 4, tzinfo=UTC), "costs_estimated": False, **more})


def late(more: CustomerMonth) -> CustomerMonth:
    """The month after AWS has changed it: less storage."""
    return replace(more, lines=tuple(line for line in more.lines if line.part != "storage"))


def test_a_month_is_a_draft_until_it_is_issued() -> None:
    memory = Memory()
    before = invoicing(memory).standing(month())
    assert (before.state, before.shown.number) == ("draft", None)
    invoicing(memory).issue(month())
    after = invoicing(memory).standing(month())
    assert (after.state, after.shown.number, after.difference) == ("issued", "INV-2024-000001", None)


def test_what_is_not_closed_is_not_issued() -> None:
    memory = Memory()
    with pytest.raises(Refused, match="AWS has not closed"):
        invoicing(memory, datetime(2024, 2, 5, tzinfo=UTC)).issue(month(costs_estimated=True))
    assert memory.filed == []


def test_an_issued_statement_stays_as_it_is_when_aws_changes_the_month() -> None:
    memory = Memory()
    issued = invoicing(memory).issue(month())
    standing = invoicing(memory).standing(late(month()))
    assert standing.shown == issued.statement
    assert standing.difference is not None
    assert issued.statement.total + standing.difference.total == standing.draft.total


def test_a_correction_has_its_own_number_and_settles_the_month() -> None:
    memory = Memory()
    invoicing(memory).issue(month())
    note = invoicing(memory).correct(late(month())).statement
    assert (note.number, note.kind, note.corrects) == ("INV-2024-000002", "correction", "INV-2024-000001")
    assert note.total < 0
    assert invoicing(memory).standing(late(month())).difference is None


def test_there_is_no_correction_of_what_agrees_or_was_never_issued() -> None:
    memory = Memory()
    with pytest.raises(Refused, match="nothing was issued"):
        invoicing(memory).correct(month())
    invoicing(memory).issue(month())
    with pytest.raises(Refused, match="nothing to correct"):
        invoicing(memory).correct(month())


def test_only_an_issued_statement_becomes_paid_or_void() -> None:
    memory = Memory()
    invoicing(memory).issue(month())
    mark = invoicing(memory).mark
    assert mark("cust_abc123", "INV-2024-000001", "paid").state == "paid"
    assert mark("cust_abc123", "INV-2024-000001", "paid").state == "paid"
    with pytest.raises(Refused, match="is paid"):
        mark("cust_abc123", "INV-2024-000001", "void")
    with pytest.raises(ReconcileError, match="no statement INV-2024-000009"):
        mark("cust_abc123", "INV-2024-000009", "paid")


def test_what_is_corrected_is_void_only_after_its_corrections() -> None:
    memory = Memory()
    invoicing(memory).issue(month())
    invoicing(memory).correct(late(month()))
    with pytest.raises(Refused, match="INV-2024-000002: that one has to be void first"):
        invoicing(memory).mark("cust_abc123", "INV-2024-000001", "void")


def test_a_correction_is_void_only_after_those_that_were_made_on_top_of_it() -> None:
    memory = Memory()
    invoicing(memory).issue(month())
    invoicing(memory).correct(late(month()))
    invoicing(memory).correct(month())
    with pytest.raises(Refused, match="INV-2024-000003: that one has to be void first"):
        invoicing(memory).mark("cust_abc123", "INV-2024-000002", "void")
    invoicing(memory).mark("cust_abc123", "INV-2024-000003", "void")
    invoicing(memory).mark("cust_abc123", "INV-2024-000002", "void")
    assert invoicing(memory).standing(month()).difference is None


def test_after_a_void_one_the_month_is_a_draft_again() -> None:
    memory = Memory()
    invoicing(memory).issue(month())
    invoicing(memory).mark("cust_abc123", "INV-2024-000001", "void", "wrong address")
    assert invoicing(memory).standing(month()).state == "draft"
    assert invoicing(memory).issue(month()).statement.number == "INV-2024-000002"


def test_nothing_is_said_of_a_month_whose_statements_cannot_be_read() -> None:
    memory = Memory(broken=PermanentFailure("it is not ours"))
    with pytest.raises(PermanentFailure, match="not ours"):
        invoicing(memory).standing(month())


def test_what_aws_changed_is_told_and_corrected_as_it_was_issued_not_as_the_settings_say_now() -> None:
    memory = Memory()
    invoicing(memory).issue(month())
    taxed = invoicing(memory, taxes=(TaxRule(name="VAT", percent=Decimal(19)),))
    assert taxed.standing(month()).difference is None
    with pytest.raises(Refused, match="nothing to correct"):
        taxed.correct(month())
    assert taxed.correct(late(month())).statement.taxes == ()


def test_figures_in_another_currency_correct_nothing_and_say_so() -> None:
    memory = Memory()
    invoicing(memory).issue(month())
    assert "in CNY now" in invoicing(memory).standing(month(currency="CNY")).incomparable
    with pytest.raises(Refused, match="cannot be told"):
        invoicing(memory).correct(month(currency="CNY"))
