"""The charges of a month as FOCUS rows: the FinOps Open Cost and Usage Specification, 1.2 and 1.3. Pure.

What our organisation charges its customers: a row for each line and each tax of each statement, and for what nobody is
charged. The specification wants a quantity and a unit price of each usage; what has none is an adjustment. A discount
is in its row, as the specification asks, not a row of its own; no commitments are passed on, so the effective cost is
the billed one. https://focus.finops.org/focus-specification/
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any, Literal

from controller.domain.bill import CUSTOMER_TAG
from controller.domain.money import ZERO
from controller.domain.month import Month
from controller.domain.statement import Statement, StatementLine
from controller.domain.usage import AccountMonth, CustomerMonth, Part

Version = Literal["1.2", "1.3"]
Kind = Literal["string", "decimal", "datetime", "json"]
Row = dict[str, Any]
"""A value by column: text, Decimal, datetime or a mapping for JSON; None is null."""

CATEGORIES: Mapping[Part, tuple[str, str]] = {
    "compute": ("Compute", "Virtual Machines"),
    "storage": ("Storage", "Object Storage"),
    "data_transfer": ("Networking", "Other (Networking)"),
    "other": ("Other", "Other (Other)"),
}
"""ServiceCategory and ServiceSubcategory from the specification's closed lists."""
OF_SERVICES = {"FSx Lustre": ("Storage", "File Storage"), "S3 Requests": ("Storage", "Object Storage")}
"""The same of services that are another part here: the seed counts them apart from storage."""

UNITS = {
    "vCPU-Hours": "vCPU-Hours",
    "vCPU-h": "vCPU-Hours",
    "GB-Mo": "GiB-Months",
    "GB": "GiB",
    "Hrs": "Hours",
    "Requests": "Requests",
}
"""AWS's units in the grammar of the specification; others stay as AWS writes them. S3 counts 2^30 bytes as a GB, which
FOCUS writes GiB."""

AWS = "Amazon Web Services"


SCALE = 10
PRICE_SCALE = 20
"""Decimals of a unit price: times a quantity of billions it is the cost, to far less than a cent."""


@dataclass(frozen=True, slots=True)
class Column:
    """`required` False: it may be null. `first`, `last`: the versions that have it. `scale`: a number's decimals."""

    name: str
    kind: Kind
    required: bool = True
    first: Version = "1.2"
    last: Version = "1.3"
    mandatory: bool = True
    """Whether the specification wants the column in every dataset."""
    scale: int = SCALE


COLUMNS: tuple[Column, ...] = (
    Column("BilledCost", "decimal"),
    Column("BillingAccountId", "string"),
    Column("BillingAccountName", "string", required=False),
    Column("BillingAccountType", "string", required=False, mandatory=False),
    Column("BillingCurrency", "string"),
    Column("BillingPeriodEnd", "datetime"),
    Column("BillingPeriodStart", "datetime"),
    Column("ChargeCategory", "string"),
    Column("ChargeClass", "string", required=False),
    Column("ChargeDescription", "string", required=False),
    Column("ChargeFrequency", "string", mandatory=False),
    Column("ChargePeriodEnd", "datetime"),
    Column("ChargePeriodStart", "datetime"),
    Column("ConsumedQuantity", "decimal", required=False, mandatory=False),
    Column("ConsumedUnit", "string", required=False, mandatory=False),
    Column("ContractedCost", "decimal"),
    Column("ContractedUnitPrice", "decimal", required=False, mandatory=False, scale=PRICE_SCALE),
    Column("EffectiveCost", "decimal"),
    Column("HostProviderName", "string", first="1.3"),
    Column("InvoiceId", "string", required=False, mandatory=False),
    Column("InvoiceIssuerName", "string"),
    Column("ListCost", "decimal"),
    Column("ListUnitPrice", "decimal", required=False, mandatory=False, scale=PRICE_SCALE),
    Column("PricingCategory", "string", required=False, mandatory=False),
    Column("PricingQuantity", "decimal", required=False),
    Column("PricingUnit", "string", required=False),
    Column("ProviderName", "string"),
    Column("PublisherName", "string"),
    Column("ServiceCategory", "string"),
    Column("ServiceName", "string"),
    Column("ServiceProviderName", "string", first="1.3"),
    Column("ServiceSubcategory", "string", mandatory=False),
    Column("SubAccountId", "string", required=False, mandatory=False),
    Column("SubAccountName", "string", required=False, mandatory=False),
    Column("SubAccountType", "string", required=False, mandatory=False),
    Column("Tags", "json", required=False, mandatory=False),
    Column("x_Certainty", "string", mandatory=False),
    Column("x_CostCenter", "string", required=False, mandatory=False),
    Column("x_DiscountPercent", "decimal", required=False, mandatory=False),
    Column("x_Source", "string", mandatory=False),
)
"""Those of FOCUS in alphabetical order, ours behind them with `x_`, as the specification asks."""


