"""Histories, forecasts and costs for other programs. Unknown figures are null, never 0."""

from typing import Any

from controller.domain.costs_report import CostsReport, CostsRow
from controller.domain.figure import PARTS
from controller.domain.forecast_report import ForecastReport
from controller.domain.history_report import HistoryMonth, HistoryReport
from controller.render.figure_words import cents_of, origin
from controller.render.usage_document import coverage

FORMAT_VERSION = "1.0"


def history(report: HistoryReport) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "customer_id": report.customer_id,
        "currency": report.currency,
        "months": [_month(one) for one in report.months],
        "problems": list(report.problems),
    }


def _month(one: HistoryMonth) -> dict[str, Any]:
    return {
        "month": str(one.month),
        **{f"{part}_cost_usd": cents_of(one.part(part).value) for part in PARTS},
        "total_cost_usd": cents_of(one.total.value),
        "budget_limit_usd": cents_of(one.limit.value),
        "budget_used_percent": one.used,
        "change_percent": one.change,
        **origin(one.total),
    }


def forecast(report: ForecastReport) -> dict[str, Any]:
    crosses = report.crosses_on
    return {
        "format_version": FORMAT_VERSION,
        "customer_id": report.stored.customer_id,
        "month": str(report.month),
        "currency": report.stored.currency,
        "spent_usd": cents_of(report.spent.value),
        "forecast_usd": cents_of(report.amount.value),
        "low_usd": cents_of(report.low),
        "high_usd": cents_of(report.high),
        "budget_limit_usd": cents_of(report.limit.value),
        "has_exceeded": report.has_exceeded,
        "will_exceed": report.will_exceed,
        "crosses_on": f"{crosses}" if crosses else None,
        "figures": {
            "spent_usd": origin(report.spent),
            "forecast_usd": origin(report.amount),
            "budget_limit_usd": origin(report.limit),
        },
        "problems": list(report.stored.problems),
        "remarks": list(report.stored.remarks),
    }


def costs(report: CostsReport) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "by": report.by,
        "month": str(report.month),
        "currency": report.currency,
        "rows": [_row(report, row) for row in report.rows],
        "total_cost_usd": cents_of(report.total.value),
        **origin(report.total),
        "coverage": coverage(report.coverage),
        "problems": list(report.problems),
    }


def _row(report: CostsReport, row: CostsRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "customer_id": row.customer_id or None,
        "allocated": row.allocated,
        "customers": row.customers,
        "usage": row.quantity,
        "unit": row.unit or None,
        "direct_usd": cents_of(row.direct),
        "shared_usd": cents_of(row.shared),
        "cost_usd": cents_of(row.cost.value),
        "share_percent": report.share(row),
        **origin(row.cost),
    }
