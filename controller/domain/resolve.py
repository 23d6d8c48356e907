"""What a manifest means: every default filled in from the settings, everything in one canonical order."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from sys import intern
from types import MappingProxyType

from controller.domain.customer import (
    Alert,
    Billing,
    Bucket,
    Budget,
    Customer,
    Expiration,
    Lifecycle,
    Origin,
    Place,
    Transition,
)
from controller.domain.gate import Wish
from controller.domain.manifest import AlertSpec, BudgetSpec, CustomerManifest, CustomerSpec, LifecycleSpec, StorageSpec
from controller.domain.settings import LifecycleDefaults, Settings

BORROWED: Mapping[str, str] = MappingProxyType(
    {
        "spec.budget": "billing.budgets",
        "spec.budget.monthlyLimit": "billing.budgets.default_monthly_limit",
        "spec.budget.alerts": "billing.budgets.alert_thresholds",
        "spec.storage.lifecycle": "billing.lifecycle",
    }
)
"""What the settings say where a manifest says nothing: path of the manifest -> path of the settings."""


def resolve(manifest: CustomerManifest, settings: Settings, origin: Origin) -> Customer:
    """The customer that `manifest` describes under `settings`. Pure; equal for equal content in any order of keys.

    `origin` knows the places of the manifest and lends from those of the settings (see `BORROWED`).
    """
    spec, metadata = manifest.spec, manifest.metadata
    return Customer(
        name=metadata.name,
        customer_id=spec.customer_id,
        display_name=spec.display_name,
        email=spec.email,
        environment=spec.environment,
        account=spec.account,
        suspend=spec.suspend,
        deletion_policy=spec.deletion_policy,
        billing=_billing(spec),
        quota_gib=spec.storage.quota_gib,
        buckets=_buckets(spec.storage),
        lifecycle=_lifecycle(spec.storage.lifecycle, settings),
        budget=_budget(spec, settings),
        attribution=tuple(sorted((tag.key, value) for tag in spec.cost_attribution.tags for value in tag.values)),
        wish=Wish(spec.worksets.gate, spec.worksets.gate_reason or "", spec.worksets.gate_until),
        labels=tuple(sorted(metadata.labels.items())),
        annotations=tuple(sorted(metadata.annotations.items())),
        generation=spec.digest(),
        origin=origin,
    )


def lender(settings: Origin) -> Origin:
    """The settings' places, for manifests to borrow from; what no file says is a built-in default."""
    unwritten = dict.fromkeys(("billing.budgets", "billing.lifecycle"), Place("built-in default", 0, 0))
    return Origin({**unwritten, **settings.places})


def lending(places: Origin, lender: Origin) -> Origin:
    """The origin of a manifest whose defaults come from `lender`."""
    return replace(places, borrowed=BORROWED, lender=lender)


def _billing(spec: CustomerSpec) -> Billing:
    billing = spec.billing
    return Billing(
        account_id=billing.account_id,
        cost_center=billing.cost_center,
        email=billing.email,
        payment_terms=billing.payment_terms,
        discount_percent=billing.discount_percent,
        currency=billing.currency,
    )


def _buckets(storage: StorageSpec) -> tuple[Bucket, ...]:
    buckets = (
        Bucket(bucket.name, bucket.region, _at("spec.storage.buckets", index))
        for index, bucket in enumerate(storage.buckets)
    )
    return tuple(sorted(buckets, key=lambda bucket: bucket.name))


def _lifecycle(spec: LifecycleSpec | None, settings: Settings) -> Lifecycle | None:
    if spec is None:
        return default_lifecycle(settings) if settings.billing.enabled else None
    if not spec.enabled:
        return None
    if spec.is_default:
        return default_lifecycle(settings)
    source = "spec.storage.lifecycle"
    transitions = (
        Transition(rule.prefix, rule.to_ia_days, rule.to_glacier_days, _at(f"{source}.transitions", index))
        for index, rule in enumerate(spec.transitions or ())
    )
    expirations = (
        Expiration(rule.prefix, rule.days, _at(f"{source}.expirations", index))
        for index, rule in enumerate(spec.expirations or ())
    )
    return Lifecycle(
        tuple(sorted(transitions, key=lambda rule: rule.prefix)),
        tuple(sorted(expirations, key=lambda rule: rule.prefix)),
        spec.abort_incomplete_uploads_days,
        source,
    )


def default_lifecycle(settings: Settings) -> Lifecycle:
    """The rules of a customer whose manifest says nothing of them."""
    return _lifecycle_of(settings.billing.lifecycle)


@lru_cache(maxsize=8)
def _lifecycle_of(defaults: LifecycleDefaults) -> Lifecycle:
    """One value for all customers that have the defaults."""
    source = "billing.lifecycle"
    to_ia, to_glacier = defaults.transition_to_ia_days, defaults.transition_to_glacier_days
    transition = Transition(defaults.results_prefix, to_ia, to_glacier, f"{source}.transition_to_ia_days")
    days = defaults.delete_logs_days
    expirations = () if days is None else (Expiration(defaults.logs_prefix, days, f"{source}.delete_logs_days"),)
    return Lifecycle(
        () if to_ia is None and to_glacier is None else (transition,),
        expirations,
        defaults.abort_incomplete_uploads_days,
        source,
    )


def _budget(spec: CustomerSpec, settings: Settings) -> Budget | None:
    written = spec.budget
    if written is None and settings.billing.enabled:
        return Budget(settings.billing.budgets.default_monthly_limit, _ladder(spec, settings), "billing.budgets")
    if written is None or not written.enabled:
        return None
    limit = written.monthly_limit or settings.billing.budgets.default_monthly_limit
    return Budget(limit, _alerts(written, spec, settings), "spec.budget")


def _alerts(written: BudgetSpec, spec: CustomerSpec, settings: Settings) -> tuple[Alert, ...]:
    if written.alerts is None:
        return _ladder(spec, settings)
    source = "spec.budget.alerts"
    return _sorted(*(_alert(alert, spec, _at(source, index)) for index, alert in enumerate(written.alerts)))


def _alert(written: AlertSpec, spec: CustomerSpec, source: str) -> Alert:
    return Alert(
        at_percent=written.at_percent,
        type=written.type,
        emails=tuple(sorted(written.emails or _contacts(spec))) if "email" in written.notify else (),
        sns="sns" in written.notify,
        topic_arn=written.topic_arn,
        pause_worksets=written.pause_worksets,
        source=source,
    )


def _ladder(spec: CustomerSpec, settings: Settings) -> tuple[Alert, ...]:
    """The seed's ladder: e-mail; from 80 % also SNS; from 100 % also no new worksets."""
    source = "billing.budgets.alert_thresholds"
    return _sorted(
        *(
            Alert(
                at_percent=percent,
                emails=_contacts(spec),
                sns=percent >= Decimal(80),
                pause_worksets=percent >= Decimal(100),
                source=_at(source, index),
            )
            for index, percent in enumerate(settings.billing.budgets.alert_thresholds)
        )
    )


def _contacts(spec: CustomerSpec) -> tuple[str, ...]:
    return (spec.billing.email or spec.email,)


def _sorted(*alerts: Alert) -> tuple[Alert, ...]:
    return tuple(sorted(alerts, key=lambda alert: (alert.type, alert.at_percent)))


def _at(path: str, index: int) -> str:
    """Interned: ten thousand customers share one string."""
    return intern(f"{path}[{index}]")
