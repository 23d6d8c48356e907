"""Statements for other programs. Amounts are numbers with just the digits that they have; unknown is null."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from controller.domain.month import Month
from controller.domain.statement import Entry, Filed, MadeFrom, Party, Statement, StatementLine
from controller.invoicing import Standing
from controller.render.figure_words import when
from controller.render.phrases import iso
from controller.render.statement_sheet import title

FORMAT_VERSION = "1.0"


def to_document(standing: Standing) -> dict[str, Any]:
    """What was issued, else the draft; its corrections; and what of it AWS has changed since."""
    return {
        **of_statement(standing.shown, standing.filed),
        "corrections": [of_statement(one.statement, one) for one in standing.corrections],
        "changed_since": of_statement(standing.difference) if standing.difference else None,
    }


def of_list(statements: Sequence[Entry], today: date) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, "statements": [_entry(one, today) for one in statements]}


def of_statement(statement: Statement, filed: Filed | None = None) -> dict[str, Any]:
    """All that it says, and what became of it where it was issued."""
    month = Month.parse(statement.month)
    return {
        "format_version": FORMAT_VERSION,
        "number": statement.number,
        "kind": statement.kind,
        "title": title(statement),
        "state": filed.state if filed else "draft",
        "is_tax_invoice": statement.is_invoice,
        "corrects": statement.corrects,
        "customer_id": statement.customer_id,
        "customer_name": statement.receiver.name,
        "period": {"month": str(month), "start": f"{month.first_day}", "end": f"{month.last_day}"},
        "issued_on": _day(statement.issued_on),
        "due_on": _day(statement.due_on),
        "payment_terms": statement.payment_terms,
        "due_days": statement.due_days,
        "sender": _party(statement.sender),
        "receiver": _party(statement.receiver),
        "cost_center": statement.cost_center,
        "account_id": statement.account_id,
        "currency": statement.currency,
        "lines": [_line(one) for one in statement.lines],
        "listed": statement.listed,
        "discount_percent": statement.discount_percent,
        "discount": statement.discount,
        "subtotal": statement.subtotal,
        "taxes": [
            {"name": one.name, "percent": one.percent, "base": one.base, "amount": one.amount}
            for one in statement.taxes
        ],
        "total": statement.total,
        "made_from": _made_from(statement.made_from),
        "notes": list(statement.notes),
        "filed": _filed(filed) if filed else None,
    }


def _party(party: Party) -> dict[str, Any]:
    return {"name": party.name, "lines": list(party.lines), "email": party.email, "tax_id": party.tax_id}


def _line(line: StatementLine) -> dict[str, Any]:
    return {
        "service": line.service,
        "part": line.part,
        "quantity": line.quantity,
        "unit": line.unit or None,
        "listed": None if line.is_unknown else line.listed,
        "discount": None if line.is_unknown else line.discount,
        "charged": None if line.is_unknown else line.charged,
        "exact": None if line.is_unknown else line.exact,
        "sources": list(line.sources),
        "certainty": line.certainty,
    }


def _made_from(made: MadeFrom) -> dict[str, Any]:
    return {
        "currency": made.currency,
        "total": made.total,
        "costs_as_of": when(made.costs_as_of),
        "worksets_as_of": when(made.worksets_as_of),
        "bill_closed": made.closed,
        "payer": made.payer,
        "digest": made.digest,
        "exchange_rate": made.rate,
        "exchange_rate_date": _day(made.rate_date),
    }


def _filed(filed: Filed) -> dict[str, Any]:
    return {
        "hash": filed.hash,
        "issued_at": iso(filed.issued_at),
        "issued_by": filed.issued_by,
        "changed_at": when(filed.changed_at),
        "changed_by": filed.changed_by or None,
        "reason": filed.reason or None,
    }


def _entry(one: Entry, today: date) -> dict[str, Any]:
    return {
        "number": one.number,
        "customer_id": one.customer_id,
        "month": one.month,
        "kind": one.kind,
        "state": one.state,
        "issued_on": str(one.issued_on),
        "due_on": str(one.due_on),
        "open": one.is_open,
        "overdue_days": one.overdue_days(today),
        "total": one.total,
        "currency": one.currency,
    }


def _day(day: date | None) -> str | None:
    return str(day) if day else None
