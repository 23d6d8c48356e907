"""What S3 takes as a lifecycle configuration. Messages follow S3's; where AWS documents none they say what is wrong.

Sources: the S3 user guide's "lifecycle configuration elements" and "transition general considerations", the botocore
model, and the threads noobaa#8426, #9969, Arsenal#604, cdkd#936, aws-sdk-php#1172 for codes and messages.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from controller.sandbox.wire import AwsError

_Rule = Mapping[str, Any]
_MIDNIGHT = re.compile(r"T00:00:00(\.0+)?Z$")
_INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
_WARM_TO_COLD = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
_ACTIONS = (
    "Expiration", "Transitions", "NoncurrentVersionTransitions", "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)  # fmt: skip


def check_rules(rules: Sequence[_Rule]) -> None:
    """Raise S3's error for the first thing wrong with the configuration."""
    if not 1 <= len(rules) <= 1000:
        raise _malformed("A lifecycle configuration has 1 to 1000 rules")
    ids = Counter(rule["ID"] for rule in rules if rule.get("ID"))
    if any(count > 1 for count in ids.values()):
        raise _argument("Rule ID must be unique. Found same ID for more than one rule")
    for rule in rules:
        _check_rule(rule)
    _check_version(rules)


def _check_rule(rule: _Rule) -> None:
    if rule.get("Status") not in ("Enabled", "Disabled"):
        raise _malformed("Status is Enabled or Disabled")
    if len(rule.get("ID", "")) > 255:
        raise _argument("ID length should not exceed allowed limit of 255")
    if ("Filter" in rule) == ("Prefix" in rule):
        raise _malformed("A rule has either a Filter or a Prefix")
    if not any(rule.get(action) for action in _ACTIONS):
        raise _request("At least one action needs to be specified in a rule")
    _check_filter(rule)
    _check_expiration(rule)
    _check_transitions(rule)
    _check_noncurrent(rule)


def _check_filter(rule: _Rule) -> None:
    chosen = rule.get("Filter", {})
    if len(chosen) > 1:
        raise _malformed("A Filter has one of Prefix, Tag, ObjectSizeGreaterThan, ObjectSizeLessThan or And")
    if "And" in chosen and not chosen["And"]:
        raise _malformed("And needs predicates")
    predicates = chosen.get("And", chosen)
    if "AbortIncompleteMultipartUpload" in rule:
        days = rule["AbortIncompleteMultipartUpload"].get("DaysAfterInitiation", 0)
        if days < 1:
            raise _argument("'DaysAfterInitiation' for AbortIncompleteMultipartUpload must be a positive integer")
        if predicates.keys() - {"Prefix"}:
            raise _request("AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes")
    low, high = predicates.get("ObjectSizeGreaterThan"), predicates.get("ObjectSizeLessThan")
    if low is not None and high is not None and low >= high:
        raise _request("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'")


def _check_expiration(rule: _Rule) -> None:
    if "Expiration" not in rule:
        return
    expiration = rule["Expiration"]
    if len(expiration) != 1:
        raise _malformed("Expiration has one of Days, Date or ExpiredObjectDeleteMarker")
    if expiration.get("Days", 1) < 1:
        raise _argument("'Days' for Expiration action must be a positive integer")
    _check_midnight(expiration)


def _check_transitions(rule: _Rule) -> None:
    transitions = rule.get("Transitions", [])
    for transition in transitions:
        if ("Days" in transition) == ("Date" in transition):
            raise _malformed("A Transition has either Days or Date")
        _check_midnight(transition)
    _check_classes(transitions, "Days", "Transition")
    timed = [*transitions, *([rule["Expiration"]] if "Expiration" in rule else [])]
    if any("Days" in action for action in timed) and any("Date" in action for action in timed):
        raise _request("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule")
    for unit in ("Days", "Date"):
        end = rule.get("Expiration", {}).get(unit)
        if end is not None and any(unit in t and t[unit] >= end for t in transitions):
            raise _argument(f"'{unit}' in the Expiration action must be greater than '{unit}' in the Transition action")


def _check_noncurrent(rule: _Rule) -> None:
    transitions = rule.get("NoncurrentVersionTransitions", [])
    expiration = rule.get("NoncurrentVersionExpiration")
    for action in [*transitions, *([expiration] if expiration is not None else [])]:
        if "NoncurrentDays" not in action:
            raise _malformed("NoncurrentDays is required")
        if not 1 <= action.get("NewerNoncurrentVersions", 1) <= 100:
            raise _argument("'NewerNoncurrentVersions' must be between 1 and 100")
    if expiration is not None and expiration["NoncurrentDays"] < 1:
        raise _argument("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
    _check_classes(transitions, "NoncurrentDays", "NoncurrentVersionTransition")
    if expiration is not None and any(t["NoncurrentDays"] >= expiration["NoncurrentDays"] for t in transitions):
        raise _argument("'NoncurrentDays' in the expiration must be greater than in the transition")


def _check_classes(transitions: Sequence[_Rule], unit: str, action: str) -> None:
    """Storage classes are known, different, ever colder, and far enough apart."""
    classes = [transition.get("StorageClass") for transition in transitions]
    if any(name not in _WARM_TO_COLD for name in classes):
        raise _malformed("Unknown StorageClass")
    if len(set(classes)) != len(classes):
        raise _request(f"'StorageClass' must be different for '{action}' actions in same 'Rule'")
    days = {t["StorageClass"]: t[unit] for t in transitions if unit in t}
    for name, value in days.items():
        if value < 0:
            raise _argument(f"'{unit}' in {action} action must be nonnegative")
        if name in _INFREQUENT and value < 30:
            raise _argument(
                f"'{unit}' in {action} action must be greater than or equal to 30 for storageClass '{name}'"
            )
    for warm, cold in combinations([name for name in _WARM_TO_COLD if name in days], 2):
        gap = 30 if warm in _INFREQUENT and cold in _ARCHIVES else 1
        if days[cold] - days[warm] < gap:
            raise _argument(
                f"'{unit}' in the '{action}' action for StorageClass '{cold}' must be {gap} or more days greater than"
                f" '{unit}' in the '{action}' action for StorageClass '{warm}'"
            )


def _check_version(rules: Sequence[_Rule]) -> None:
    """One rule with a top-level Prefix makes the configuration V1: no Filter, and no overlap of prefixes."""
    v1 = [rule for rule in rules if "Prefix" in rule]
    if not v1:
        return
    if len(v1) < len(rules):
        raise _request("Filter element can only be used in Lifecycle V2.")
    for one, other in combinations([rule for rule in v1 if rule["Status"] == "Enabled"], 2):
        longer, shorter = sorted((one["Prefix"], other["Prefix"]), key=len, reverse=True)
        for action in set(_kinds(one)) & set(_kinds(other)):
            if longer.startswith(shorter):
                raise _request(f"Found overlapping prefixes '{longer}' and '{shorter}' for same action type '{action}'")


def _kinds(rule: _Rule) -> Iterator[str]:
    return (action.removesuffix("s") for action in _ACTIONS if rule.get(action))


def _check_midnight(action: _Rule) -> None:
    if not _MIDNIGHT.search(action.get("Date", "T00:00:00Z")):
        raise _argument("'Date' must be at midnight GMT")


def _malformed(message: str) -> AwsError:
    told = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", f"{told}: {message}")


def _argument(message: str) -> AwsError:
    return AwsError("InvalidArgument", message)


def _request(message: str) -> AwsError:
    return AwsError("InvalidRequest", message)
