"""The question to a data export, as SQL: cost by customer, service and usage type, in one pass over the lines.

Lines that are alike are added up first and named then: there are far fewer of those. The text is the same for DuckDB,
which reads files, and for Athena, which reads the table of a whole organisation; the two differ in how a map is looked
into. Costs are added up as decimals and never as floating point numbers.

Columns: AWS, Data Exports table dictionary, "Cost and Usage Report (CUR) 2.0" and "FOCUS 1.2 with AWS columns".
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from controller.domain.services import AWS_CODES, EC2, EC2_CODE, EC2_COMPUTE, EC2_OTHER, EC2_RUNNING, S3, TAX, TRANSFER

Dialect = Literal["duckdb", "athena"]

DECIMAL = "DECIMAL(38, 10)"
"""Ten digits behind the point, which is what AWS bills with; 28 before it."""

RECORD_TYPES = {
    "Fee": "Upfront",
    "RIFee": "Recurring",
    "EdpDiscount": "Enterprise Discount Program Discount",
    "SppDiscount": "Solution Provider Program Discount",
    "BundledDiscount": "Bundled Discount",
    "DistributorDiscount": "Distributor Discount",
}
"""line_item_line_item_type as Cost Explorer's RECORD_TYPE calls it; what is not here is called the same in both."""
CATEGORIES = {"Credit": "Credit", "Adjustment": "Refund", "Tax": "Tax", "Purchase": "Upfront"}
"""FOCUS's ChargeCategory in the same words."""
SUPPORT = "AWSSupport%"
"""Codes of the support plans, whose record type is Support in Cost Explorer."""

FIELDS = (
    "month", "payer", "currency", "invoiced", "record_type", "tag_number", "tag_value", "service", "usage_type", "unit",
)  # fmt: skip
"""What the answer is grouped by. After these come how many lines there are, their cost and their quantity."""

NAME = "aws_service"
"""What the inner query calls a service's name, and tags by number; all other columns keep their names."""

TEXT = """\
SELECT
  {month} AS month,
  {payer} AS payer,
  {currency} AS currency,
  {invoiced} AS invoiced,
  {record_type} AS record_type,
  {tag_number} AS tag_number,
  {tag_value} AS tag_value,
  {service} AS service,
  {usage_type} AS usage_type,
  {unit} AS unit,
  SUM(line_items) AS line_items,
  SUM(cost) AS cost,
  SUM(quantity) AS quantity
FROM (
  SELECT
    {raw},
    COUNT(*) AS line_items,
    SUM({cost}) AS cost,
    SUM({quantity}) AS quantity
  FROM {source}
  WHERE {where}
  GROUP BY {numbers}
) AS alike
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""


@dataclass(frozen=True, slots=True)
class Format:
    """How a table of Data Exports calls what is asked for. `identity` is what a line, with all its parts, goes by.

    `costs` are by metric: the columns that it needs, and the expression, in which {name} stands for the number in the
    column of that name.
    """

    period: str
    payer: str
    account: str
    currency: str
    invoice: str
    record: str
    code: str
    usage_type: str
    unit: str
    quantity: str
    tags: str
    name: str
    costs: Mapping[str, tuple[tuple[str, ...], str]]
    product_map: str = ""
    identity: tuple[str, ...] = ()

    def columns(self, metric: str) -> tuple[str, ...]:
        """Every column that the question needs."""
        told = (
            self.period, self.payer, self.account, self.currency, self.invoice, self.record, self.code,
            self.usage_type, self.unit, self.quantity, self.tags, self.product_map or self.name,
            *self.identity, *self.costs[metric][0],
        )  # fmt: skip
        return tuple(dict.fromkeys(told))


def _amortized(net: str, savings: str) -> tuple[tuple[str, ...], str]:
    """Amortized cost of CUR, by AWS's own recipe (Well-Architected Labs, CUR query library: amortized cost)."""
    effective, reserved = f"savings_plan_{savings}savings_plan_effective_cost", f"reservation_{net}effective_cost"
    upfront = f"reservation_{net}unused_amortized_upfront_fee_for_billing_period"
    recurring = f"reservation_{net}unused_recurring_fee"
    commitment, used = "savings_plan_total_commitment_to_date", "savings_plan_used_commitment"
    kind, plain = "line_item_line_item_type", "line_item_unblended_cost"
    columns: tuple[str, ...] = (
        plain,
        effective,
        reserved,
        upfront,
        recurring,
        commitment,
        used,
        "reservation_reservation_a_r_n",
    )
    rest = f"{{{plain}}}"
    if net:
        columns, rest = (*columns, "line_item_net_unblended_cost"), NET_UNBLENDED
    return columns, (
        f"CASE WHEN {kind} = 'SavingsPlanCoveredUsage' THEN {{{effective}}} "
        f"WHEN {kind} = 'SavingsPlanRecurringFee' THEN {{{commitment}}} - {{{used}}} "
        f"WHEN {kind} IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') THEN 0 "
        f"WHEN {kind} = 'DiscountedUsage' THEN {{{reserved}}} "
        f"WHEN {kind} = 'RIFee' THEN {{{upfront}}} + {{{recurring}}} "
        f"WHEN {kind} = 'Fee' AND reservation_reservation_a_r_n <> '' THEN 0 "
        f"ELSE {rest} END"
    )


