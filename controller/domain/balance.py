"""What is left of an account's cost when its customers are charged, to the cent. Pure."""

from collections.abc import Collection

from controller.domain.bill import Bill, sums
from controller.domain.money import ZERO, in_cents
from controller.domain.usage import AccountMonth, Certainty, CustomerMonth, Line


def account_month(bill: Bill, customers: Collection[CustomerMonth], *, settled: bool = False) -> AccountMonth:
    """The account's month beside the customers that it pays for: by service, its rounded cost less what they pay.

    So all lines together are the bill, rounded to cents, whatever the customers' lines are.
    """
    return AccountMonth(
        account=bill.account,
        month=bill.month,
        lines=_left_over(bill, customers),
        totals=bill.totals,
        mistagged=bill.mistagged,
        mistagged_services=bill.mistagged_services,
        excluded=bill.excluded,
        estimated=bill.estimated,
        settled=settled,
        asked_at=bill.asked_at,
        pages=bill.pages,
        currency=bill.currency,
        account_id=bill.account_id,
        clusters=bill.clusters,
    )


def _left_over(bill: Bill, customers: Collection[CustomerMonth]) -> tuple[Line, ...]:
    charged = [line for one in customers for line in one.lines]
    exact = sums((line.service, line.exact) for line in charged)
    amounts = sums((line.service, line.amount) for line in charged)
    rounded = in_cents(dict(sorted(bill.totals.items())))
    parts = {line.service: line.part for line in charged} | dict(bill.parts)
    certainty: Certainty = "estimated" if bill.estimated else "actual"
    lines = [
        Line(
            service=name,
            part=parts.get(name, "other"),
            amount=rounded.get(name, ZERO) - amounts.get(name, ZERO),
            exact=bill.totals.get(name, ZERO) - exact.get(name, ZERO),
            source="cost_explorer",
            certainty=certainty,
        )
        for name in sorted({*bill.totals, *amounts})
    ]
    return tuple(line for line in lines if line.amount or line.exact)
