"""Manifests as a person could write them, many right and many wrong: one change at a time, and as a strategy.

From a manifest that says everything, parts are left out, values are set to ones that lie on either side of a rule, and
entries of lists are repeated. No field is unknown and none is null: those never reach a cluster.
"""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

FULL: dict[str, Any] = {
    "apiVersion": "billing.daylily.io/v1alpha1",
    "kind": "Customer",
    "metadata": {"name": "acme-genomics"},
    "spec": {
        "customerId": "cust_abc123",
        "displayName": "O'Brien & Co. (UK), Ltd",
        "email": "ops@acme.example",
        "environment": "production",
        "account": "default",
        "suspend": False,
        "deletionPolicy": "Retain",
        "billing": {
            "accountId": "012345670123",
            "costCenter": "CC-1",
            "email": "finance@acme.example",
            "paymentTerms": "net-30",
            "discountPercent": "12.5",
            "currency": "USD",
        },
        "storage": {
            "quotaGiB": 5000,
            "buckets": [{"name": "acme-a", "region": "us-west-2"}, {"name": "acme-b", "region": "eu-west-1"}],
            "lifecycle": {
                "enabled": True,
                "transitions": [
                    {"prefix": "results/", "toIaDays": 30, "toGlacierDays": 90},
                    {"prefix": "runs/", "toIaDays": 60},
                ],
                "expirations": [{"prefix": "logs/", "days": 90}, {"prefix": "results/old/", "days": 400}],
                "abortIncompleteUploadsDays": 7,
            },
        },
        "budget": {
            "enabled": True,
            "monthlyLimit": "1000.50",
            "alerts": [
                {
                    "atPercent": 50,
                    "type": "ACTUAL",
                    "notify": ["email", "sns"],
                    "emails": ["a@acme.example", "b@acme.example"],
                    "topicArn": "arn:aws:sns:us-east-1:012345670123:alarms",
                    "pauseWorksets": False,
                },
                {"atPercent": "80.5", "type": "FORECASTED", "pauseWorksets": True},
            ],
        },
        "costAttribution": {
            "tags": [{"key": "project", "values": ["acme", "acme 2"]}, {"key": "team", "values": ["x"]}]
        },
        "worksets": {"gate": "Hold", "gateReason": "end of the project", "gateUntil": "2026-12-01T00:00:00Z"},
    },
}

_LINES = [
    "Acme",
    "株式会社 Ångström",
    "a\u2028b",
    "a\n",
    "\x1b[31m",
    "a\x85b",
    "x" * 64,
    "x" * 65,
    "é" * 256,
    "x" * 257,
    "",
]
_TAGS = [*_LINES, "a_b.c:d/e=f+g-h@i j", "a;b", "²Ⅷ", "e\u0301", "😀", "aws:x", "AWS:x", "saws:", "team"]
_EMAILS = [
    "x@y",
    "ä@ö.example",
    "a@b@c",
    "a b@c",
    "a\xa0b@c",
    "a@b\n",
    "a\x00@b",
    "@",
    "x" * 252 + "@y",
    "x" * 253 + "@y",
]
_DAYS = [-1, 0, 1, 29, 30, 59, 60, 89, 90, 91, 119, 120, 36_500, 36_501]
_PREFIXES = ["", "r", "results/", "results/old/", "runs/", "logs/", "é", "a\n", "x" * 1024, "x" * 1025]
_PERCENTS = [
    0,
    1,
    50,
    80,
    100,
    1000,
    1001,
    "0",
    "0.00",
    "0.01",
    "50.0",
    "0050",
    "80.50",
    "1000.00",
    "1000.01",
    "1.234",
    "1e2",
]
_REGIONS = ["us-west-2", "us-gov-west-1", "Oregon", "us-west", "us-west-123", "us-west-2\n", f"us{'-west' * 6}-2"]
_BUCKETS = [
    "acme-a", "acme-b", "abc", "ab", "a" * 63, "a" * 64, "a.b-c", "a..b", "Acme", "-abc", "abc-", "192.168.1.10",
    "1.2.3.4.5", "10.0.0", "xn--acme", "sthree-acme", "amzn-s3-demo-acme", "acme-s3alias", "acme--ol-s3", "acme.mrap",
    "acme--x-s3", "acme--table-s3", "acme-xn--", "abc\n",
]  # fmt: skip
_MOMENTS = [
    "2026-12-01T00:00Z", "2026-12-01T00:00:00+05:30", "2024-02-29T00:00:00Z", "2026-02-29T00:00:00Z",
    "2026-04-31T00:00Z", "2026-13-01T00:00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T23:59:60Z", "2026-12-01",
    "2026-12-01T00:00:00", "2026-12-01 00:00:00Z", "2026-12-01T00:00:00+24:00", "2026-12-01T00:00:00-23:59",
    "2026-12-01T00:00:00+05:60", "2026-12-01T00:00:00.5Z", "2026-12-01T00:00:00Z\n", "0000-01-01T00:00:00Z",
]  # fmt: skip
_ARNS = [
    "arn:aws-us-gov:sns:us-gov-west-1:012345670123:a", "arn:aws:sns:us-east-1:0123:a",
    "arn:aws:sqs:us-east-1:012345670123:a", "arn:aws:sns:us-east-1:012345670123:a.fifo",
    f"arn:aws:sns:us-east-1:012345670123:{'x' * 256}",
    f"arn:aws:sns:us-east-1:012345670123:{'x' * 257}",
    f"arn:aws:sns:{'us' * 40}:012345670123:{'x' * 256}",
]  # fmt: skip


