"""The manifest: the one document that a person writes about a customer.

This model is the truth. The JSON schema, the custom resource definition and the reference in the documentation are
generated from it, with its descriptions. Fields are read by their YAML names (customerId) and live here under their
Python names (customer_id). What AWS would refuse and can be known offline is refused here, each by a rule whose id is
the type of the pydantic error; a rule over several values carries all its violations in one error, see `violated`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from controller.domain.customer import AlertType, DeletionPolicy
from controller.domain.gate import Override
from controller.domain.scalars import (
    AccountId,
    AccountName,
    AlertPercent,
    BucketName,
    Currency,
    CustomerId,
    Days,
    Email,
    Environment,
    GlacierDays,
    IaDays,
    KubernetesName,
    LabelKey,
    LabelValue,
    Line,
    Moment,
    Money,
    Namespace,
    Percent,
    Prefix,
    Region,
    ShortLine,
    TagKey,
    TagValue,
    TopicArn,
)

API_VERSION = "billing.daylily.io/v1alpha1"
KIND = "Customer"
IGNORED_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
"""What Kubernetes writes into metadata, so that the output of `kubectl get -o yaml` is a manifest too."""

Channel = Literal["email", "sns"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule broken at `loc`, counted from the model that found it."""

    loc: tuple[str | int, ...]
    rule: str
    message: str


def violated(violations: Iterable[Violation]) -> None:
    """Raise all of them as one pydantic error of type `rules`; nothing to raise: return."""
    found = tuple(violations)
    if found:
        words = "; ".join(f"{violation.rule}: {violation.message}" for violation in found)
        raise PydanticCustomError("rules", "{words}", {"words": words, "violations": found})


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class BillingSpec(_Part):
    """Who pays for the customer, and on what terms."""

    account_id: AccountId | None = None
    """AWS account that the customer is billed to, 12 digits in quotes; the tag daylily:billing_account."""
    cost_center: Line | None = None
    """Code of the cost center; the tag daylily:cost_center."""
    email: Email | None = None
    """Billing contact; gets the alerts that name no addresses of their own. Left out: spec.email."""
    payment_terms: ShortLine | None = None
    """Terms of payment, for example net-30."""
    discount_percent: Percent | None = None
    """Negotiated discount, 0 to 100: a whole number or a quoted decimal."""
    currency: Currency = "USD"
    """Currency of the statement and the budget, ISO 4217."""


class BucketSpec(_Part):
    """A bucket of the customer. It must exist: buckets are never created or deleted."""

    name: BucketName
    """Name of the bucket."""
    region: Region
    """AWS region that the bucket lives in."""


class TransitionSpec(_Part):
    """Moves objects to cheaper storage as they age."""

    prefix: Prefix
    """Objects whose keys start with this text; "" is the whole bucket."""
    to_ia_days: IaDays | None = None
    """Age in days at which objects move to Standard-IA, 30 or more. Left out: they do not."""
    to_glacier_days: GlacierDays | None = None
    """Age in days at which objects move to Glacier, at least 30 after toIaDays. Left out: they do not."""

    @model_validator(mode="after")
    def _check(self) -> "TransitionSpec":
        violated(check_ages(self.to_ia_days, self.to_glacier_days))
        return self


class ExpirationSpec(_Part):
    """Deletes objects as they age. This destroys data: every plan marks what it newly covers."""

    prefix: Prefix
    """Objects whose keys start with this text; "" is the whole bucket."""
    days: Days
    """Age in days at which objects are deleted."""


class LifecycleSpec(_Part):
    """The lifecycle rules of every bucket of the customer: exactly what is written here.

    Left out, or nothing in it but `enabled: true`: the defaults of the settings.
    """

    enabled: bool = True
    """false: no lifecycle rules of ours, whatever else is written here."""
    transitions: Annotated[tuple[TransitionSpec, ...], Field(strict=False, max_length=100)] | None = None
    """Moves to cheaper storage, at most one for a prefix."""
    expirations: Annotated[tuple[ExpirationSpec, ...], Field(strict=False, max_length=100)] | None = None
    """Deletions, at most one for a prefix."""
    abort_incomplete_uploads_days: Days | None = None
    """Age in days at which unfinished multipart uploads are dropped."""

    @property
    def is_default(self) -> bool:
        """Is nothing said but that there shall be rules?"""
        written = (self.transitions, self.expirations, self.abort_incomplete_uploads_days)
        return self.enabled and written == (None, None, None)

    @model_validator(mode="after")
    def _check(self) -> "LifecycleSpec":
        violated(_check_lifecycle(self.transitions or (), self.expirations or ()))
        return self


class StorageSpec(_Part):
    """Where the customer's data lives, and what becomes of it."""

    quota_gib: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(default=None, alias="quotaGiB")
    """Agreed storage in GiB; not enforced."""
    buckets: Annotated[tuple[BucketSpec, ...], Field(strict=False, max_length=100)] = ()
    """The buckets of the customer, one or many."""
    lifecycle: LifecycleSpec | None = None
    """Lifecycle rules of these buckets. Left out: the defaults of the settings."""

    @model_validator(mode="after")
    def _check(self) -> "StorageSpec":
        names = [bucket.name for bucket in self.buckets]
        violated(
            Violation(("buckets", index, "name"), "duplicate-bucket", f"is already bucket {first + 1} of this list")
            for index, first in repeated(names)
        )
        return self


