"""What stands against what in a month, as a page, a table and a document."""

from collections.abc import Sequence
from typing import Any

from controller.domain.bill_check import Check
from controller.domain.month import Month
from controller.render import report_page
from controller.render.figure_words import cents_of
from controller.render.page import Page
from controller.render.phrases import count
from controller.render.tables import Column, Table

COLUMNS = (
    Column("owner", "Whose"),
    Column("what", "What"),
    Column("left", "Left", "money"),
    Column("right", "Right", "money"),
    Column("difference", "Apart", "money"),
    Column("verdict", "Verdict"),
    Column("why", "Why"),
)


def page(month: Month, checks: Sequence[Check]) -> Page:
    flagged = sum(one.verdict == "flagged" for one in checks)
    facts = [("Checks", f"{count(len(checks), 'check')}, {flagged} flagged")]
    return Page(tuple(report_page.facts_and_table(f"Bill check   {month}", facts, table(checks), ())))


def table(checks: Sequence[Check]) -> Table:
    rows = [(one.owner, one.what, one.left, one.right, one.difference, one.verdict, one.why) for one in checks]
    return Table(COLUMNS, rows)


def document(month: Month, checks: Sequence[Check]) -> dict[str, Any]:
    return {
        "format_version": "1.0",
        "month": str(month),
        "flagged": sum(one.verdict == "flagged" for one in checks),
        "checks": [
            {
                "owner": one.owner,
                "what": one.what,
                "left": cents_of(one.left),
                "right": cents_of(one.right),
                "difference": cents_of(one.difference),
                "verdict": one.verdict,
                "why": one.why,
            }
            for one in checks
        ],
    }
