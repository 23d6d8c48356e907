"""The settings: fleet-wide defaults and limits, as in config/billing_config.yaml.

The keys under `billing` are those of the seed and mean what they mean there; `results_prefix`, `logs_prefix` and
`abort_incomplete_uploads_days`, and everything beside `billing`, are ours. Every key has a default.
"""

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from controller.domain.manifest import Violation, check_ages, repeated, violated
from controller.domain.scalars import (
    AccountId,
    AccountName,
    AlertPercent,
    ControllerId,
    Days,
    GlacierDays,
    IaDays,
    Line,
    Money,
    Percent,
    Prefix,
    Region,
    RoleArn,
    TableName,
    TagKey,
    TopicName,
)


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
    """Statuses."""
    region: Region | None = None
    """Their region. null: the region of the credentials."""


class AlertSettings(_Part):
    """How alerts are delivered."""

    topic_name: TopicName = "daylily-budget-alerts"
    """Name of the SNS topic of each account."""


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


def _check_accounts(accounts: tuple[AccountSettings, ...]) -> Iterator[Violation]:
    for index, account in enumerate(accounts):
        if account.id and account.role_arn and account.id != account.role_account:
            words = f"is not the account of its role_arn, which is {account.role_account}"
            yield Violation(("accounts", index, "id"), "account-id", words)
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