class AlertSpec(_Part):
    """Fires once a month, when the spend is over a share of the budget."""

    at_percent: AlertPercent
    """Share of the monthly limit in percent, over which the alert fires."""
    type: AlertType = "ACTUAL"
    """ACTUAL: spent so far. FORECASTED: what AWS expects for the month."""
    notify: Annotated[tuple[Channel, ...], Field(strict=False, min_length=1, max_length=2)] = ("email",)
    """Who is told: email, sns or both."""
    emails: Annotated[tuple[Email, ...], Field(strict=False, min_length=1, max_length=10)] | None = None
    """E-mail addresses, at most 10. Left out: billing.email, else spec.email."""
    topic_arn: TopicArn | None = None
    """SNS topic, in the account of the budget. Left out: the account's topic."""
    pause_worksets: bool = False
    """true: over this share the gate is held for new worksets. AWS Budgets itself stops nothing."""

    @model_validator(mode="after")
    def _check(self) -> "AlertSpec":
        violated(_check_alert(self))
        return self


class BudgetSpec(_Part):
    """The monthly budget. What is left out comes from the settings: the limit, the alerts."""

    enabled: bool = True
    """false: no budget of ours, whatever else is written here."""
    monthly_limit: Money | None = None
    """Limit of a month in US dollars, as AWS counts cost: a whole number or a quoted decimal, "1000.50"."""
    alerts: Annotated[tuple[AlertSpec, ...], Field(strict=False, max_length=10)] | None = None
    """Alerts, at most 10. Left out: the ladder of the settings; []: none."""

    @model_validator(mode="after")
    def _check(self) -> "BudgetSpec":
        keys = [(alert.type, alert.at_percent) for alert in self.alerts or ()]
        violated(
            Violation(
                ("alerts", index, "atPercent"),
                "duplicate-alert",
                f"{keys[index][0]} {keys[index][1].normalize():f} is already alert {first + 1} of this list",
            )
            for index, first in repeated(keys)
        )
        return self


class AttributionTag(_Part):
    """A tag that other tools put on resources, with the values that stand for this customer."""

    key: TagKey
    """The tag key, for example aws-parallelcluster-project. It has to be active for cost allocation."""
    values: Annotated[tuple[TagValue, ...], Field(strict=False, min_length=1, max_length=20)]
    """The values of it that are this customer's."""

    @model_validator(mode="after")
    def _check(self) -> "AttributionTag":
        violated(_check_repeated("values", self.values))
        return self


class CostAttributionSpec(_Part):
    """Which cost is the customer's, beside what carries the tag daylily:customer_id."""

    tags: Annotated[tuple[AttributionTag, ...], Field(strict=False, max_length=10)] = ()
    """Further tags that tie cost to the customer. They widen the budget, too."""

    @model_validator(mode="after")
    def _check(self) -> "CostAttributionSpec":
        violated(_check_repeated("tags", tuple(tag.key for tag in self.tags)))
        return self


class WorksetsSpec(_Part):
    """Whether the customer may submit new worksets."""

    gate: Override = "Auto"
    """Auto: by the budget. Open and Hold: as said here, whatever was spent."""
    gate_reason: Line | None = None
    """Why it is overridden; told to whoever asks, and kept in the audit trail."""
    gate_until: Moment | None = None
    """Until when it is overridden, for example "2026-12-01T00:00:00Z"; then it is Auto again."""

    @model_validator(mode="after")
    def _check(self) -> "WorksetsSpec":
        violated(_check_gate(self))
        return self


class CustomerSpec(_Part):
    """What the customer is to have."""

    customer_id: CustomerId
    """Unique id of the customer. It names the budget and stands in every tag, and it never changes."""
    display_name: Line
    """Name of the customer. The tag gets a stand-in for characters that AWS refuses; the record keeps it raw."""
    email: Email
    """Contact of the customer."""
    environment: Environment = "production"
    """The tag daylily:environment."""
    account: AccountName = "default"
    """Which AWS account of the settings holds the buckets and the budget."""
    suspend: bool = False
    """true: observe and report, change nothing."""
    deletion_policy: DeletionPolicy = "Retain"
    """What happens to our tags, rules and budget once the manifest is gone. Buckets and objects always stay."""
    billing: BillingSpec = Field(default_factory=BillingSpec)
    """Who pays, and on what terms."""
    storage: StorageSpec = Field(default_factory=StorageSpec)
    """Buckets, and what becomes of the data in them."""
    budget: BudgetSpec | None = None
    """Monthly budget and its alerts. Left out: the defaults of the settings."""
    cost_attribution: CostAttributionSpec = Field(default_factory=CostAttributionSpec)
    """Which cost is the customer's."""
    worksets: WorksetsSpec = Field(default_factory=WorksetsSpec)
    """Whether the customer may submit new worksets."""

    def digest(self) -> str:
        """12 hex digits that change when, and only when, the spec asks for something else.

        The order of keys and of lists has no meaning, nor has a default that is written out.
        """
        asked = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return hashlib.sha256(_canonical(_orderless(asked)).encode()).hexdigest()[:12]


