"""The commands `statement` and `statements`. They read what was collected and issued, and never ask AWS for cost."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import click

from controller import bootstrap
from controller.bootstrap import Books
from controller.domain.month import Month
from controller.domain.settings import Settings
from controller.domain.statement import Entry, Filed, State, Statement, entry
from controller.domain.usage import CustomerMonth
from controller.entrypoints import exit_codes, inputs, terminal
from controller.entrypoints.choosing import choose
from controller.entrypoints.files import save
from controller.entrypoints.shelves import Readings, begun, collect, names_of, never
from controller.entrypoints.telling import tell
from controller.errors import AccountFailure, Failure, ReconcileError, Refused
from controller.invoicing import Invoicing, Standing
from controller.render import statement_document, statement_html, statement_view
from controller.render.json_text import json_text
from controller.render.page import line
from controller.render.phrases import count
from controller.render.statement_sheet import plain, sheet, title
from controller.render.tables import as_csv
from controller.render.yaml_text import yaml_text

LISTED_MONTHS = 12
"""Months whose statements are listed where none is named, the running one included."""


def statement(
    *,
    customer: str,
    month: Month | None,
    issue: bool,
    correct: bool,
    mark: State | None,
    number: str | None,
    reason: str | None,
    allow: Sequence[str],
    yes: bool,
    settings: Path | None,
    form: str,
    out: Path | None,
) -> int:
    """Shows a statement, issues or corrects it, or marks what became of it."""
    _check_allow(allow, issue=issue)
    _check_options(issue=issue, correct=correct, mark=mark, number=number, reason=reason, month=month)
    _check_form(form, out)
    desk = _Desk(inputs.read_settings(settings, {}).settings)
    at = begun(desk.books, month or desk.last_month)
    customers = desk.books.usage.load(at).customers
    chosen = _choose(desk.books, customers, customer, at)
    if mark:
        return _mark(desk, _of(desk, chosen, number, month, mark), mark, reason or "", yes, form, out)
    if number:
        filed = _of(desk, chosen, number, None, None)
        _deliver(form, out, Standing(filed.statement, filed))
        return exit_codes.OK
    readable = partial(_readable, customers, chosen, at, desk.books)
    if issue:
        return _issue(desk, readable(), allow, yes, form, out)
    if correct:
        return _correct(desk, readable(), yes, form, out)
    return _show(desk, customers, chosen, at, form, out)


def statements(
    *,
    customer: str | None,
    month: Month | None,
    issue: bool,
    allow: Sequence[str],
    yes: bool,
    settings: Path | None,
    form: str,
) -> int:
    """Lists what was issued, or issues what may be of a month."""
    _check_allow(allow, issue=issue)
    desk = _Desk(inputs.read_settings(settings, {}).settings)
    if issue and customer:
        raise click.UsageError("of one customer: reconcile statement CUSTOMER --issue")
    if issue:
        return _issue_all(desk, begun(desk.books, month or desk.last_month), allow, yes, form)
    found = _listed(desk, customer, month)
    broken = [one for one in found if isinstance(one, Failure)]
    for failure in broken:
        terminal.say(f"Error: {failure}")
    now = Month.of(desk.books.clock())
    first = next(iter(now.back(LISTED_MONTHS)))
    what = f"of {month}" if month else f"of {customer}" if customer else f"of {first} to {now}"
    _tell_list(desk, [one for one in found if isinstance(one, Entry)], form, f"No statement {what} was issued.")
    return exit_codes.PARTIAL if broken else exit_codes.OK


class _Desk:
    """The books, and who issues statements from them."""

    def __init__(self, settings: Settings) -> None:
        self.books = bootstrap.books(settings)
        self.invoicing: Invoicing = bootstrap.invoicing(settings, self.books)

    @property
    def last_month(self) -> Month:
        """The last one that is over."""
        return Month.of(self.books.clock()).previous


# One


def _show(desk: _Desk, customers: Readings, chosen: str, at: Month, form: str, out: Path | None) -> int:
    """Also where the month cannot be read any more, as long as something was issued."""
    month = customers.get(chosen)
    if isinstance(month, CustomerMonth):
        _deliver(form, out, desk.invoicing.standing(month))
        return exit_codes.OK
    standing = desk.invoicing.kept(chosen, str(at))
    if standing is None:
        raise month if month else never(at, desk.books, chosen)
    why = f"Error: {month}" if month else f"{at} is not stored any more"
    terminal.say(f"{why}: whether AWS changed its figures since is not known.")
    _deliver(form, out, standing)
    return exit_codes.PARTIAL if month else exit_codes.OK


def _issue(desk: _Desk, month: CustomerMonth, allow: Sequence[str], yes: bool, form: str, out: Path | None) -> int:
    if not _is_sure(_question(desk.invoicing.to_issue(month, allow), month), yes):
        return _nothing()
    return _tell_issued(desk.invoicing.issue(month, allow), form, out)


def _correct(desk: _Desk, month: CustomerMonth, yes: bool, form: str, out: Path | None) -> int:
    if not _is_sure(_question(desk.invoicing.to_correct(month), month), yes):
        return _nothing()
    return _tell_issued(desk.invoicing.correct(month), form, out)


def _question(intended: Statement, month: CustomerMonth) -> str:
    whose = f"{month.name or month.customer_id}, {month.month}"
    return f"Issue the {title(intended).lower()} of {whose}: {_money(intended)}?"


def _tell_issued(filed: Filed, form: str, out: Path | None) -> int:
    due = f", due {filed.statement.due_on}" if filed.statement.total > 0 else ""
    _tell_done(filed, f"{title(filed.statement)} {_told(filed)}{due}, is issued.", form, out)
    return exit_codes.OK


def _mark(desk: _Desk, filed: Filed, state: State, reason: str, yes: bool, form: str, out: Path | None) -> int:
    if not _is_sure(f"Mark {_told(filed)}, as {state}?", yes):
        return _nothing()
    number = filed.statement.number or ""
    changed = desk.invoicing.mark(filed.statement.customer_id, number, state, reason)
    _tell_done(changed, f"{_told(changed)}, is {changed.state}.", form, out)
    return exit_codes.OK


def _of(desk: _Desk, customer_id: str, number: str | None, month: Month | None, mark: State | None) -> Filed:
    """What has this number, or else what of a month may be marked, where that is one only."""
    found = desk.books.statements.of_customer(customer_id)
    readable = [one for one in found if isinstance(one, Filed)]
    if number:
        fits = [one for one in readable if one.statement.number == number]
    else:
        of_month = [one for one in readable if one.statement.month == str(month)]
        fits = [one for one in of_month if one.state == "issued"] or [one for one in of_month if one.state == mark]
    if len(fits) == 1:
        return fits[0]
    for one in found:
        if isinstance(one, Failure):
            raise one
    if fits:
        numbers = ", ".join(str(one.statement.number) for one in fits)
        raise ReconcileError(f"{customer_id} has {len(fits)} for {month}: say which with --number, {numbers}")
    if number:
        raise ReconcileError(f"{customer_id} has no statement {number}: `reconcile statements {customer_id}` lists all")
    raise ReconcileError(f"{customer_id} has nothing for {month} that could become {mark}")


def _choose(books: Books, customers: Readings, asked: str, at: Month) -> str:
    """The id of a customer of whom anything is known, be it old statements alone."""
    if asked in customers or books.statements.of_customer(asked):
        return asked
    hint = f"Is it applied? Then {collect(at, books)} reads its usage."
    return choose(asked, names_of(books, customers), missing=f'no customer "{asked}" is known.', hint=hint)


def _readable(customers: Readings, chosen: str, at: Month, books: Books) -> CustomerMonth:
    month = customers.get(chosen)
    if isinstance(month, CustomerMonth):
        return month
    raise month or never(at, books, chosen)


# Many


def _listed(desk: _Desk, customer: str | None, month: Month | None) -> Sequence[Entry | Failure]:
    """All of a customer, or all of a month, or of the last months where neither is named."""
    store, now = desk.books.statements, Month.of(desk.books.clock())
    if customer is None:
        months = [month] if month else now.back(LISTED_MONTHS)
        return [one for at in months for one in store.of_month(at)]
    chosen = _choose(desk.books, desk.books.usage.load(month or desk.last_month).customers, customer, month or now)
    found = [entry(one) if isinstance(one, Filed) else one for one in store.of_customer(chosen)]
    return [one for one in found if month is None or isinstance(one, Failure) or one.month == str(month)]


def _issue_all(desk: _Desk, at: Month, allow: Sequence[str], yes: bool, form: str) -> int:
    """Issues what may be issued. Exit 5 where some were left out, 4 where all were."""
    customers = desk.books.usage.load(at).customers
    if not customers:
        raise never(at, desk.books)
    had = {
        one.customer_id
        for one in desk.books.statements.of_month(at)
        if isinstance(one, Entry) and one.kind == "statement" and one.state != "void"
    }
    ready, left_out = _sort(desk, [(id_, one) for id_, one in sorted(customers.items()) if id_ not in had], allow)
    free = [month for month, intended in ready if not intended.lines]
    charged = [(month, intended) for month, intended in ready if intended.lines]
    for told in left_out:
        terminal.say(line(f"Left out: {told}"))
    if charged and not _is_sure(f"Issue {count(len(charged), 'statement')} of {at}, {_sums(charged)}?", yes):
        return _nothing()
    with terminal.stoppable() as stopped:
        issued, failed = _issue_each(desk, [month for month, _ in charged], allow, stopped)
        interrupted = stopped()
    _tell_list(desk, [entry(one) for one in issued], form, "No statement was issued now.")
    parts = {"issued": issued, "issued before": had, "nothing to charge": free, "left out": [*left_out, *failed]}
    terminal.say(
        ", ".join(f"{len(many):,} {words}" for words, many in parts.items() if many or words == "issued") + "."
    )
    if interrupted:
        return exit_codes.INTERRUPTED
    if not parts["left out"]:
        return exit_codes.OK
    return exit_codes.PARTIAL if issued or had or free else exit_codes.REFUSED


def _sort(
    desk: _Desk, customers: Iterable[tuple[str, CustomerMonth | Failure]], allow: Sequence[str]
) -> tuple[list[tuple[CustomerMonth, Statement]], list[str]]:
    """Those that may be issued, with what would be; and why the others may not."""
    ready, left_out = [], []
    for customer_id, one in customers:
        if isinstance(one, Failure):
            left_out.append(_why(customer_id, one))
            continue
        try:
            ready.append((one, desk.invoicing.to_issue(one, allow)))
        except AccountFailure:
            raise
        except (Refused, Failure) as error:
            left_out.append(_why(customer_id, error))
    return ready, left_out


def _issue_each(
    desk: _Desk, months: Iterable[CustomerMonth], allow: Sequence[str], stopped: Callable[[], bool]
) -> tuple[list[Filed], list[str]]:
    issued, failed = [], []
    for month in months:
        if stopped():
            break
        try:
            issued.append(desk.invoicing.issue(month, allow))
        except (Refused, Failure) as error:
            failed.append(_why(month.customer_id, error))
            terminal.say(line(f"Left out: {failed[-1]}"))
    return issued, failed


def _why(customer_id: str, error: ReconcileError) -> str:
    """With the customer in it."""
    return str(error) if customer_id in str(error) else f"{customer_id}: {error}"


def _sums(ready: Sequence[tuple[CustomerMonth, Statement]]) -> str:
    """`1,234.50 USD and 99.00 EUR`."""
    totals: dict[str, list[Statement]] = {}
    for _, intended in ready:
        totals.setdefault(intended.currency, []).append(intended)
    return " and ".join(
        f"{plain(sum((one.total for one in many[1:]), many[0].total), currency)} {currency}"
        for currency, many in sorted(totals.items())
    )


# Telling


def _check_options(
    *, issue: bool, correct: bool, mark: State | None, number: str | None, reason: str | None, month: Month | None
) -> None:
    if issue + correct + bool(mark) > 1:
        raise click.UsageError("--issue, --correct and --mark: one of the three.")
    if number and (issue or correct):
        raise click.UsageError("--number names what was issued: a new one gets the next number.")
    if reason is not None and not mark:
        raise click.UsageError("--reason says why something is marked: it goes with --mark.")
    if mark and not number and not month:
        raise click.UsageError("--mark: say which, with --number or with --month.")


def _check_allow(allow: Sequence[str], *, issue: bool) -> None:
    if allow and not issue:
        raise click.UsageError("--allow: it allows what --issue refuses, and goes with that.")


def _check_form(form: str, out: Path | None) -> None:
    """Before anything is issued."""
    if form == "pdf" and find_spec("reportlab") is None:
        raise click.ClickException("PDF needs reportlab: pip install 'daylily-reconcile[pdf]'")
    if form == "pdf" and out is None and terminal.width():
        raise click.UsageError("a PDF is nothing for a terminal: --out FILE")
    if out and not out.resolve().parent.is_dir():
        raise click.UsageError(f"--out: there is no folder {out.resolve().parent}")


def _is_sure(question: str, yes: bool) -> bool:
    if yes:
        return True
    if not terminal.asks():
        raise click.UsageError("there is nobody to ask here: pass --yes to do it without being asked.")
    return click.confirm(str(line(question)), err=True)


def _nothing() -> int:
    terminal.say("Nothing was done.")
    return exit_codes.ERROR


def _tell_done(filed: Filed, told: str, form: str, out: Path | None) -> None:
    """One sentence; where a document was asked for that, too, and then the sentence is no data."""
    if form == "table" and out is None:
        terminal.show(line(told))
        return
    terminal.say(line(told))
    _deliver(form, out, Standing(filed.statement, filed))


def _deliver(form: str, out: Path | None, standing: Standing) -> None:
    """The document in the form that was asked for, into the file or to stdout."""
    if form in ("html", "pdf", "csv"):
        for one in statement_view.news(standing):
            terminal.say(line(one))
    if form == "table" and out is None:
        terminal.show(statement_view.page(standing))
        return
    made = _made(form, standing)
    if out:
        save(out, made.encode() if isinstance(made, str) else made)
        terminal.say(f"Saved {out}")
    elif isinstance(made, str):
        terminal.write(made)
    else:
        terminal.write_bytes(made)


def _made(form: str, standing: Standing) -> str | bytes:
    match form:
        case "json":
            return json_text(statement_document.to_document(standing))
        case "yaml":
            return yaml_text([statement_document.to_document(standing)])
        case "csv":
            return as_csv(statement_view.table(standing.shown, standing.state))
        case "markdown":
            return statement_view.markdown(standing)
        case "html":
            return statement_html.page(sheet(standing.shown, standing.filed))
        case "pdf":
            from controller.render import statement_pdf

            return statement_pdf.pdf(sheet(standing.shown, standing.filed))
        case _:
            return str(statement_view.page(standing))


def _tell_list(desk: _Desk, found: Sequence[Entry], form: str, none: str) -> None:
    ordered = sorted(found, key=lambda one: (one.month, one.customer_id, one.number))
    today = desk.books.clock().date()
    tell(
        form,
        page=lambda: statement_view.list_page(ordered, today, none),
        table=lambda: statement_view.list_table(ordered, today),
        document=lambda: statement_document.of_list(ordered, today),
    )


def _told(filed: Filed) -> str:
    return f"{filed.statement.number} of {filed.statement.customer_id}, {_money(filed.statement)}"


def _money(intended: Statement) -> str:
    return f"{plain(intended.total, intended.currency)} {intended.currency}"
