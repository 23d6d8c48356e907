"""Figures in words and in documents: the number with its source, its age and how certain it is."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from controller.domain.figure import Figure
from controller.domain.money import cents
from controller.domain.usage import Source
from controller.render.phrases import iso, moment
from controller.render.tables import UNKNOWN

SOURCES: Mapping[Source, str] = {
    "cost_explorer": "Cost Explorer",
    "budgets": "AWS Budgets",
    "cloudwatch": "CloudWatch",
    "ledger": "worksets ledger",
    "split": "shared by rule",
    "run_rate": "run rate",
    "manifest": "the manifest",
}


def amount(value: Decimal | None, currency: str = "") -> str:
    """`1,234.50 USD`, or `-` for what is unknown."""
    return UNKNOWN if value is None else f"{value:,.2f} {currency}".rstrip()


def told(figure: Figure) -> str:
    """`estimated, as of 2024-01-26 06:00 UTC, from Cost Explorer`; `unknown`."""
    if figure.value is None:
        return "unknown"
    since = f", as of {moment(figure.as_of)}" if figure.as_of else ""
    return f"{figure.certainty}{since}, from {sources(figure.sources)}"


def sources(names: Iterable[Source]) -> str:
    return ", ".join(SOURCES[name] for name in names)


def origin(figure: Figure) -> dict[str, Any]:
    """What a document says about a figure beside its number."""
    return {"sources": list(figure.sources), "as_of": when(figure.as_of), "certainty": figure.certainty}


def when(at: datetime | None) -> str | None:
    return iso(at) if at else None


def cents_of(value: Decimal | None) -> Decimal | None:
    """An amount as documents have it: with two decimals."""
    return None if value is None else cents(value)
