"""Customer resources as the API server sends them."""

from typing import Any

from controller.domain.custom_resource import FINALIZER, PAUSED, RELEASE, REQUESTED_AT, Resource, from_body


def body(
    name: str = "acme",
    customer_id: str = "",
    *,
    buckets: tuple[str, ...] = (),
    created: str = "2026-11-22T06:00:00Z",
    generation: int = 1,
    finalizer: bool = True,
    deleting: bool = False,
    paused: bool = False,
    released: bool = False,
    requested_at: str = "",
    status: Any = None,
    spec: Any = None,
) -> dict[str, Any]:
    notes = {PAUSED: "true" if paused else "", RELEASE: "true" if released else "", REQUESTED_AT: requested_at}
    written = {"customerId": customer_id or f"{name}-id", "storage": {"buckets": [{"name": one} for one in buckets]}}
    meta = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "generation": generation,
        "creationTimestamp": created,
        "annotations": {key: value for key, value in notes.items() if value},
        "finalizers": [FINALIZER] if finalizer else [],
    }
    if deleting:
        meta["deletionTimestamp"] = "2026-11-22T07:00:00Z"
    found: dict[str, Any] = {"metadata": meta, "spec": written if spec is None else spec}
    return found if status is None else {**found, "status": status}


def resource(*args: Any, **named: Any) -> Resource:
    return from_body(body(*args, **named))
