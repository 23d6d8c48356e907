"""A document to a customer, and the rules over many customers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from controller.domain.customer import Customer, Origin
from controller.domain.diagnostic import Diagnostic
from controller.domain.manifest import API_VERSION, KIND, CustomerManifest
from controller.domain.resolve import lending, resolve
from controller.domain.settings import Settings
from controller.domain.tag_alphabet import sanitise
from controller.manifests.documents import Document
from controller.manifests.model_errors import did_you_mean, explain, shorten
from controller.manifests.source import Source

_IDENTITY = {"apiVersion": (API_VERSION, "wrong-api-version"), "kind": (KIND, "wrong-kind")}
_SANITISED = {
    "spec.displayName": "daylily:customer_name",
    "spec.billing.costCenter": "daylily:cost_center",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A customer together with what its manifest says that the customer itself does not need."""

    customer: Customer
    namespace: str | None
    source: Source


def read_customer(
    document: Document, settings: Settings, settings_origin: Origin
) -> tuple[Entry | None, tuple[Diagnostic, ...]]:
    """The customer in `document`, or None; and everything that is wrong with it, warnings included."""
    if strangers := tuple(_not_ours(document)):
        return None, (*document.problems, *strangers)
    nulls = [path for path in document.nulls if path.startswith("spec.")]
    found = [*document.problems, *(_null(document, path) for path in nulls)]
    try:
        manifest = CustomerManifest.model_validate(document.data)
    except ValidationError as invalid:
        return None, (*found, *explain(document, CustomerManifest, invalid, said=nulls))
    found += _against_settings(document, manifest, settings)
    warnings = tuple(_warnings(document, manifest))
    if found:
        return None, (*found, *warnings)
    origin = lending(document.origin(), settings_origin)
    return Entry(resolve(manifest, settings, origin), manifest.metadata.namespace, document.source), warnings


def check_together(entries: Sequence[Entry]) -> tuple[tuple[Customer, ...], tuple[Diagnostic, ...]]:
    """The customers that share nothing with one another, by id, and what the others share.

    Of two that share an id, a name or a bucket neither is returned: nobody knows which one is meant.
    """
    holders: dict[tuple[str, str], list[tuple[Entry, _Claim]]] = defaultdict(list)
    for entry in sorted(entries, key=_place):
        for claim in _claims(entry):
            holders[claim.rule, claim.key].append((entry, claim))
    shared = [found for found in holders.values() if len(found) > 1]
    clashing = {id(entry) for found in shared for entry, _ in found}
    alone = (entry.customer for entry in entries if id(entry) not in clashing)
    clashes = tuple(_clash(first, later) for first, *rest in shared for later in rest)
    return tuple(sorted(alone, key=lambda customer: customer.customer_id)), clashes


def _not_ours(document: Document) -> Iterator[Diagnostic]:
    """A document of another kind gets one sentence, not a list of its strange fields."""
    if not isinstance(document.data, dict):
        return
    for field, (expected, rule) in _IDENTITY.items():
        written = document.data.get(field, expected)
        if written != expected:
            words = f"{field} must be {expected}, not {shorten(written)}"
            suggestion = did_you_mean(str(written), [expected]) or "keep other documents out of this folder"
            yield document.diagnostic(field, rule, words, suggestion=suggestion)


def _null(document: Document, path: str) -> Diagnostic:
    if text := document.text(path):
        suggestion = f'leave the line out, or quote it if the text is meant: "{text}"'
        words = f"{path} is read by YAML as nothing (null)"
        return document.diagnostic(path, "ambiguous-scalar", words, suggestion=suggestion)
    suggestion = "give it one, or leave the line out"
    return document.diagnostic(path, "empty-value", f"{path} has no value", on_key=True, suggestion=suggestion)


def _against_settings(document: Document, manifest: CustomerManifest, settings: Settings) -> Iterator[Diagnostic]:
    spec = manifest.spec
    account = settings.account(spec.account)
    if account is None:
        names = settings.account_names()
        words = f"spec.account {spec.account} is not among the settings' accounts: {', '.join(names)}"
        yield document.diagnostic(
            "spec.account", "unknown-account", words, suggestion=did_you_mean(spec.account, names)
        )
    elif account.id and spec.budget:
        for index, alert in enumerate(spec.budget.alerts or ()):
            if alert.topic_arn and f":{account.id}:" not in alert.topic_arn:
                path = f"spec.budget.alerts[{index}].topicArn"
                words = f"{path} is not a topic of account {account.id}, and AWS Budgets publishes to no other"
                yield document.diagnostic(path, "topic-account", words)


def _warnings(document: Document, manifest: CustomerManifest) -> Iterator[Diagnostic]:
    spec = manifest.spec
    named = {"spec.displayName": spec.display_name, "spec.billing.costCenter": spec.billing.cost_center}
    for path, text in named.items():
        if text is not None and (tag := sanitise(text)) != text:
            words = f'{path} holds what AWS refuses in tags: {_SANITISED[path]} will be "{tag}"'
            yield document.diagnostic(path, "sanitised-name", words, severity="warning")
    if spec.billing.currency != "USD" and spec.budget and spec.budget.monthly_limit is not None:
        words = f"spec.budget.monthlyLimit is in US dollars, as AWS counts cost, not in {spec.billing.currency}"
        yield document.diagnostic("spec.budget.monthlyLimit", "budget-in-dollars", words, severity="warning")
    if "status" in document.keys:
        words = "status is written by the controller and ignored in a manifest"
        yield document.diagnostic("status", "status-ignored", words, on_key=True, severity="warning")


@dataclass(frozen=True, slots=True)
class _Claim:
    """What belongs to one customer only: by which rule, what it is, how it is written, and where."""

    rule: str
    key: str
    text: str
    path: str


def _claims(entry: Entry) -> Iterator[_Claim]:
    customer = entry.customer
    yield _Claim("duplicate-customer", customer.customer_id, customer.customer_id, "spec.customerId")
    yield _Claim("duplicate-name", f"{entry.namespace}/{customer.name}", customer.name, "metadata.name")
    for bucket in customer.buckets:
        yield _Claim("duplicate-bucket", bucket.name, bucket.name, f"{bucket.source}.name")


def _clash(first: tuple[Entry, _Claim], later: tuple[Entry, _Claim]) -> Diagnostic:
    (elsewhere, its), (entry, claim) = first, later
    what = {"duplicate-customer": "customer id", "duplicate-name": "name", "duplicate-bucket": "bucket"}[claim.rule]
    words = f"{what} {claim.text} is also used in {elsewhere.customer.origin.locate(its.path)}"
    place = entry.customer.origin.locate(claim.path)
    if place is None:
        return entry.source.diagnostic(claim.rule, words)
    line, column = place.line - 1, place.column - 1
    quotes = 2 * (entry.source.lines[line][column] in "\"'")
    return entry.source.diagnostic(claim.rule, words, (line, column), (line, column + len(claim.text) + quotes))


def _place(entry: Entry) -> tuple[str, int]:
    place = entry.customer.origin.locate("")
    return (place.file, place.line) if place else ("", 0)
