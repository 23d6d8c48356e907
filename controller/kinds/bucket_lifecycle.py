"""Our lifecycle rules in a bucket's one lifecycle document, which others share.

Rules are ours by their ID: those that begin with `daylily-`, and the three bare IDs of the seed document, which are
adopted and replaced. Everything else goes back as it came, with two exceptions that S3 forces: a legacy rule with a
top-level Prefix is rewritten to the same Filter, because S3 takes no document that mixes both forms, and the observed
minimum transition size is sent along, because S3 changes it otherwise.

Every write re-reads the document first and is left out when ours is already as wanted.
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

from controller.domain.customer import Customer, Expiration, Lifecycle, Transition
from controller.domain.kind import Kind, Note, Path
from controller.domain.resource import Absent, Observation, Present, Target
from controller.domain.savings import Fates, fates
from controller.errors import PermanentFailure
from controller.kinds import bucket
from controller.kinds.context import Context
from controller.kinds.lifecycle_rule import Rule, from_aws, to_aws
from controller.kinds.look import look_at_each

PREFIX = "daylily-"
TRANSITION, EXPIRATION, CLEANUP = "daylily-TransitionToIA", "daylily-DeleteOldLogs", "daylily-CleanupIncomplete"
SEED_IDS = frozenset({"TransitionToIA", "DeleteOldLogs", "CleanupIncomplete"})
"""IDs that the seed document wrote before there was a namespace."""

REWRITTEN = "same effect, rewritten from Prefix to Filter: S3 refuses a mix"

SEED_PREFIXES = {TRANSITION: "results/", EXPIRATION: "logs/"}
"""The prefix whose rule has the plain ID; a rule's ID follows its prefix, so a reordered manifest changes nothing."""


NEW_EXPIRY, SHORTER_EXPIRY = "new-expiry", "shorter-expiry"