def columns(version: Version) -> tuple[Column, ...]:
    return tuple(one for one in COLUMNS if one.first <= version <= one.last)


def rows(
    version: Version,
    issuer: str,
    month: Month,
    statements: Iterable[tuple[CustomerMonth, Statement]],
    accounts: Collection[AccountMonth] = (),
) -> list[Row]:
    """The rows of a month, in a fixed order. `statements`: those that were issued, and corrections, or drafts."""
    names = [column.name for column in columns(version)]
    ids = {one.account: one.account_id for one in accounts}
    found = [row for one, statement in statements for row in _rows_of(issuer, month, one, statement, ids)]
    found += [
        row for account in sorted(accounts, key=lambda one: one.account) for row in _nobodys(issuer, month, account)
    ]
    return [{name: row.get(name) for name in names} for row in found]


def _rows_of(
    issuer: str, month: Month, customer: CustomerMonth, statement: Statement, ids: Mapping[str, str]
) -> Iterator[Row]:
    common = {
        **_common(issuer, month, ids.get(customer.paid_by, ""), customer.paid_by, statement.currency),
        **_billed_to(statement),
        **_corrected(statement),
        "InvoiceId": statement.number,
        "SubAccountId": statement.customer_id,
        "SubAccountName": statement.receiver.name,
        "SubAccountType": "Customer",
        "Tags": {CUSTOMER_TAG: statement.customer_id}
        | ({"daylily:cost_center": statement.cost_center} if statement.cost_center else {}),
        "x_CostCenter": statement.cost_center,
        "x_DiscountPercent": statement.discount_percent,
    }
    for line in statement.lines:
        yield {**common, **_charge(line), **_priced(line, is_correction=statement.kind == "correction")}
    for tax in statement.taxes:
        yield {
            **common,
            "ChargeCategory": "Tax",
            "ChargeDescription": f"{tax.name} {tax.percent.normalize():f} %",
            "BilledCost": tax.amount,
            "EffectiveCost": tax.amount,
            "ContractedCost": tax.amount,
            "ListCost": tax.amount,
            "ServiceCategory": "Other",
            "ServiceSubcategory": "Other (Other)",
            "ServiceName": tax.name,
            "x_Certainty": "actual",
            "x_Source": "settings",
        }


def _common(issuer: str, month: Month, account_id: str, account: str, currency: str) -> Row:
    return {
        "BillingAccountId": account_id or None,
        "BillingAccountName": account,
        "BillingAccountType": "AWS account",
        "BillingCurrency": currency,
        "BillingPeriodStart": month.start,
        "BillingPeriodEnd": month.end,
        "ChargePeriodStart": month.start,
        "ChargePeriodEnd": month.end,
        "ChargeFrequency": "Usage-Based",
        "InvoiceIssuerName": issuer,
        "ProviderName": issuer,
        "PublisherName": AWS,
        "ServiceProviderName": issuer,
        "HostProviderName": AWS,
    }


def _billed_to(statement: Statement) -> Row:
    """The account that the manifest names, if any; nothing here knows what it is called."""
    if statement.account_id is None:
        return {}
    return {"BillingAccountId": statement.account_id, "BillingAccountName": None}


def _corrected(statement: Statement) -> Row:
    """A correction is billed in the month that it is issued in, and says by its charge period what it corrects: it is
    one "to a previously invoiced billing period" (FOCUS 1.2, ChargeClass), and within its own it would be none.
    """
    if statement.kind != "correction":
        return {}
    if statement.issued_on is None:
        return {"ChargeClass": "Correction"}
    billed = Month(statement.issued_on.year, statement.issued_on.month)
    return {"ChargeClass": "Correction", "BillingPeriodStart": billed.start, "BillingPeriodEnd": billed.end}


