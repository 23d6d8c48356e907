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
class Claim:
    """What belongs to one customer only: by which rule, what it is, how it is written, and where."""

    rule: str
    key: str
    text: str
    path: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A manifest of ours: its customer, None where it is invalid, and what it claims for itself even so."""

    customer: Customer | None
    claims: tuple[Claim, ...]
    origin: Origin
    source: Source


def read_customer(
    document: Document, settings: Settings, lender: Origin
) -> tuple[Entry | None, tuple[Diagnostic, ...]]:
    """The manifest in `document`, None if it is none of ours; and everything that is wrong with it, and warnings."""
    if strangers := tuple(_not_ours(document)):
        return None, (*document.problems, *strangers)
    nulls = [path for path in document.nulls if path.startswith("spec.")]
    found = [*document.problems, *(_null(document, path) for path in nulls)]
    origin, claims = lending(document.origin(), lender), tuple(_claims(document))
    try:
        manifest = CustomerManifest.model_validate(document.data)
    except ValidationError as invalid:
        found += explain(document, CustomerManifest, invalid, said=nulls)
        told = {(one.line, one.column) for one in found}
        found += [one for one in _unknown_account(document, settings) if (one.line, one.column) not in told]
        return Entry(None, claims, origin, document.source), tuple(found)
    found += [*_unknown_account(document, settings), *_foreign_topics(document, manifest, settings)]
    customer = None if found else resolve(manifest, settings, origin)
    return Entry(customer, claims, origin, document.source), (*found, *_warnings(document, manifest))


def check_together(entries: Sequence[Entry]) -> tuple[tuple[Customer, ...], tuple[Diagnostic, ...]]:
    """The customers that share nothing with one another, by id, and what the others share.

    Of two that share an id, a name or a bucket neither is returned: nobody knows which one is meant.
    """
    holders: dict[tuple[str, str], list[tuple[Entry, Claim]]] = defaultdict(list)
    for entry in sorted(entries, key=_place):
        for claim in entry.claims:
            holders[claim.rule, claim.key].append((entry, claim))
    shared = [found for found in holders.values() if len(found) > 1]
    clashing = {id(entry) for found in shared for entry, _ in found}
    alone = (entry.customer for entry in entries if entry.customer and id(entry) not in clashing)
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


def _unknown_account(document: Document, settings: Settings) -> Iterator[Diagnostic]:
    account = _text(document, "spec", "account") or "default"
    if settings.account(account) is None:
        names = settings.account_names()
        words = f"spec.account {shorten(account)} is not among the settings' accounts: {', '.join(names)}"
        yield document.diagnostic("spec.account", "unknown-account", words, suggestion=did_you_mean(account, names))


def _foreign_topics(document: Document, manifest: CustomerManifest, settings: Settings) -> Iterator[Diagnostic]:
    spec = manifest.spec
    account = settings.account(spec.account)
    if account and account.id and spec.budget:
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
    if spec.billing.currency != "USD" and not (spec.budget and not spec.budget.enabled):
        words = f"budgets are in US dollars, as AWS counts cost: the monthly limit is not in {spec.billing.currency}"
        yield document.diagnostic("spec.billing.currency", "budget-in-dollars", words, severity="warning")
    if "status" in document.keys:
        words = "status is written by the controller and ignored in a manifest"
        yield document.diagnostic("status", "status-ignored", words, on_key=True, severity="warning")


def _claims(document: Document) -> Iterator[Claim]:
    """From the document as it is written, so that an error elsewhere in it hides no clash."""
    if customer_id := _text(document, "spec", "customerId"):
        yield Claim("duplicate-customer", customer_id, customer_id, "spec.customerId")
    if name := _text(document, "metadata", "name"):
        yield Claim("duplicate-name", f"{_text(document, 'metadata', 'namespace')}/{name}", name, "metadata.name")
    buckets = _at(document, "spec", "storage", "buckets")
    count = len(buckets) if isinstance(buckets, list) else 0
    named = {_text(document, "spec", "storage", "buckets", at, "name"): at for at in reversed(range(count))}
    for bucket, index in named.items():
        if bucket:
            yield Claim("duplicate-bucket", bucket, bucket, f"spec.storage.buckets[{index}].name")


def _text(document: Document, *steps: str | int) -> str:
    """The text at this place of the document; empty where there is none."""
    found = _at(document, *steps)
    return found if isinstance(found, str) else ""


def _at(document: Document, *steps: str | int) -> object:
    found: object = document.data
    for step in steps:
        if isinstance(found, dict) and isinstance(step, str):
            found = found.get(step)
        elif isinstance(found, list) and isinstance(step, int):
            found = found[step]
        else:
            return None
    return found


def _clash(first: tuple[Entry, Claim], later: tuple[Entry, Claim]) -> Diagnostic:
    (elsewhere, its), (entry, claim) = first, later
    what = {"duplicate-customer": "customer id", "duplicate-name": "name", "duplicate-bucket": "bucket"}[claim.rule]
    words = f"{what} {claim.text} is also used in {elsewhere.origin.locate(its.path)}"
    place = entry.origin.locate(claim.path)
    if place is None:
        return entry.source.diagnostic(claim.rule, words)
    line, column = place.line - 1, place.column - 1
    quotes = 2 * (entry.source.lines[line][column] in "\"'")
    return entry.source.diagnostic(claim.rule, words, (line, column), (line, column + len(claim.text) + quotes))


def _place(entry: Entry) -> tuple[str, int]:
    place = entry.origin.locate("")
    return (place.file, place.line) if place else ("", 0)
