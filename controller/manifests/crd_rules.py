"""What the models check beyond their schemas, said for the API server: rules in CEL, and keyed lists.

Every validator of `domain/manifest.py` and every `refuse` of `domain/scalars.py` has its rule here, by the path of what
it looks at; `tests/manifests/test_crd.py` holds the two to each other. Only the core of CEL and `substring` are used,
so that any API server from 1.29 on takes them. Their cost is bounded by the lengths in the schema: the dearest one,
`expirations` against `transitions`, is estimated by the code of 1.36 at 4.3 million of the 10 that a rule may cost, all
others together at 0.2. Run, it may cost one million; only a hundred of each, with prefixes of nearly a thousand
characters and days that all conflict, cost more, and are refused for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.domain.scalars import BUCKET_PREFIXES, BUCKET_SUFFIXES


@dataclass(frozen=True, slots=True)
class Rule:
    """`holds`: what must be true of `self`, the value at the rule's path. `field`: the part of it that is to blame."""

    holds: str
    message: str
    field: str = ""


_TAG_ALPHABET = Rule(
    r"self.matches('^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$')",
    "may hold letters, digits, spaces and _ . : / = + - @ only",
)

RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "spec.customerId": (Rule("self == oldSelf", "never changes: another id is another customer"),),
        "spec.environment": (_TAG_ALPHABET,),
        "spec.storage.buckets[].name": (
            Rule(
                "!self.contains('..') && !self.matches('^[0-9]+([.][0-9]+){3}$')",
                "is not a bucket name: no two dots in a row, and nothing that looks like an IP address",
            ),
            Rule(
                " && ".join(
                    [f"!self.startsWith('{prefix}')" for prefix in BUCKET_PREFIXES]
                    + [f"!self.endsWith('{suffix}')" for suffix in BUCKET_SUFFIXES]
                ),
                "is not the name of a general purpose bucket: S3 keeps this prefix or suffix for itself",
            ),
        ),
        "spec.storage.lifecycle": (
            Rule(
                "!has(self.transitions) || !has(self.expirations) || self.expirations.all(e, self.transitions.all(t, "
                "(!has(t.toIaDays) || e.days > t.toIaDays) && (!has(t.toGlacierDays) || e.days > t.toGlacierDays)"
                " || !t.prefix.startsWith(e.prefix)))",
                "expires objects before or on the day that a transition would move them",
                "expirations",
            ),
        ),
        "spec.storage.lifecycle.transitions[]": (
            Rule(
                "has(self.toIaDays) || has(self.toGlacierDays)", "moves nothing: give toIaDays, toGlacierDays or both"
            ),
            Rule(
                "!has(self.toIaDays) || !has(self.toGlacierDays) || self.toGlacierDays >= self.toIaDays + 30",
                "must be at least 30 more than toIaDays: S3 wants 30 days between Standard-IA and Glacier",
                "toGlacierDays",
            ),
        ),
        "spec.budget.alerts": (
            Rule(
                "self.all(a, self.exists_one(b, a.type == b.type && double(a.atPercent) == double(b.atPercent)))",
                "has two alerts of one type and percentage",
            ),
        ),
        "spec.budget.alerts[]": (
            Rule("!has(self.emails) || 'email' in self.notify", "are given, but notify does not list email", "emails"),
            Rule("!has(self.topicArn) || 'sns' in self.notify", "is given, but notify does not list sns", "topicArn"),
        ),
        "spec.costAttribution.tags[].key": (
            Rule("!self.matches('^[aA][wW][sS]:')", "must not start with aws:"),
            _TAG_ALPHABET,
        ),
        "spec.costAttribution.tags[].values[]": (_TAG_ALPHABET,),
        "spec.worksets": (
            Rule("self.gate != 'Auto' || !has(self.gateReason)", "is given, but the gate is Auto", "gateReason"),
            Rule("self.gate != 'Auto' || !has(self.gateUntil)", "is given, but the gate is Auto", "gateUntil"),
            Rule("self.gate == 'Auto' || has(self.gateReason)", "must say why the gate is overridden", "gateReason"),
        ),
        "spec.worksets.gateUntil": (
            Rule(
                "timestamp(self.matches(':[0-9]{2}:[0-9]{2}[Z+-]') ? self"
                " : self.substring(0, 16) + ':00' + self.substring(16)).getFullYear() > 0",
                'must be a moment with its zone in quotes, like "2026-12-01T00:00:00Z"',
            ),
        ),
    }
)
"""Rules by path. The ranges of amounts are not here: they follow from the schema, see `amount_rule`."""

KEYED: Mapping[str, str] = MappingProxyType(
    {
        "spec.storage.buckets": "name",
        "spec.storage.lifecycle.transitions": "prefix",
        "spec.storage.lifecycle.expirations": "prefix",
        "spec.costAttribution.tags": "key",
        "status.conditions": "type",
    }
)
"""Lists of which no two entries agree in this field. The API server sees to it, and server-side apply merges by it."""

SETS = frozenset({"spec.budget.alerts[].notify", "spec.budget.alerts[].emails", "spec.costAttribution.tags[].values"})
"""Lists in which no value stands twice."""


def amount_rule(low: int, high: int, above: bool) -> Rule:
    """The range of an amount, which is an integer or a decimal string of at most 16 digits.

    A double orders those exactly as Decimal does: `low` and `high` are whole numbers below 10^12 and the digits after
    the point are at most 4, so no rounding to a double moves an amount over a bound. Equality of alerts is exact, too,
    since two decimals of at most 15 digits are never the same double.
    """
    over, words = (">", "more than") if above else (">=", "at least")
    return Rule(f"double(self) {over} {low}.0 && double(self) <= {high}.0", f"must be {words} {low} and at most {high}")
