"""The settings: fleet-wide defaults and limits, as in config/billing_config.yaml.

The keys under `billing` are those of the seed and mean what they mean there; `results_prefix`, `logs_prefix` and
`abort_incomplete_uploads_days`, and everything beside `billing`, are ours. Every key has a default.
"""

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from controller.domain.manifest import Violation, check_ages, repeated, violated
from controller.domain.scalars import (
    AccountId,
    AccountName,
    AlertPercent,
    ControllerId,
    Currency,
    CustomerId,
    Day,
    Days,
    Email,
    GlacierDays,
    IaDays,
    Line,
    Money,
    NumberPrefix,
    Percent,
    Prefix,
    Rate,
    Region,
    RoleArn,
    ShortLine,
    TableName,
    TagKey,
    TopicName,
)

PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
}
"""Partitions of AWS by how their regions begin, as botocore lists them; all others are of `aws`."""


S3_SCHEME = "s3://"


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


class BudgetDefaults(_Part):
    """The budget of a customer whose manifest says nothing about one."""

    default_monthly_limit: Money = Decimal(500)
    """Limit of a month: a whole number or a quoted decimal."""
    alert_thresholds: Annotated[tuple[AlertPercent, ...], Field(strict=False, max_length=10)] = (
        Decimal(50),
        Decimal(80),
        Decimal(100),
    )
    """Percentages over which alerts fire: e-mail; from 80 also SNS; from 100 also no new worksets."""

    @model_validator(mode="after")
    def _check(self) -> "BudgetDefaults":
        violated(_check_unique("alert_thresholds", self.alert_thresholds))
        return self


class LifecycleDefaults(_Part):
    """The lifecycle rules of a customer whose manifest says nothing about them. null: no such rule."""

    transition_to_ia_days: IaDays | None = 30
    """Age in days at which results move to Standard-IA, 30 or more."""
    transition_to_glacier_days: GlacierDays | None = 90
    """Age in days at which results move to Glacier, at least 30 after Standard-IA."""
    delete_logs_days: Days | None = 90
    """Age in days at which logs are deleted."""
    results_prefix: Prefix = "results/"
    """Where results are in a bucket."""
    logs_prefix: Prefix = "logs/"
    """Where logs are in a bucket."""
    abort_incomplete_uploads_days: Days | None = 7
    """Age in days at which unfinished multipart uploads are dropped."""

    @model_validator(mode="after")
    def _check(self) -> "LifecycleDefaults":
        violated(_check_lifecycle(self))
        return self


class BillingDefaults(_Part):
    """What customers get by default."""

    enabled: bool = True
    """false: no budgets and no lifecycle rules but those that manifests write out."""
    cost_allocation_tags: Annotated[tuple[TagKey, ...], Field(strict=False, max_length=500)] = (
        "daylily:customer_id",
        "daylily:cost_center",
    )
    """Tag keys to activate for cost allocation, in the payer account."""
    budgets: BudgetDefaults = Field(default_factory=BudgetDefaults)
    """The default budget."""
    lifecycle: LifecycleDefaults = Field(default_factory=LifecycleDefaults)
    """The default lifecycle rules."""

    @model_validator(mode="after")
    def _check(self) -> "BillingDefaults":
        violated(_check_unique("cost_allocation_tags", self.cost_allocation_tags))
        return self


class AccountSettings(_Part):
    """An AWS account that customers live in."""

    name: AccountName
    """What manifests call it in spec.account."""
    id: AccountId | None = None
    """Its 12 digits, in quotes. Known, it is checked against the credentials. Left out: asked of AWS."""
    role_arn: RoleArn | None = None
    """Role to assume in it. Left out: the credentials as they are."""
    external_id: Line | None = None
    """External id to assume the role with."""
    region: Region | None = None
    """Region of its topic. Left out: the region of the credentials."""
    payer: bool = True
    """false: a member account, whose cost allocation tags are managed by its payer account."""

    @property
    def role_account(self) -> str | None:
        """The account that the role to assume is in."""
        return self.role_arn.split(":")[4] if self.role_arn else None


class TableSettings(_Part):
    """The DynamoDB tables."""

    customers: TableName = "daylily-customers"
    """Customer records."""
    billing: TableName = "daylily-billing"
    """Statuses, usage, gates and the lease."""
    worksets: TableName = "daylily-worksets"
    """The worksets ledger; only read."""
    region: Region | None = None
    """Their region. null: the region of the credentials."""

    @model_validator(mode="after")
    def _check(self) -> "TableSettings":
        violated(_check_tables(self))
        return self