def _ignored_metadata(schema: dict[str, Any]) -> None:
    for name in IGNORED_METADATA:
        schema["properties"][name] = {"description": "Written by Kubernetes; ignored."}


class Metadata(_Part):
    """Name and labels, as in any Kubernetes document. What Kubernetes itself writes here is ignored."""

    model_config = ConfigDict(json_schema_extra=_ignored_metadata)

    name: KubernetesName
    """Name of the document: small letters, digits, - and dots."""
    namespace: Namespace | None = None
    """Kubernetes namespace; without a cluster it only tells apart documents of one name."""
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=64)] = Field(default_factory=dict)
    """Labels, carried along as they are."""
    annotations: Annotated[dict[LabelKey, Annotated[str, Field(max_length=262_144)]], Field(max_length=64)] = Field(
        default_factory=dict
    )
    """Annotations, carried along as they are."""

    @model_validator(mode="before")
    @classmethod
    def _drop_ignored(cls, written: Any) -> Any:
        if isinstance(written, dict) and not written.keys().isdisjoint(IGNORED_METADATA):
            return {key: value for key, value in written.items() if key not in IGNORED_METADATA}
        return written


class CustomerManifest(_Part):
    """A customer of the billing reconciler."""

    api_version: Literal["billing.daylily.io/v1alpha1"]
    """Version of this format."""
    kind: Literal["Customer"]
    """Kind of document."""
    metadata: Metadata
    """Name and labels, as in any Kubernetes document."""
    spec: CustomerSpec
    """What the customer is to have."""
    status: Any = None
    """Written by the controller in a cluster; ignored in a manifest."""


def check_ages(to_ia: int | None, to_glacier: int | None) -> Iterator[Violation]:
    if to_ia is None and to_glacier is None:
        yield Violation((), "empty-transition", "moves nothing: give toIaDays, toGlacierDays or both")
    if to_ia is not None and to_glacier is not None and to_glacier < to_ia + 30:
        words = f"must be at least {to_ia + 30}: S3 wants 30 days between Standard-IA and Glacier"
        yield Violation(("toGlacierDays",), "glacier-too-early", words)


def _check_lifecycle(
    transitions: Sequence[TransitionSpec], expirations: Sequence[ExpirationSpec]
) -> Iterator[Violation]:
    for part, rules in (("transitions", transitions), ("expirations", expirations)):
        for index, first in repeated([rule.prefix for rule in rules]):
            words = f"already has {part[:-1]} {first + 1} of this list"
            yield Violation((part, index, "prefix"), "duplicate-prefix", words)
    for index, expiration in enumerate(expirations):
        for transition in transitions:
            latest = max(transition.to_ia_days or 0, transition.to_glacier_days or 0)
            if transition.prefix.startswith(expiration.prefix) and expiration.days <= latest:
                words = f'must be more than {latest}: objects under "{transition.prefix}" move only then'
                yield Violation(("expirations", index, "days"), "expires-before-transition", words)


def _check_repeated(field: str, values: Sequence[object]) -> Iterator[Violation]:
    for index, _ in repeated(values):
        yield Violation((field, index), "duplicate-value", "already stands in this list")


def _check_gate(worksets: WorksetsSpec) -> Iterator[Violation]:
    for field, value in (("gateReason", worksets.gate_reason), ("gateUntil", worksets.gate_until)):
        if value is not None and worksets.gate == "Auto":
            yield Violation((field,), "unused-override", "is given, but the gate is Auto")
    if worksets.gate != "Auto" and worksets.gate_reason is None:
        yield Violation(("gateReason",), "gate-reason", "must say why the gate is overridden")


def _check_alert(alert: AlertSpec) -> Iterator[Violation]:
    yield from _check_repeated("notify", alert.notify)
    yield from _check_repeated("emails", alert.emails or ())
    if alert.emails is not None and "email" not in alert.notify:
        yield Violation(("emails",), "unused-subscriber", "are given, but notify does not list email")
    if alert.topic_arn is not None and "sns" not in alert.notify:
        yield Violation(("topicArn",), "unused-subscriber", "is given, but notify does not list sns")


def repeated(values: Sequence[object]) -> Iterator[tuple[int, int]]:
    """The index of every value that stood before, with the index of its first place."""
    first: dict[object, int] = {}
    for index, value in enumerate(values):
        if first.setdefault(value, index) != index:
            yield index, first[value]


def _orderless(value: Any) -> Any:
    """`value` with every list sorted: no list of a spec has an order that means something."""
    if isinstance(value, dict):
        return {key: _orderless(inner) for key, inner in value.items()}
    if isinstance(value, list):
        inner = [_orderless(one) for one in value]
        return sorted(inner, key=_canonical) if len(inner) > 1 else inner
    return value


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)
