"""The `.status` of the custom resource: what `kubectl get` and `kubectl describe` show of a customer.

This model is the truth: the status in the custom resource definition is generated from it, with its descriptions and
its limits. Whoever fills it cuts long texts with `fit` and long lists to `RESOURCES` and `SERVICES`, since the API
server refuses a status that is over a limit as a whole. What is not known is left out, never 0. Texts are written as
they are to be read, because the columns of kubectl compute nothing.

Dump with `model_dump(mode="json", by_alias=True, exclude_none=True)`.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from controller.domain.scalars import Moments

SHORT = 64
NAME = 256
MESSAGE = 1024
PLAN_TEXT = 16_384
SERVICES = 64
RESOURCES = 512
CONDITIONS = 32

Short = Annotated[str, Field(max_length=SHORT)]
Name = Annotated[str, Field(max_length=NAME)]
Message = Annotated[str, Field(max_length=MESSAGE)]
Count = Annotated[int, Field(ge=0)]
Instant = Annotated[datetime, Moments(), WithJsonSchema({"type": "string", "format": "date-time", "maxLength": SHORT})]
"""A moment, dumped in UTC to the second."""


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class ServiceCost(_Part):
    """What one service cost in the period."""

    service: Name
    """Name of the service."""
    cost: Short
    """Cost of it, for example "12.50"."""


class UsageStatus(_Part):
    """What the customer used and what it cost, as last collected."""

    period: Short | None = None
    """The month, for example 2026-11."""
    spent: Short | None = None
    """Cost of the period so far, for example "322.34"."""
    limit: Short | None = None
    """Limit of the budget, for example "500.00"."""
    used: Short | None = None
    """Share of the limit that is spent, for example "64.5%"."""
    forecast: Short | None = None
    """Expected cost of the whole period."""
    currency: Short | None = None
    """Currency of the amounts."""
    storage: Short | None = None
    """Data in the buckets, for example "812.4 GiB"."""
    as_of: Instant | None = None
    """How old the figures are."""
    estimated: bool | None = None
    """true: AWS may still change the costs of the period."""
    worksets: Count | None = None
    """Number of worksets that ran in the period."""
    vcpu_hours: Short | None = None
    """Compute of the period in vCPU hours."""
    by_service: Annotated[tuple[ServiceCost, ...], Field(strict=False, max_length=SERVICES)] | None = None
    """The cost by service; the parts sum to the whole."""


class GateStatus(_Part):
    """Whether the customer may submit new worksets."""

    state: Literal["Open", "Warned", "Held", "Unknown"]
    """Open and Warned: it may. Held: it may not. Unknown: nothing is known that would tell."""
    reason: Name | None = None
    """Why, in one word."""
    since: Instant | None = None
    """Since when."""
    until: Instant | None = None
    """Until when, where it is overridden."""
    message: Message | None = None
    """Why, in a sentence."""


class ManagedResource(_Part):
    """Something in AWS that is kept as the manifest says."""

    kind: Short
    """Kind of it, for example budget."""
    name: Name
    """Its name in AWS."""
    state: Literal["InSync", "Pending", "Waiting", "Failed", "Unknown"]
    """InSync, or what keeps it from being so; Waiting: AWS has to move first. Unknown: it could not be read."""
    message: Message | None = None
    """What is pending, what it waits for, or what failed."""


class PlanStatus(_Part):
    """The changes that an apply would make, where there are any or a dry run was asked for."""

    creates: Count
    """Number of keys to create."""
    updates: Count
    """Number of keys to update."""
    deletes: Count
    """Number of keys to delete."""
    adopts: Count
    """Number of keys to adopt."""
    text: Annotated[str, Field(max_length=PLAN_TEXT)] | None = None
    """The plan as a person reads it."""


class ResourceCondition(_Part):
    """A condition as Kubernetes has them everywhere."""

    type: Annotated[str, Field(min_length=1, max_length=SHORT, pattern=r"^[A-Z][A-Za-z0-9]*$")]
    """What it is about: Ready, and others while they hold."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=SHORT, pattern=r"^[A-Z][A-Za-z0-9]*$")]
    """Why, in one word."""
    message: Message
    """Why, in a sentence."""
    last_transition_time: Instant
    """When the status of the condition last flipped."""
    observed_generation: Count | None = None
    """Generation of the manifest that this is about."""


class ResourceStatus(_Part):
    """Written by the controller in a cluster; ignored in a manifest."""

    observed_generation: Count | None = None
    """Generation of the manifest that was last acted on."""
    last_handled_reconcile_at: Name | None = None
    """The value of the annotation billing.daylily.io/requestedAt that was last acted on."""
    next_check: Name | None = None
    """When it is looked at again."""
    message: Message | None = None
    """How it stands, in one line."""
    usage: UsageStatus | None = None
    """What the customer used and what it cost, as last collected."""
    gate: GateStatus | None = None
    """Whether the customer may submit new worksets."""
    resources: Annotated[tuple[ManagedResource, ...], Field(strict=False, max_length=RESOURCES)] | None = None
    """What is managed of this customer, and how it stands."""
    plan: PlanStatus | None = None
    """The changes that an apply would make, where there are any or a dry run was asked for."""
    conditions: Annotated[tuple[ResourceCondition, ...], Field(strict=False, max_length=CONDITIONS)] | None = None
    """Ready; Reconciling and Stalled only while true; and what else there is to tell."""


def fit(text: str, limit: int) -> str:
    """`text`, cut to `limit` characters, at least one; what was cut ends in "…"."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
