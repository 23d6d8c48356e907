"""A customer as a Kubernetes resource: what the API server says of it, without what nobody here looks at."""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

GROUP, VERSION, PLURAL, KIND = "billing.daylily.io", "v1alpha1", "customers", "Customer"
FINALIZER = f"{GROUP}/finalizer"
REQUESTED_AT = f"{GROUP}/requestedAt"
"""Annotation: whenever its value changes, the resource is reconciled at once."""
PAUSED = f"{GROUP}/paused"
"""Annotation: "true" observes and reports, and changes nothing."""
RELEASE = f"{GROUP}/release"
"""Annotation: "true" lets a resource that is being deleted go, whatever stands in AWS."""


class Name(NamedTuple):
    """Which resource: its namespace and its name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return f"{collection(self.namespace)}/{self.name}"

    @property
    def source(self) -> str:
        """What a status says its manifest is: what `kubectl get` takes, with the namespace."""
        return f"{SOURCE}{self.namespace}/{self.name}"


SOURCE = f"{PLURAL}.{GROUP}/"
ID = "customerId"
WAITING = frozenset({"Suspended", "ChangesPending"})
"""Reasons of a condition that only say that somebody wants it so, or that the next pass goes on."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One customer resource as it was last seen.

    Spec and status are kept packed, a twentieth of what they are as values: an operator holds every resource of the
    cluster. `customer_id` and `buckets` are as written, whether or not the spec is valid.
    """

    name: Name
    uid: str
    version: str
    """What the API server counts up with every write to it."""
    generation: int
    created: str
    deleting: bool
    finalizers: tuple[str, ...]
    requested_at: str
    paused: bool
    released: bool
    labels: Mapping[str, str]
    customer_id: str
    buckets: tuple[str, ...]
    packed_spec: bytes = field(repr=False)
    packed_status: bytes = field(repr=False)
    is_failing: bool = False
    """Whether it is not as wanted, and nobody wants it so."""
    spent: float | None = None
    limit: float | None = None
    currency: str = ""
    """What the status says of this month, for the metrics: as near as a float comes."""

    @property
    def spec(self) -> Any:
        return _unpacked(self.packed_spec)

    @property
    def status(self) -> dict[str, Any]:
        """What stands there now, whoever wrote it."""
        found = _unpacked(self.packed_status)
        return found if isinstance(found, dict) else {}

    @property
    def asked(self) -> tuple[Any, ...]:
        """What a person asked for: the resource is due whenever this changes."""
        return (self.uid, self.generation, self.deleting, self.requested_at, self.paused, self.released)

    def as_asked(self, then: "Resource") -> "Resource":
        """As it stands, with what was asked for then: what was done then is told as the answer to nothing newer."""
        return replace(self, generation=then.generation, requested_at=then.requested_at, paused=then.paused)

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        """What no other resource may have, each by what it is and how it is written."""
        ids = ((ID, self.customer_id),) if self.customer_id else ()
        return (*ids, *(("bucket", bucket) for bucket in self.buckets))

    @property
    def has_finalizer(self) -> bool:
        return FINALIZER in self.finalizers

    @property
    def age(self) -> tuple[str, str]:
        """Of two resources that claim the same, the lower one is the older."""
        return (self.created, self.uid)


def packed(value: Any) -> bytes:
    """The same bytes for the same value, however its keys are ordered."""
    return zlib.compress(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), 1)


def _unpacked(value: bytes) -> Any:
    return json.loads(zlib.decompress(value))


def collection(namespace: str | None = None) -> str:
    """The path of all customers, or of those in a namespace."""
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{GROUP}/{VERSION}{within}/{PLURAL}"


def from_body(body: Mapping[str, Any]) -> Resource:
    """The resource in what the API server sent. Tolerant: with validation off anything may stand in spec and status."""
    meta = body.get("metadata") or {}
    notes = meta.get("annotations") or {}
    spec, status = body.get("spec"), body.get("status")
    usage = _inside(status, "usage")
    return Resource(
        name=Name(meta.get("namespace", ""), meta["name"]),
        uid=meta.get("uid", ""),
        version=meta.get("resourceVersion", ""),
        generation=int(meta.get("generation") or 0),
        created=meta.get("creationTimestamp") or "",
        deleting=bool(meta.get("deletionTimestamp")),
        finalizers=tuple(meta.get("finalizers") or ()),
        requested_at=notes.get(REQUESTED_AT, ""),
        paused=notes.get(PAUSED, "").lower() == "true",
        released=notes.get(RELEASE, "").lower() == "true",
        labels=dict(meta.get("labels") or {}),
        customer_id=_text(_inside(spec, "customerId")),
        buckets=tuple(_buckets(spec)),
        packed_spec=packed(spec),
        packed_status=packed(status),
        is_failing=any(map(_fails, _conditions(status))),
        spent=_number(_inside(usage, "spent")),
        limit=_number(_inside(usage, "limit")),
        currency=_text(_inside(usage, "currency")),
    )


def _conditions(status: Any) -> list[Any]:
    found = _inside(status, "conditions")
    return found if isinstance(found, list) else []


def _fails(condition: Any) -> bool:
    is_bad = _inside(condition, "type") == "Ready" and _inside(condition, "status") == "False"
    return is_bad and _text(_inside(condition, "reason")) not in WAITING


def _number(value: Any) -> float | None:
    try:
        return float(_text(value))
    except ValueError:
        return None


def _buckets(spec: Any) -> Iterator[str]:
    listed = _inside(_inside(spec, "storage"), "buckets")
    for one in listed if isinstance(listed, list) else []:
        if name := _text(_inside(one, "name")):
            yield name


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
