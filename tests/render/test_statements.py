"""Statements on paper: one number in all forms, points under each other, and no text has any power."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from controller.domain.money import ZERO
from controller.domain.statement import Filed, State, Statement, draft, entry
from controller.domain.usage import CustomerMonth
from controller.invoicing import Standing
from controller.render import statement_document, statement_html, statement_pdf, statement_view
from controller.render.json_text import json_text
from controller.render.statement_sheet import percent, plain, quantity, sheet, title
from controller.render.tables import as_csv
from tests.domain.test_statement import SETTINGS, TERMS
from tests.generated_statements import EVIL, LEGAL, PLAIN, credit_note, evil, filed, month, paid
from tests.generated_usage import customer_months

VOID = {"area", "base", "br", "hr", "img", "input", "link", "meta"}


def standing(one: Filed) -> Standing:
    return Standing(one.statement, one)


class Reader(HTMLParser):
    """What an HTML file shows, the elements that it has, and whether all of them are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def pdf_text(data: bytes) -> str:
    """What the page's operators write; lines that are wrapped are put together again."""
    found = re.findall(r"\(((?:[^()\\]|\\.)*)\) Tj", data.decode("latin-1"))
    return " ".join(re.sub(r"\\(\d{3}|.)", _unescaped, one) for one in found)


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 8)) if len(match[1]) == 3 else match[1]


def test_what_is_not_known_is_no_zero_in_any_form() -> None:
    compute = replace(month().lines[0], amount=ZERO, exact=ZERO, certainty="unknown")
    statement = draft(replace(month(), lines=(compute, *month().lines[1:])), LEGAL)
    (row,) = [cells for cells in sheet(statement).rows if cells[0] == "EC2 Compute"]
    assert row[-3:] == ("unknown", "", "unknown")
    assert ("Unknown", "EC2 Compute") in sheet(statement).made_from
    assert "compute,EC2 Compute,1250.5,vCPU-Hours,,,,EUR" in as_csv(statement_view.table(statement, "draft"))
    (line,) = [one for one in statement_document.of_statement(statement)["lines"] if one["part"] == "compute"]
    assert (line["listed"], line["charged"], line["certainty"]) == (None, None, "unknown")


def test_an_issued_one_reads_like_this(golden: Callable[[str, str], None]) -> None:
    golden("statement.txt", str(statement_view.page(standing(paid()))))
    golden("statement.md", statement_view.markdown(standing(paid())))
    golden("statement.html", statement_html.page(sheet(paid().statement, paid())))
    golden("statement.json", json_text(statement_document.to_document(standing(paid()))))
    golden("statement.csv", as_csv(statement_view.table(paid().statement, "paid")).replace("\r\n", "\n"))


def test_a_draft_and_a_credit_note_read_like_this(golden: Callable[[str, str], None]) -> None:
    golden("statement_draft.txt", str(statement_view.page(Standing(draft(month(), PLAIN)))))
    golden("statement_credit.txt", str(statement_view.page(standing(credit_note()))))


def test_what_was_corrected_and_what_changed_since_is_told() -> None:
    first = replace(paid(), state="issued", changed_at=None)
    more = replace(credit_note().statement, lines=credit_note().statement.lines[:1], number=None)
    page = str(statement_view.page(Standing(first.statement, first, (credit_note(),), more)))
    assert "Corrected by Credit note INV-2024-000002, issued: -308.48 EUR." in page
    assert "EUR are to be given back. --correct issues that." in page


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (draft(month(), PLAIN), "Statement"),
        (paid().statement, "Invoice"),
        (credit_note().statement, "Credit note"),
        (
            replace(
                credit_note().statement,
                lines=tuple(replace(line, charged=-line.charged) for line in credit_note().statement.lines),
                taxes=(),
            ),
            "Further charge",
        ),
    ],
)
def test_it_is_called_what_it_is(one: Statement, name: str) -> None:
    assert title(one) == name


def test_only_a_sender_with_all_legal_fields_sends_invoices() -> None:
    legal, other = sheet(draft(month(), LEGAL)), sheet(draft(month(), PLAIN))
    assert "This is not a tax invoice." in other.notes
    assert "This is not a tax invoice." not in legal.notes


@pytest.mark.parametrize(("state", "badge"), [("issued", ""), ("paid", "PAID"), ("void", "VOID")])
def test_what_is_not_to_be_missed_is_told_in_every_form(state: State, badge: str) -> None:
    one = replace(paid(), state=state)
    made = sheet(one.statement, one)
    assert made.badge == badge
    if badge:
        forms = [Reader(statement_html.page(made)).text, pdf_text(statement_pdf.pdf(made))]
        assert all(badge in text for text in [*forms, str(statement_view.page(standing(one)))])
    assert ("Please pay by 2024-03-13" in made.terms) == (state == "issued")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("1250.5", "1,250.5"),
        ("125000", "125,000"),
        ("0.0004", "0"),
        ("-0.0001", "0"),
        ("1E+3", "1,000"),
        ("9.9996", "10"),
    ],
)
def test_quantities_have_the_decimals_that_say_something(value: str, told: str) -> None:
    assert quantity(Decimal(value)) == told