def _many(count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many entries, told apart by the field whose value has a {}."""
    return [
        {name: value.format(index) if isinstance(value, str) else value for name, value in fields.items()}
        for index in range(count)
    ]


VALUES: dict[str, list[Any]] = {
    "spec.customerId": ["ab", "a", "a" * 63, "a" * 64, "A1", "_ab", "0-_", "ab\n", "a b"],
    "spec.displayName": _LINES,
    "spec.email": _EMAILS,
    "spec.environment": _TAGS,
    "spec.account": ["research", "-a", "a b", "A_1", "x" * 63, "x" * 64, "a\n"],
    "spec.suspend": [True, "true", 1],
    "spec.deletionPolicy": ["Delete", "delete", "Retain\n"],
    "spec.billing": [{}, {"currency": "EUR"}],
    "spec.billing.accountId": ["12345", 123456789012, "123456789012\n", "1234567890123", "12345678901a"],
    "spec.billing.costCenter": _LINES,
    "spec.billing.email": _EMAILS,
    "spec.billing.paymentTerms": _LINES,
    "spec.billing.discountPercent": [0, 100, 101, -1, "0", "100.0000", "100.0001", "99.99999", "000000000100", "12.5 "],
    "spec.billing.currency": ["EUR", "usd", "US", "USDX", "US\n"],
    "spec.storage": [{}, {"buckets": []}],
    "spec.storage.quotaGiB": [1, 0, 1_000_000_000, 1_000_000_001],
    "spec.storage.buckets": [[], [{"name": "abc", "region": "us-west-2"}], [{"name": "abc"}], ["abc"],
                             _many(100, name="b-{}", region="us-west-2"), _many(101, name="b-{}", region="us-west-2")],
    "spec.storage.buckets.0.name": _BUCKETS,
    "spec.storage.buckets.1.name": _BUCKETS,
    "spec.storage.buckets.0.region": _REGIONS,
    "spec.storage.lifecycle": [{}, {"enabled": False}, {"transitions": []}],
    "spec.storage.lifecycle.enabled": [False, "no"],
    "spec.storage.lifecycle.transitions": [
        [], _many(100, prefix="{}/", toIaDays=30), _many(101, prefix="{}/", toIaDays=30),
    ],
    "spec.storage.lifecycle.expirations": [[], _many(100, prefix="{}/", days=500), _many(101, prefix="{}/", days=500)],
    "spec.storage.lifecycle.transitions.0.prefix": _PREFIXES,
    "spec.storage.lifecycle.transitions.1.prefix": _PREFIXES,
    "spec.storage.lifecycle.transitions.0.toIaDays": _DAYS,
    "spec.storage.lifecycle.transitions.0.toGlacierDays": _DAYS,
    "spec.storage.lifecycle.transitions.1.toIaDays": _DAYS,
    "spec.storage.lifecycle.transitions.1.toGlacierDays": _DAYS,
    "spec.storage.lifecycle.expirations.0.prefix": _PREFIXES,
    "spec.storage.lifecycle.expirations.0.days": _DAYS,
    "spec.storage.lifecycle.expirations.1.days": _DAYS,
    "spec.storage.lifecycle.abortIncompleteUploadsDays": _DAYS,
    "spec.budget": [{}, {"enabled": False}, {"monthlyLimit": 5}],
    "spec.budget.enabled": [False, 0],
    "spec.budget.monthlyLimit": [
        1, 0, -1, 10**12 - 1, 10**12, "0", "0.01", "0.001", "999999999999", "999999999999.01", "9999999999999", "1,000",
    ],
    "spec.budget.alerts": [[], [{"atPercent": 5}], [{"atPercent": 5, "notify": ["email", "email"]}],
                           [{"atPercent": 5, "notify": ["sns", "email"]}], [{"type": "ACTUAL"}],
                           _many(10, atPercent="{}1"), _many(11, atPercent="{}1")],
    "spec.budget.alerts.0.atPercent": _PERCENTS,
    "spec.budget.alerts.1.atPercent": _PERCENTS,
    "spec.budget.alerts.0.type": ["FORECASTED", "actual"],
    "spec.budget.alerts.1.type": ["ACTUAL"],
    "spec.budget.alerts.0.notify": [["email"], ["sns"], [], ["email", "email"], ["sms"], "email"],
    "spec.budget.alerts.1.notify": [["email"], ["sns"]],
    "spec.budget.alerts.0.emails": [[], ["a@b"], ["a@b", "a@b"], [f"{n}@b" for n in range(10)],
                                    [f"{n}@b" for n in range(11)]],
    "spec.budget.alerts.0.emails.0": _EMAILS,
    "spec.budget.alerts.0.topicArn": _ARNS,
    "spec.budget.alerts.0.pauseWorksets": [True, "yes"],
    "spec.costAttribution": [{}, {"tags": []}],
    "spec.costAttribution.tags": [[], _many(10, key="{}", values=["a"]), _many(11, key="{}", values=["a"])],
    "spec.costAttribution.tags.0.key": _TAGS,
    "spec.costAttribution.tags.0.values": [[], ["a", "b"], ["a", "a"], [str(n) for n in range(21)]],
    "spec.costAttribution.tags.0.values.0": _TAGS,
    "spec.worksets": [{}, {"gate": "Open"}, {"gateReason": "x"}, {"gateUntil": "2026-12-01T00:00:00Z"},
                      {"gate": "Hold", "gateReason": "x"}],
    "spec.worksets.gate": ["Auto", "Open", "Held"],
    "spec.worksets.gateReason": _LINES,
    "spec.worksets.gateUntil": _MOMENTS,
}  # fmt: skip
"""Values to try by path: some are right, some are wrong, and for some it depends on the rest."""

_ODD: list[Any] = [True, 0, -1, 1.5, "", "x", "x" * 2000, [], {}, [""], 10**30]
"""Values for any field."""
_LISTS = (
    "spec.storage.buckets",
    "spec.storage.lifecycle.transitions",
    "spec.storage.lifecycle.expirations",
    "spec.budget.alerts",
    "spec.budget.alerts.0.notify",
    "spec.budget.alerts.0.emails",
    "spec.costAttribution.tags",
    "spec.costAttribution.tags.0.values",
)


def variants(path: str) -> Iterator[dict[str, Any]]:
    """The full manifest with each of the values of `path`, and without it."""
    for value in (*VALUES[path], *_ODD):
        document = copy.deepcopy(FULL)
        _write(document, path, value)
        yield document
    document = copy.deepcopy(FULL)
    _leave_out(document, path)
    yield document


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    document = copy.deepcopy(FULL)
    for path in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3)):
        _leave_out(document, path)
    for path in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=2)):
        usual = draw(st.integers(0, 9)) > 0
        _write(document, path, draw(st.sampled_from(VALUES[path] if usual else _ODD)))
    for path in draw(st.lists(st.sampled_from(_LISTS), max_size=1)):
        if draw(st.integers(0, 4)) == 0:
            _repeat(document, path)
    return document


def _leave_out(document: Any, path: str) -> None:
    parent, last = _parent(document, path)
    if _at(parent, last) is not None:
        del parent[last]


def _write(document: Any, path: str, value: Any) -> None:
    parent, last = _parent(document, path)
    if isinstance(parent, dict) or _at(parent, last) is not None:
        parent[last] = copy.deepcopy(value)


def _repeat(document: Any, path: str) -> None:
    """The list at `path` with its first entry once more."""
    parent, last = _parent(document, path)
    found = _at(parent, last)
    if isinstance(found, list) and found:
        found.append(copy.deepcopy(found[0]))


def _parent(document: Any, path: str) -> tuple[Any, str | int]:
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in steps:
        document = _at(document, step)
    return document, last


def _at(parent: Any, step: str | int) -> Any:
    """What stands there, None where there is nothing."""
    if isinstance(parent, dict):
        return parent.get(step)
    is_index = isinstance(parent, list) and isinstance(step, int) and step < len(parent)
    return parent[step] if is_index else None
