"""One lifecycle rule of ours: a canonical value, and its form in the S3 API.

S3 gives one rule in many forms: `Filter: {}` and `Filter: {Prefix: ""}` and a top-level Prefix mean the same, and the
order of transitions means nothing. Here they are one value.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to objects under `prefix`: `transitions` maps a storage class to an age in days.

    `extra` is whatever a changed rule has beyond what we ever write, e.g. that it is disabled, as JSON, so that it
    shows up as a difference.
    """

    prefix: str
    transitions: Mapping[str, int] = field(default_factory=dict)
    expiration_days: int | None = None
    abort_days: int | None = None
    extra: str | None = None


def from_aws(rule: Mapping[str, Any]) -> Rule:
    """The canonical form of a rule as S3 returns it."""
    rest = {key: value for key, value in rule.items() if key != "ID" and (key, value) != ("Status", "Enabled")}
    prefix = rest.pop("Prefix", "")
    where = dict(rest.pop("Filter", None) or {})
    prefix = where.pop("Prefix", prefix)
    if where:
        rest["Filter"] = where
    transitions = {}
    for one in rest.pop("Transitions", ()):
        if set(one) == {"Days", "StorageClass"}:
            transitions[one["StorageClass"]] = one["Days"]
        else:
            rest.setdefault("Transitions", []).append(one)
    return Rule(
        prefix=prefix,
        transitions=transitions,
        expiration_days=_only(rest, "Expiration", "Days"),
        abort_days=_only(rest, "AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
        extra=json.dumps(rest, sort_keys=True, default=str) if rest else None,
    )


def to_aws(rule_id: str, rule: Rule) -> dict[str, Any]:
    """The rule as S3 takes it. Always with a Filter: S3 refuses a rule that has neither Filter nor Prefix."""
    body: dict[str, Any] = {"ID": rule_id, "Status": "Enabled", "Filter": {"Prefix": rule.prefix}}
    if rule.transitions:
        body["Transitions"] = [
            {"Days": days, "StorageClass": name}
            for name, days in sorted(rule.transitions.items(), key=lambda item: (item[1], item[0]))
        ]
    if rule.expiration_days is not None:
        body["Expiration"] = {"Days": rule.expiration_days}
    if rule.abort_days is not None:
        body["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_days}
    return body


def _only(rest: dict[str, Any], action: str, field_name: str) -> int | None:
    """Takes an action out of `rest` where it is just a number of days; anything richer stays there."""
    if set(rest.get(action, {})) != {field_name}:
        return None
    days: int = rest.pop(action)[field_name]
    return days