def _charge(line: StatementLine) -> Row:
    return {
        "ChargeDescription": line.service,
        "BilledCost": line.charged,
        "EffectiveCost": line.charged,
        "ContractedCost": line.charged,
        "ListCost": line.listed,
        **_service(line.service, line.part),
        "x_Certainty": line.certainty,
        "x_Source": " ".join(line.sources),
    }


def _service(name: str, part: Part) -> Row:
    category, subcategory = OF_SERVICES.get(name, CATEGORIES[part])
    return {"ServiceCategory": category, "ServiceSubcategory": subcategory, "ServiceName": name}


def _priced(line: StatementLine, *, is_correction: bool) -> Row:
    """What was used, at its unit prices, which are never below zero. A correction may leave them out."""
    quantity = _rounded(line.quantity or ZERO, SCALE)
    if quantity <= 0 or not line.unit or line.listed < 0 or line.charged < 0:
        return {"ChargeCategory": "Usage" if is_correction else "Adjustment"}
    unit = UNITS.get(line.unit, line.unit)
    return {
        "ChargeCategory": "Usage",
        "PricingCategory": "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
        "ListUnitPrice": _rounded(line.listed / quantity, PRICE_SCALE),
        "ContractedUnitPrice": _rounded(line.charged / quantity, PRICE_SCALE),
    }


def _rounded(number: Decimal, scale: int) -> Decimal:
    """Also a number that has more digits than arithmetic here has otherwise."""
    with localcontext(prec=60):
        return round(number, scale)


def _nobodys(issuer: str, month: Month, account: AccountMonth) -> Iterator[Row]:
    """What nobody is charged for: no sub-account, no invoice; it is billed to our organisation. What is left of a
    service when customers are charged has no quantity.
    """
    sums: dict[tuple[Part, str], Decimal] = {}
    for line in account.lines:
        sums[line.part, line.service] = sums.get((line.part, line.service), ZERO) + line.amount
    for (part, service), amount in sums.items():
        yield {
            **_common(issuer, month, account.account_id, account.account, account.currency),
            "ChargeCategory": "Adjustment",
            "ChargeDescription": f"{service}, not allocated to a customer",
            "BilledCost": amount,
            "EffectiveCost": amount,
            "ContractedCost": amount,
            "ListCost": amount,
            "InvoiceIssuerName": AWS,
            **_service(service, part),
            "x_Certainty": "estimated" if account.estimated else "actual",
            "x_Source": "cost_explorer",
        }