@pytest.mark.parametrize(
    ("value", "told"), [("10", "10%"), ("19.00", "19%"), ("7.25", "7.25%"), ("0", "0%"), ("100", "100%")]
)
def test_percentages_have_the_decimals_that_say_something(value: str, told: str) -> None:
    assert percent(Decimal(value)) == told


def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert [plain(Decimal("-1234.5"), one) for one in ("USD", "KWD")] == ["-1,234.50", "-1,234.500"]
    assert plain(Decimal(1234), "JPY") == "1,234"
    assert plain(Decimal("-0.00"), "USD") == "0.00"


# One number


@settings(max_examples=40)
@given(customer_months(), TERMS, SETTINGS, st.booleans())
def test_every_form_tells_the_same_total(of: CustomerMonth, terms: object, rules: object, is_filed: bool) -> None:
    made = draft(replace(of, terms=terms), rules)  # type: ignore[arg-type]
    one = filed(made) if is_filed else None
    at = Standing(made, one)
    paper, total = sheet(at.shown, one), f"{plain(made.total, made.currency)} {made.currency}"
    rows = list(csv.DictReader(io.StringIO(as_csv(statement_view.table(at.shown, at.state)), newline="")))
    document = json.loads(json_text(statement_document.to_document(at)), parse_float=Decimal, parse_int=Decimal)

    assert total in Reader(statement_html.page(paper)).text
    assert total in pdf_text(statement_pdf.pdf(paper))
    assert total in statement_view.markdown(at).replace("\\", "")
    assert total.split()[0] in str(statement_view.page(at))
    assert sum((Decimal(row["amount"]) for row in rows), ZERO) == made.total == document["total"]


def test_points_stand_under_each_other_in_the_terminal() -> None:
    lines = str(statement_view.page(standing(paid()))).splitlines()
    table = lines[lines.index(next(one for one in lines if one.startswith("SERVICE"))) :][:9]
    amounts = [re.search(r"-?[\d,]+\.\d\d$", one) for one in table[1:]]
    assert len({match.end() - 3 for match in amounts if match}) == 1
    assert all(amounts)


# Harmless


def test_no_text_has_power_in_html() -> None:
    text = statement_html.page(sheet(evil()))
    page = Reader(text)
    assert not page.elements & {"script", "img", "iframe", "link", "a", "form", "b"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
    assert "<script>alert(1)</script>\\x1b[31m\\u202e\\n=cmd() &amp; \u0416" in page.text
    assert "default-src 'none'" in text


def test_no_text_has_power_on_a_terminal_or_in_a_table() -> None:
    at = Standing(evil())
    for text in (
        str(statement_view.page(at)),
        statement_view.markdown(at),
        as_csv(statement_view.table(evil(), "draft")),
    ):
        assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f\u202e]", text)
    assert "<script" not in statement_view.markdown(at)
    formula = replace(evil(), lines=tuple(replace(line, service="=cmd()") for line in evil().lines))
    assert "'=cmd()" in as_csv(statement_view.table(formula, "draft"))


def test_no_text_has_power_in_pdf_and_letters_it_has_not_are_written_out() -> None:
    data = statement_pdf.pdf(sheet(evil()))
    assert b"/JavaScript" not in data
    assert b"/URI" not in data
    words = pdf_text(data).replace(" ", "")
    assert "<script>alert(1)</script>" in words
    assert "\\u0416" in words


@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(st.text(max_size=300))
@example("W" * 300)
@example("\U0001d4e0" * 300)
def test_any_name_makes_a_page(name: str) -> None:
    one = replace(evil(), receiver=replace(evil().receiver, name=name, lines=(name,) * 6), notes=(name,))
    Reader(statement_html.page(sheet(one)))
    assert statement_pdf.pdf(sheet(one)).startswith(b"%PDF")


# PDF


def test_the_same_statement_gives_the_same_bytes() -> None:
    one = paid()
    first, second = (statement_pdf.pdf(sheet(one.statement, one)) for _ in range(2))
    assert first == second
    words = pdf_text(first)
    assert all(told in words for told in ("INV-2024-000001", "Daylily Informatics", "363.08 EUR", "Page 1 of 1"))


def test_a_long_one_has_its_head_on_every_page_and_its_sums_with_the_last_rows() -> None:
    many = replace(month(), lines=tuple(replace(month().lines[1], service=f"service {at:03}") for at in range(300)))
    words = pdf_text(statement_pdf.pdf(sheet(draft(many, LEGAL))))
    pages = re.findall(r"Page \d+ of (\d+)", words)
    assert len(pages) == int(pages[0]) > 5
    assert all(f"service {at:03}" in words for at in range(300))
    assert EVIL not in words


# Lists


def test_a_list_tells_what_is_open_and_for_how_long_overdue() -> None:
    entries = [entry(replace(paid(), state="issued")), entry(credit_note())]
    page = str(statement_view.list_page(entries, date(2024, 3, 20), "none"))
    assert "credit note" in page
    assert "Open: 54.60 EUR of 2, overdue: 363.08 EUR of 1." in page
    (late, back) = statement_document.of_list(entries, date(2024, 3, 20))["statements"]
    assert (late["overdue_days"], back["overdue_days"], late["open"]) == (7, 0, True)
    assert str(statement_view.list_page([entry(paid())], date(2024, 3, 20), "none")).endswith("Nothing is open.\n")
    assert str(statement_view.list_page([], date(2024, 3, 20), "none")) == "none\n"