@dataclass(frozen=True, slots=True)
class BucketRules:
    """Our rules on one bucket, by ID. `legacy`: IDs of foreign rules in the old form, rewritten by our next write."""

    rules: Mapping[str, Rule]
    region: str = field(compare=False)
    legacy: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class _Document:
    """A bucket's lifecycle document as AWS gave it; `minimum_size` is None where AWS did not say."""

    rules: tuple[Mapping[str, Any], ...] = ()
    minimum_size: str | None = None

    @property
    def ours(self) -> dict[str, Rule]:
        return {rule["ID"]: from_aws(rule) for rule in self.rules if _is_ours(rule)}

    @property
    def foreign(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(rule for rule in self.rules if not _is_ours(rule))


class BucketLifecycle(Kind[Customer, BucketRules]):
    name = "bucket_lifecycle"
    permissions = frozenset({"s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration"})
    state = BucketRules
    lags = True
    powers: ClassVar[Mapping[str, str]] = {
        NEW_EXPIRY: "objects are newly deleted under a prefix that the settings' defaults do not name",
        SHORTER_EXPIRY: "objects are deleted at a lower age than before",
    }

    def __init__(self, context: Context) -> None:
        self._aws, self._account_id = context.aws, context.account.account_id
        defaults = context.settings.billing.lifecycle
        self._expiring = defaults.logs_prefix if defaults.delete_logs_days is not None else None

    def desired(self, owner: Customer) -> Mapping[str, BucketRules]:
        rules = _rules(owner.lifecycle)
        return {one.name: BucketRules(rules, one.region) for one in owner.buckets} if rules else {}

    def observe(self, targets: Collection[Target[BucketRules]]) -> Mapping[str, Observation[BucketRules]]:
        return look_at_each(self._aws, targets, self._look)

    def put(self, name: str, desired: BucketRules, observed: BucketRules | None) -> None:
        self._replace(name, desired.region, desired.rules)

    def delete(self, name: str, observed: BucketRules) -> None:
        self._replace(name, observed.region, {})

    def source(self, owner: Customer, name: str, path: Path) -> str:
        return _sources(owner).get(path[1] if len(path) > 1 else "", "spec.storage.lifecycle")

    def notes(self, name: str, observed: BucketRules | None, desired: BucketRules | None) -> Sequence[Note]:
        before, after = (observed.rules if observed else {}), (desired.rules if desired else {})
        notes = [*_expiry_notes(before, after, self._expiring)]
        if seed := sorted(SEED_IDS & before.keys()):
            notes.append(Note(f"{', '.join(seed)}: our rules from before, replaced by the ones named {PREFIX}*"))
        if observed and observed.legacy:
            ids = ", ".join(observed.legacy)
            notes.append(Note(f"{ids}: not ours, {REWRITTEN}"))
        return notes

    def _look(self, target: Target[BucketRules]) -> Observation[BucketRules]:
        region = target.hint.region if target.hint else self._aws.region
        try:
            document = self._read(target.name, region)
        except PermanentFailure as failure:
            return bucket.missing(failure, wanted=target.desired is not None)
        foreign = tuple(sorted(str(rule.get("ID", "(no ID)")) for rule in document.foreign))
        legacy = tuple(sorted(str(rule.get("ID", "(no ID)")) for rule in document.foreign if "Prefix" in rule))
        if not document.ours:
            touched = legacy if target.desired else ()
            return Absent(tuple(f"{one}, {REWRITTEN}" if one in touched else one for one in foreign))
        return Present(BucketRules(document.ours, region, legacy), foreign)

    def _read(self, name: str, region: str) -> _Document:
        operation, nothing = "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"
        answer = bucket.read(self._aws, operation, name, region, self._account_id, nothing=nothing)
        if answer is None:
            return _Document()
        return _Document(tuple(answer.get("Rules", ())), answer.get("TransitionDefaultMinimumObjectSize"))

    def _replace(self, name: str, region: str, wanted: Mapping[str, Rule]) -> None:
        """Reads the document afresh and puts it back with our rules exchanged, unless they already are."""
        document = self._read(name, region)
        if document.ours == wanted:
            return
        about: dict[str, Any] = {"Bucket": name, "ExpectedBucketOwner": self._account_id}
        rules = [_as_filter(rule) if wanted else dict(rule) for rule in document.foreign]
        rules += [to_aws(rule_id, rule) for rule_id, rule in sorted(wanted.items())]
        if not rules:
            self._aws.call("s3", "delete_bucket_lifecycle", region=region, about=name, **about)
            return
        if document.minimum_size:
            about["TransitionDefaultMinimumObjectSize"] = document.minimum_size
        self._aws.call(
            "s3",
            "put_bucket_lifecycle_configuration",
            region=region,
            about=name,
            LifecycleConfiguration={"Rules": rules},
            **about,
        )


def fates_of(state: BucketRules) -> Fates:
    """What our rules do to objects; one that somebody changed into what we never write is left out."""
    plain = [rule for rule in state.rules.values() if rule.extra is None]
    ends = [(rule.prefix, rule.expiration_days) for rule in plain if rule.expiration_days is not None]
    return fates([(rule.prefix, rule.transitions) for rule in plain], ends)


def _is_ours(rule: Mapping[str, Any]) -> bool:
    rule_id = str(rule.get("ID", ""))
    return rule_id.startswith(PREFIX) or rule_id in SEED_IDS


def _as_filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A foreign rule as it came, in the form that may stand beside ours."""
    if "Prefix" not in rule:
        return dict(rule)
    return {key: value for key, value in rule.items() if key != "Prefix"} | {"Filter": {"Prefix": rule["Prefix"]}}


@lru_cache(maxsize=1024)
def _rules(lifecycle: Lifecycle | None) -> Mapping[str, Rule]:
    """Most customers have the rules of the settings: one value for all of them."""
    if lifecycle is None:
        return {}
    rules = {_transition_id(one): _transition_rule(one) for one in lifecycle.transitions}
    rules |= {_expiration_id(one): Rule(one.prefix, expiration_days=one.days) for one in lifecycle.expirations}
    if lifecycle.abort_incomplete_uploads_days:
        rules[CLEANUP] = Rule("", abort_days=lifecycle.abort_incomplete_uploads_days)
    return rules


def _transition_rule(one: Transition) -> Rule:
    days = {"STANDARD_IA": one.to_ia_days, "GLACIER": one.to_glacier_days}
    return Rule(one.prefix, transitions={name: count for name, count in days.items() if count is not None})


def _transition_id(one: Transition) -> str:
    return _rule_id(TRANSITION, one.prefix)


def _expiration_id(one: Expiration) -> str:
    return _rule_id(EXPIRATION, one.prefix)


def _rule_id(plain: str, prefix: str) -> str:
    """`plain` for the seed's own prefix, else with the prefix in it; a hash where that is not one to one."""
    if prefix == SEED_PREFIXES[plain]:
        return plain
    readable = re.sub(r"[^A-Za-z0-9]+", "-", prefix).strip("-")[:60] or "all"
    if f"{readable}/" == prefix:
        return f"{plain}-{readable}"
    return f"{plain}-{readable}-{hashlib.sha256(prefix.encode()).hexdigest()[:6]}"


def _sources(owner: Customer) -> dict[str, str]:
    """The manifest path behind each of our rules, by ID."""
    lifecycle = owner.lifecycle
    if lifecycle is None:
        return {}
    sources = {_transition_id(one): one.source for one in lifecycle.transitions}
    sources |= {_expiration_id(one): one.source for one in lifecycle.expirations}
    return sources | {CLEANUP: "spec.storage.lifecycle.abortIncompleteUploadsDays"}


def _expiry_notes(before: Mapping[str, Rule], after: Mapping[str, Rule], usual: str | None) -> list[Note]:
    """New power over data: a prefix whose objects will be deleted, or deleted sooner, than before.

    `usual`: the prefix under which the settings' defaults let objects expire.
    """
    notes = []
    for rule in sorted(after.values(), key=lambda rule: rule.prefix):
        if rule.expiration_days is None:
            continue
        covered = [
            old.expiration_days
            for old in before.values()
            if old.expiration_days is not None and old.extra is None and rule.prefix.startswith(old.prefix)
        ]
        where = f"everything under {rule.prefix!r}" if rule.prefix else "every object of the bucket"
        needs = "" if usual is not None and rule.prefix.startswith(usual) else NEW_EXPIRY
        if not covered:
            notes.append(Note(f"newly deletes {where} once it is {rule.expiration_days} days old", "danger", needs))
        elif rule.expiration_days < min(covered):
            was = f"before: {min(covered)} days"
            notes.append(
                Note(f"deletes {where} already at {rule.expiration_days} days ({was})", "danger", SHORTER_EXPIRY)
            )
    return notes