class AlertSettings(_Part):
    """How alerts are delivered."""

    topic_name: TopicName = "daylily-budget-alerts"
    """Name of the SNS topic of each account."""


class SharedCost(_Part):
    """A written rule by which a cost that no tag ties to a customer is split between customers."""

    service: Line
    """The service, as it is shown or as AWS names it."""
    by: Literal["even", "compute", "storage", "fixed"] = "even"
    """Equal shares, in proportion to compute or storage cost, or the fixed shares below."""
    shares: Annotated[dict[CustomerId, Percent], Field(max_length=10_000)] = Field(default_factory=dict)
    """For `fixed`: percent of the cost by customer id. What is left of 100 stays unallocated."""

    @model_validator(mode="after")
    def _check(self) -> "SharedCost":
        violated(_check_shares(self))
        return self


class DataExportSettings(_Part):
    """An export of AWS Data Exports as Parquet, read instead of Cost Explorer."""

    location: Line
    """s3://bucket/prefix/export-name, or a folder that holds the same. {account_id}: the account that is read."""
    format: Literal["cur2", "focus"] = "cur2"
    """The table that is exported: CUR 2.0, or FOCUS 1.2 with AWS columns."""
    cache_folder: Line | None = "~/.cache/daylily-reconcile"
    """Where files of S3 are kept, so that none is read twice. null: nowhere, and so it is in a cluster."""
    memory_mb: Annotated[int, Field(ge=128, le=1_048_576)] = 512
    """How much memory a query may take before it goes on in temporary files."""
    threads: Annotated[int, Field(ge=1, le=256)] = 2
    """How many threads a query may use."""

    @property
    def bucket(self) -> str:
        """The bucket; empty where the export is in a folder."""
        return self.location.removeprefix(S3_SCHEME).partition("/")[0] if self.location.startswith(S3_SCHEME) else ""


class UsageSettings(_Part):
    """How usage and cost are collected."""

    metric: Literal["UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost"] = (
        "UnblendedCost"
    )
    """Which of Cost Explorer's costs counts."""
    excluded_record_types: Annotated[tuple[Line, ...], Field(strict=False, max_length=20)] = ("Credit", "Refund")
    """Record types of Cost Explorer that are shown apart and charged to nobody: Credit, Refund, Tax and so on."""
    cost_ttl_hours: Annotated[int, Field(ge=0, le=8760)] = 8
    """Cost Explorer is not asked again within this time; every page costs $0.01. 0: asked by every collect."""
    compute: Literal["auto", "tags", "ledger"] = "auto"
    """Where the cost of compute comes from. auto: from AWS's cost where it is tagged, else from the worksets ledger."""
    failed_worksets: Literal["bill", "absorb", "flag"] = "bill"
    """Ledger cost of failed worksets: charged, not charged, or not charged and told as an open question."""
    forecast: Literal["budgets", "cost_explorer"] = "budgets"
    """AWS's forecast: that of the budget, for free and without an interval, or Cost Explorer's at $0.01 a customer."""
    cluster_tag: TagKey | None = None
    """Tag key of a cluster's name: cost that no customer's tag tells is the one customer's whose worksets ran there."""
    shared: Annotated[tuple[SharedCost, ...], Field(strict=False, max_length=100)] = ()
    """Rules for shared cost. Left out: it is not split, and shown as unallocated."""
    cost_source: Literal["cost_explorer", "data_export"] = "cost_explorer"
    """Where AWS's cost is read. data_export: in the export below, which needs the extra `data`."""
    data_export: DataExportSettings | None = None
    """The export to read, for `cost_source: data_export`."""

    @model_validator(mode="after")
    def _check(self) -> "UsageSettings":
        violated(_check_unique("excluded_record_types", self.excluded_record_types))
        violated(_check_unique("shared", tuple(rule.service for rule in self.shared)))
        violated(_check_export(self))
        return self


class GateSettings(_Part):
    """When a customer may submit new worksets."""

    hysteresis_percent: Percent = Decimal(2)
    """A held gate opens only once spend is this many percent of the limit under the alert that held it."""
    max_age_hours: Annotated[int, Field(ge=1, le=8760)] = 36
    """Numbers older than this decide nothing any more."""
    when_stale: Literal["open", "hold"] = "open"
    """What the gate does with numbers that are too old, or not there at all."""


class SenderSettings(_Part):
    """Who sends the statements."""

    name: Line = "Customer billing"
    """Name of the organisation."""
    address: Annotated[tuple[Line, ...], Field(strict=False, max_length=6)] = ()
    """Its address, line by line."""
    email: Email | None = None
    """Where questions go."""
    tax_id: ShortLine | None = None
    """Its tax number, as it has to stand on an invoice."""