NET_UNBLENDED = "CASE WHEN line_item_net_unblended_cost IS NULL THEN {line_item_unblended_cost} ELSE {line_item_net_unblended_cost} END"  # noqa: E501
"""AWS fills the net columns only for accounts with a discount; without one the net cost is the cost."""

CUR2 = Format(
    period="bill_billing_period_start_date",
    payer="bill_payer_account_id",
    account="line_item_usage_account_id",
    currency="line_item_currency_code",
    invoice="bill_invoice_id",
    record="line_item_line_item_type",
    code="line_item_product_code",
    usage_type="line_item_usage_type",
    unit="pricing_unit",
    quantity="line_item_usage_amount",
    tags="resource_tags",
    name="product_name",
    product_map="product",
    identity=("identity_line_item_id", "identity_time_interval"),
    costs={
        "UnblendedCost": (("line_item_unblended_cost",), "{line_item_unblended_cost}"),
        "BlendedCost": (("line_item_blended_cost",), "{line_item_blended_cost}"),
        "NetUnblendedCost": (("line_item_unblended_cost", "line_item_net_unblended_cost"), NET_UNBLENDED),
        "AmortizedCost": _amortized("", ""),
        "NetAmortizedCost": _amortized("net_", "net_"),
    },
)

_BILLED, _EFFECTIVE = (("BilledCost",), "{BilledCost}"), (("EffectiveCost",), "{EffectiveCost}")
FOCUS = Format(
    period="BillingPeriodStart",
    payer="BillingAccountId",
    account="SubAccountId",
    currency="BillingCurrency",
    invoice="InvoiceId",
    record="ChargeCategory",
    code="x_ServiceCode",
    usage_type="x_UsageType",
    unit="ConsumedUnit",
    quantity="ConsumedQuantity",
    tags="Tags",
    name="ServiceName",
    costs={
        "UnblendedCost": _BILLED,
        "NetUnblendedCost": _BILLED,
        "AmortizedCost": _EFFECTIVE,
        "NetAmortizedCost": _EFFECTIVE,
    },
)
FORMATS = {"cur2": CUR2, "focus": FOCUS}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an export: which metric, by which tag keys (the first that a line has decides)."""

    format: Format
    metric: str
    tag_keys: Sequence[str]

    def sql(self, dialect: Dialect, source: str, where: str = "TRUE", texts: Collection[str] = frozenset()) -> str:
        """The text. `source` is what stands after FROM; `texts` are columns of numbers that are stored as text."""
        table, look = self.format, LOOKUPS[dialect]

        def number(column: str) -> str:
            told = f"NULLIF(TRIM({column}), '')" if column in texts else column
            return f"COALESCE(CAST({told} AS {DECIMAL}), 0)"

        columns, cost = table.costs[self.metric]
        tags = {f"tag_{number}": _tag_value(table, key, look) for number, key in enumerate(self.tag_keys)}
        name = look(table.product_map, table.name) if table.product_map else table.name
        kept = (table.period, table.payer, table.currency, table.invoice, table.record, table.code, table.usage_type)
        raw = [*kept, table.unit, *(f"{told} AS {one}" for one, told in {NAME: name, **tags}.items())]
        service = _service(table)
        return TEXT.format(
            raw=",\n    ".join(raw),
            numbers=", ".join(str(number) for number in range(1, len(raw) + 1)),
            month=f"SUBSTR(CAST({table.period} AS VARCHAR), 1, 7)",
            payer=table.payer,
            currency=table.currency,
            invoiced=f"COALESCE(TRIM({table.invoice}), '') <> ''",
            record_type=_record_type(table),
            tag_number=_first_of(list(tags)),
            tag_value=f"COALESCE({', '.join(tags)}, '')",
            service=service,
            usage_type=f"CASE WHEN {service} IN ({_text(S3)}, {_text(TRANSFER)}) THEN {table.usage_type} ELSE '' END",
            unit=f"COALESCE({table.unit}, '')",
            cost=cost.format_map({column: number(column) for column in columns}),
            quantity=number(table.quantity),
            source=source,
            where=where,
        )


def doubled_sql(table: Format, source: str) -> tuple[str, str]:
    """DuckDB only. Leaves in `doubled` the lines that stand in several files, the first of these, and in how many
    versions: 1 where all columns are equal. They are found by hashes first: few or none, and no text is kept for that.
    """
    identity = ", ".join(table.identity)
    suspects = (
        f"SELECT hash({identity}) AS line FROM {source} GROUP BY 1 HAVING MIN(hash(filename)) <> MAX(hash(filename))"  # noqa: S608
    )
    return (
        f"CREATE OR REPLACE TEMP TABLE suspects AS {suspects}",
        f"CREATE OR REPLACE TEMP TABLE doubled AS SELECT {identity}, MIN(filename) AS first, "  # noqa: S608
        f"COUNT(DISTINCT hash(*COLUMNS(* EXCLUDE (filename)))) AS versions FROM {source} "
        f"WHERE hash({identity}) IN (SELECT line FROM suspects) "
        f"GROUP BY {identity} HAVING MIN(filename) <> MAX(filename)",
    )


def tag_spellings(key: str, table: Format) -> tuple[str, ...]:
    """How a tag key may stand in the map of tags, the likeliest first.

    CUR 2.0 writes `user_` before it and underscores for what is neither letter nor digit: user_daylily_customer_id
    (opencost pull request 4036; AWS's rules for CUR in Athena, which also put an underscore before capitals). FOCUS
    keeps keys as they are (FOCUS 1.2, Tags), as does the prefix `user:`.
    """
    if key.startswith("aws:"):
        bare = ("aws_" + one for one in _plain_names(key.removeprefix("aws:")))
        return tuple(dict.fromkeys((*bare, key) if table is CUR2 else (key, *bare)))
    plain = [f"user_{one}" for one in _plain_names(key)]
    told = (*plain, f"user:{key}", key) if table is CUR2 else (key, f"user:{key}", *plain)
    return tuple(dict.fromkeys(told))


def _plain_names(key: str) -> tuple[str, str]:
    return _plain(re.sub(r"([A-Z])", r"_\1", key)), _plain(key)


def _plain(key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")


LOOKUPS: Mapping[Dialect, Callable[[str, str], str]] = {
    "duckdb": lambda map_, key: f"{map_}[{_text(key)}]",
    "athena": lambda map_, key: f"ELEMENT_AT({map_}, {_text(key)})",  # a bare [] fails there where the key is missing
}


def _tag_value(table: Format, key: str, look: Callable[[str, str], str]) -> str:
    """The value of a tag, NULL where it is missing or empty."""
    told = [f"NULLIF({look(table.tags, name)}, '')" for name in tag_spellings(key, table)]
    return f"COALESCE({', '.join(told)})" if len(told) > 1 else told[0]


def _first_of(values: Sequence[str]) -> str:
    """The number of the first key that a line has; that of the first where it has none."""
    whens = " ".join(f"WHEN {value} IS NOT NULL THEN {number}" for number, value in enumerate(values))
    return f"CASE {whens} ELSE 0 END"


def _record_type(table: Format) -> str:
    names = RECORD_TYPES if table is CUR2 else CATEGORIES
    whens = " ".join(f"WHEN {table.record} = {_text(one)} THEN {_text(name)}" for one, name in names.items())
    return f"CASE WHEN {table.code} LIKE {_text(SUPPORT)} AND {table.record} IN ('Usage', 'Fee', 'Purchase') THEN 'Support' {whens} ELSE {table.record} END"  # noqa: E501


def _service(table: Format) -> str:
    """What Cost Explorer's SERVICE calls it: tax is a service there, and EC2 is two."""
    running = " OR ".join(f"{table.usage_type} LIKE {_text(f'%{one}%')}" for one in EC2_RUNNING)
    ec2 = f"({table.code} = {_text(EC2_CODE)} OR {NAME} = {_text(EC2)})"
    codes = " ".join(f"WHEN {table.code} = {_text(code)} THEN {_text(one)}" for code, one in AWS_CODES.items())
    return (
        f"CASE WHEN {table.record} = 'Tax' THEN {_text(TAX)} "
        f"WHEN {ec2} AND ({running}) THEN {_text(EC2_COMPUTE)} WHEN {ec2} THEN {_text(EC2_OTHER)} "
        f"{codes} ELSE COALESCE(NULLIF({NAME}, ''), {table.code}, '') END"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