# Validation


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule of the specification that a row does not keep. `row` counts from 1."""

    row: int
    column: str
    rule: str
    message: str


CHARGE_CATEGORIES = frozenset({"Usage", "Purchase", "Tax", "Credit", "Adjustment"})
PRICING_CATEGORIES = frozenset({"Standard", "Dynamic", "Committed", "Other"})
SERVICE_CATEGORIES = frozenset({
    "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
    "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration",
    "Mobile", "Networking", "Security", "Storage", "Web", "Other",
})  # fmt: skip


def validate(version: Version, rows: Sequence[Mapping[str, Any]]) -> Iterator[Breach]:
    """Everything in these rows that the specification does not allow, as far as our table of rules knows it."""
    for number, row in enumerate(rows, start=1):
        for column in columns(version):
            yield from _check_value(number, column, row)
        yield from _check_together(number, row)
        known = {column.name for column in columns(version)}
        for name in row:
            if name not in known and not name.startswith("x_"):
                yield Breach(number, name, "custom-column", "a column of our own begins with x_")


_PLAIN = (str, int, float, bool, type(None))


def _check_value(number: int, column: Column, row: Mapping[str, Any]) -> Iterator[Breach]:
    if column.name not in row:
        if column.mandatory:
            yield Breach(number, column.name, "column-missing", "the column is mandatory")
        return
    value: Any = row[column.name]
    if value is None:
        if column.required:
            yield Breach(number, column.name, "null", "must not be null")
        return
    if problem := _problem(column.kind, value):
        yield Breach(number, column.name, *problem)


def _problem(kind: Kind, value: Any) -> tuple[str, str] | None:
    """What is wrong with a value of this kind: the rule, and words."""
    match kind:
        case "string" if not isinstance(value, str):
            return "type", "must be a text"
        case "string" if not value:
            return "empty-text", "what is not known is null, not an empty text"
        case "decimal" if not isinstance(value, Decimal) or not value.is_finite():
            return "type", "must be a number"
        case "datetime" if not _is_moment(value):
            return "utc", "must be a moment in UTC"
        case "json" if not isinstance(value, Mapping):
            return "type", "must be an object"
        case "json" if not all(isinstance(one, _PLAIN) for one in value.values()):
            return "tag-values", "values are texts, numbers, booleans or null"
    return None


def _is_moment(value: Any) -> bool:
    return isinstance(value, datetime) and value.utcoffset() == timedelta(0)


def _check_together(number: int, row: Mapping[str, Any]) -> Iterator[Breach]:
    yield from _check_lists(number, row)
    currency = row.get("BillingCurrency")
    if isinstance(currency, str) and not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
        yield Breach(number, "BillingCurrency", "iso-4217", "must be a currency code")
    for start, end in (("BillingPeriodStart", "BillingPeriodEnd"), ("ChargePeriodStart", "ChargePeriodEnd")):
        first: Any = row.get(start)
        last: Any = row.get(end)
        if _is_moment(first) and _is_moment(last) and not first < last:
            yield Breach(number, end, "period", f"must be after {start}: the end is exclusive")
    yield from _check_pricing(number, row)
    yield from _check_consumed(number, row)
    yield from _check_prices(number, row)


CLOSED_LISTS: Mapping[str, Collection[str]] = {
    "ChargeCategory": CHARGE_CATEGORIES,
    "ServiceCategory": SERVICE_CATEGORIES,
    "PricingCategory": PRICING_CATEGORIES,
    "ChargeClass": ("Correction",),
}


def _check_lists(number: int, row: Mapping[str, Any]) -> Iterator[Breach]:
    for name, allowed in CLOSED_LISTS.items():
        if row.get(name) is not None and row[name] not in allowed:
            yield Breach(number, name, "closed-list", f"{row[name]!r} is none of the allowed values")


PRICING = ("PricingCategory", "PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice")


def _check_pricing(number: int, row: Mapping[str, Any]) -> Iterator[Breach]:
    """What is used or bought has a quantity and prices, unless it is corrected; a tax has none."""
    category = row.get("ChargeCategory")
    needed = category in ("Usage", "Purchase") and row.get("ChargeClass") != "Correction"
    for name in PRICING:
        if needed and row.get(name, "") is None:
            yield Breach(number, name, "priced", f"must not be null where ChargeCategory is {category}")
        if category == "Tax" and row.get(name) is not None:
            yield Breach(number, name, "tax", "must be null for a tax")
    if (row.get("PricingQuantity") is None) != (row.get("PricingUnit") is None):
        yield Breach(number, "PricingUnit", "quantity-and-unit", "a quantity and its unit come together")


def _check_consumed(number: int, row: Mapping[str, Any]) -> Iterator[Breach]:
    is_used = row.get("ChargeCategory") == "Usage" and row.get("CommitmentDiscountStatus") != "Unused"
    for name in ("ConsumedQuantity", "ConsumedUnit"):
        if is_used and row.get("ChargeClass") != "Correction" and row.get(name, "") is None:
            yield Breach(number, name, "consumed", "must not be null where ChargeCategory is Usage")
        if not is_used and row.get(name) is not None:
            yield Breach(number, name, "consumed", "must be null where nothing was used")


def _check_prices(number: int, row: Mapping[str, Any]) -> Iterator[Breach]:
    """A unit price is not below zero, and times the quantity it is the cost, but for what rounding to a cent takes; in
    a correction each may be corrected by itself.
    """
    quantity = row.get("PricingQuantity")
    for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
        value, whole = row.get(price), row.get(cost)
        if isinstance(value, Decimal) and value < 0:
            yield Breach(number, price, "negative-price", "must not be below zero")
        if row.get("ChargeClass") == "Correction":
            continue
        if isinstance(quantity, Decimal) and isinstance(value, Decimal) and isinstance(whole, Decimal):
            apart = abs(value * quantity - whole)
            if apart > Decimal("0.01"):
                yield Breach(number, price, "unit-price", f"times the quantity it is {apart:.4f} away from {cost}")