class TaxRule(_Part):
    """A tax on what is charged."""

    name: ShortLine
    """What it is called on the statement, for example VAT."""
    percent: Percent
    """Its rate."""
    customers: Annotated[tuple[CustomerId, ...], Field(strict=False, max_length=10_000)] = ()
    """Whom it is charged. Left out: everybody."""


class ExchangeRate(_Part):
    """What one currency is worth in another one, as agreed or as published."""

    currency: Currency
    """The currency that a customer pays in."""
    of: Currency = "USD"
    """The currency of AWS's figures."""
    rate: Rate
    """How many units of `currency` one unit of `of` is worth."""
    date: Day
    """Of which day the rate is."""


class StatementSettings(_Part):
    """How statements are made."""

    sender: SenderSettings = Field(default_factory=SenderSettings)
    """Who sends them. Without a name, an address and a tax_id of your own they say that they are no tax invoices."""
    number_prefix: NumberPrefix = "INV-"
    """How their numbers begin: INV-2026-000042."""
    due_days: Annotated[int, Field(ge=0, le=365)] = 30
    """Days until payment is due, where a customer's payment terms do not say it."""
    close_days: Annotated[int, Field(ge=0, le=90)] = 10
    """Days after a month's end from which it may be issued though AWS has not closed it."""
    taxes: Annotated[tuple[TaxRule, ...], Field(strict=False, max_length=10)] = ()
    """Taxes, each a row of its own."""
    rates: Annotated[tuple[ExchangeRate, ...], Field(strict=False, max_length=50)] = ()
    """Exchange rates. Without one a customer is charged in the currency of AWS's figures."""
    note: Line | None = None
    """A sentence that stands on every statement."""

    @model_validator(mode="after")
    def _check(self) -> "StatementSettings":
        violated(_check_unique("taxes", tuple((rule.name, rule.percent) for rule in self.taxes)))
        violated(_check_unique("rates", tuple((one.currency, one.of) for one in self.rates)))
        return self

    @property
    def is_legal(self) -> bool:
        """Whether the sender says all that a tax invoice needs."""
        return bool(self.sender.address and self.sender.tax_id)


class SafetySettings(_Part):
    """When a plan is refused because it changes too much at once."""

    max_change_percent: Percent = Decimal(30)
    """Largest share of the existing keys that one run may change."""
    max_remove_percent: Percent = Decimal(30)
    """Largest share of the existing keys that one run may remove."""
    min_keys: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    """With fewer existing keys than this the shares are not looked at."""
    allow: Annotated[tuple[Line, ...], Field(strict=False, max_length=20)] = ()
    """What is refused unless it is allowed by name: see Guards."""


class VerifySettings(_Part):
    """How often what is expensive to read is read again though nothing changed. 0: on every run."""

    subscribers_hours: Annotated[int, Field(ge=0, le=8760)] = 24
    """Subscribers of alerts: AWS has no bulk call for them."""
    cost_allocation_tags_hours: Annotated[int, Field(ge=0, le=8760)] = 6
    """Cost allocation tags: Cost Explorer is slow, and tags change rarely."""


class Settings(_Part):
    """Settings of the customer billing reconciler."""

    billing: BillingDefaults = Field(default_factory=BillingDefaults)
    """What customers get by default: the seed's keys."""
    accounts: Annotated[tuple[AccountSettings, ...], Field(strict=False, max_length=1000)] = ()
    """AWS accounts. Left out: one, named default, that the credentials belong to."""
    controller_id: ControllerId = "default"
    """Tells apart several reconcilers that share tables: each answers for its own customers only."""
    tables: TableSettings = Field(default_factory=TableSettings)
    """The DynamoDB tables."""
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    """How alerts are delivered."""
    usage: UsageSettings = Field(default_factory=UsageSettings)
    """How usage and cost are collected."""
    gate: GateSettings = Field(default_factory=GateSettings)
    """When a customer may submit new worksets."""
    statements: StatementSettings = Field(default_factory=StatementSettings)
    """How statements are made."""
    safety: SafetySettings = Field(default_factory=SafetySettings)
    """When a plan is refused because it changes too much at once."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """How many customers are applied at a time."""
    verify: VerifySettings = Field(default_factory=VerifySettings)
    """How often what is expensive to read is read again."""
    settle_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    """How long after a write of ours a differing read is lag and not drift."""
    plan_ttl_hours: Annotated[int, Field(ge=1, le=8760)] = 24
    """How long a saved plan may be applied."""

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        violated(_check_accounts(self.accounts))
        return self

    def account(self, name: str) -> AccountSettings | None:
        """The account of this name; with none listed, `default` is the one that the credentials belong to."""
        if not self.accounts and name == "default":
            return AccountSettings(name="default")
        return next((account for account in self.accounts if account.name == name), None)

    def account_names(self) -> tuple[str, ...]:
        """What spec.account may name."""
        return tuple(account.name for account in self.accounts) or ("default",)

    def digest(self) -> str:
        """12 hex digits that change when, and only when, a setting does."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:12]


