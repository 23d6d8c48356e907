"""Hypothesis strategies: valid manifests of all shapes, as a person could write them."""

from typing import Any

from hypothesis import strategies as st

BUCKETS = tuple(f"bucket-{letter}" for letter in "abcdef")
"""Buckets that the tests make in the local AWS; each belongs to one customer at most."""

NAMES = st.sampled_from(["Acme Genomics", "O'Brien & Co.", "Ångström (UK), Ltd", "株式会社", "a" * 120, "<b>Bold</b>"])
EMAILS = st.sampled_from([f"{name}@example.com" for name in ("ops", "finance", "pi", "cfo")])
PREFIXES = ("results/", "logs/", "runs/", "scratch/tmp/", "a b/ü/")


def alerts() -> st.SearchStrategy[list[dict[str, Any]]]:
    identity = st.tuples(st.sampled_from(["ACTUAL", "FORECASTED"]), st.integers(1, 200))
    return st.lists(identity, unique=True, max_size=5).flatmap(
        lambda found: st.tuples(*(_alert(type_, percent) for type_, percent in found)).map(list)
    )


@st.composite
def _alert(draw: st.DrawFn, type_: str, percent: int) -> dict[str, Any]:
    alert: dict[str, Any] = {"type": type_, "atPercent": percent}
    alert["notify"] = draw(st.sampled_from([["email"], ["email", "sns"], ["sns"]]))
    if "email" in alert["notify"] and draw(st.booleans()):
        alert["emails"] = draw(st.lists(EMAILS, min_size=1, max_size=4, unique=True))
    return alert


@st.composite
def lifecycles(draw: st.DrawFn) -> dict[str, Any]:
    prefixes = draw(st.lists(st.sampled_from(PREFIXES), unique=True, max_size=4))
    transitions, expirations = [], []
    for prefix in prefixes:
        if draw(st.booleans()):
            to_ia = draw(st.integers(30, 60))
            transitions.append(
                {"prefix": prefix, "toIaDays": to_ia, "toGlacierDays": to_ia + draw(st.integers(30, 60))}
            )
        else:
            expirations.append({"prefix": prefix, "days": draw(st.integers(1, 400))})
    lifecycle: dict[str, Any] = {"transitions": transitions, "expirations": expirations}
    if draw(st.booleans()):
        lifecycle["abortIncompleteUploadsDays"] = draw(st.integers(1, 30))
    return lifecycle


@st.composite
def manifests(draw: st.DrawFn, customer_id: str, buckets: tuple[str, ...]) -> dict[str, Any]:
    """The manifest of one customer that has these buckets."""
    spec: dict[str, Any] = {
        "customerId": customer_id,
        "displayName": draw(NAMES),
        "email": draw(EMAILS),
        "storage": {"buckets": [{"name": name, "region": "us-west-2"} for name in buckets]},
    }
    if draw(st.booleans()):
        spec["billing"] = {
            "costCenter": draw(st.sampled_from(["CC-1", "CC-2"])),
            "discountPercent": draw(st.integers(0, 100)),
        }
    if draw(st.booleans()):
        spec["storage"]["lifecycle"] = draw(st.one_of(st.just({"enabled": False}), lifecycles()))
    if draw(st.booleans()):
        limit = draw(st.sampled_from([1, 500, "1000.50", 1_000_000]))
        spec["budget"] = draw(
            st.one_of(st.just({"enabled": False}), st.builds(dict, monthlyLimit=st.just(limit), alerts=alerts()))
        )
    return {
        "apiVersion": "billing.daylily.io/v1alpha1",
        "kind": "Customer",
        "metadata": {"name": customer_id.replace("_", "-")},
        "spec": spec,
    }


@st.composite
def fleets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Manifests of up to three customers, with the buckets dealt out among them."""
    ids = draw(st.lists(st.sampled_from(["cust_a", "cust_b", "cust_c"]), unique=True, min_size=1))
    owner_of = draw(st.lists(st.integers(0, len(ids) - 1), min_size=len(BUCKETS), max_size=len(BUCKETS)))
    hands = {
        number: tuple(b for b, owner in zip(BUCKETS, owner_of, strict=True) if owner == number)
        for number in range(len(ids))
    }
    return [draw(manifests(customer_id, hands[number])) for number, customer_id in enumerate(ids) if hands[number]]