def _check_unique(field: str, values: tuple[Any, ...]) -> Iterator[Violation]:
    for index, _ in repeated(values):
        yield Violation((field, index), "duplicate-value", "already stands in this list")


def _check_shares(rule: SharedCost) -> Iterator[Violation]:
    if rule.by != "fixed" and rule.shares:
        yield Violation(("shares",), "unused-shares", f"are given, but the cost is split by {rule.by}")
    if rule.by == "fixed" and not 0 < sum(rule.shares.values()) <= 100:
        words = "must be given, and add up to 100 percent at most"
        yield Violation(("shares",), "shares-total", words)


def _check_export(usage: UsageSettings) -> Iterator[Violation]:
    if usage.cost_source != "data_export":
        return
    if usage.data_export is None:
        yield Violation(("cost_source",), "data-export", "is data_export, and data_export does not say which")
        return
    if usage.data_export.format == "focus" and usage.metric == "BlendedCost":
        yield Violation(("metric",), "data-export", "is BlendedCost, which FOCUS does not have")
    if usage.data_export.location.startswith(S3_SCHEME) and not usage.data_export.bucket:
        yield Violation(("data_export", "location"), "data-export", "names no bucket after s3://")


def _check_tables(tables: TableSettings) -> Iterator[Violation]:
    """The violation stands at the later of the two names, or at the one that is written at all."""
    names = [name for name in TableSettings.model_fields if name != "region"]
    for index, first in repeated([getattr(tables, name) for name in names]):
        here, other = names[index], names[first]
        if here not in tables.model_fields_set:
            here, other = other, here
        yield Violation((here,), "one-table", f"is the table of tables.{other} too")


def _check_accounts(accounts: tuple[AccountSettings, ...]) -> Iterator[Violation]:
    for index, account in enumerate(accounts):
        for found in _check_role(account):
            yield Violation(("accounts", index, *found.loc), found.rule, found.message)
    without = [index for index, account in enumerate(accounts) if account.role_arn is None]
    for index in without[1:]:
        words = f"has no role_arn, and the credentials as they are belong to account {without[0] + 1} of this list"
        yield Violation(("accounts", index), "missing-role", words)
    yield from _check_listed_once(accounts)


def _check_role(account: AccountSettings) -> Iterator[Violation]:
    if account.role_arn is None:
        if account.external_id is not None:
            yield Violation(("external_id",), "unused-external-id", "is for assuming a role, and there is no role_arn")
        return
    if account.id and account.id != account.role_account:
        yield Violation(("id",), "account-id", f"is not the account of its role_arn, which is {account.role_account}")
    if account.region and account.role_arn.split(":")[1] != _partition(account.region):
        words = f"is a region of {_partition(account.region)}, and its role_arn is of another partition of AWS"
        yield Violation(("region",), "role-partition", words)


def _partition(region: str) -> str:
    """The part of AWS that a region is in; the credentials of one are worth nothing in another."""
    return next((name for start, name in PARTITIONS.items() if region.startswith(start)), "aws")


def _check_listed_once(accounts: tuple[AccountSettings, ...]) -> Iterator[Violation]:
    ids = [account.id or account.role_account or account.name for account in accounts]
    for field, values in (("name", [account.name for account in accounts]), ("id", ids)):
        for index, first in repeated(values):
            where = "role_arn" if field == "id" and accounts[index].id is None else field
            yield Violation(
                ("accounts", index, where), "duplicate-value", f"is already account {first + 1} of this list"
            )


def _check_lifecycle(defaults: LifecycleDefaults) -> Iterator[Violation]:
    to_ia, to_glacier = defaults.transition_to_ia_days, defaults.transition_to_glacier_days
    for found in check_ages(to_ia, to_glacier):
        if found.rule == "glacier-too-early":
            yield Violation(("transition_to_glacier_days",), found.rule, found.message)
    latest = max(to_ia or 0, to_glacier or 0)
    covered = defaults.results_prefix.startswith(defaults.logs_prefix)
    if defaults.delete_logs_days is not None and covered and defaults.delete_logs_days <= latest:
        words = f'must be more than {latest}: objects under "{defaults.results_prefix}" move only then'
        yield Violation(("delete_logs_days",), "expires-before-transition", words)
