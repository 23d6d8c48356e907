"""A customer resource of a cluster to a customer: by the same rules as a manifest in a file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.domain.customer import Customer, Origin, Place
from controller.domain.manifest import API_VERSION, KIND
from controller.domain.settings import Settings
from controller.manifests.customers import read_customer
from controller.manifests.documents import Document
from controller.manifests.source import Source


def read_resource(
    name: str, namespace: str, labels: Mapping[str, str], spec: Any, source: str, settings: Settings, lender: Origin
) -> Customer | str:
    """The customer, or in words all that is wrong with the resource. `source` names it as a whole.

    The API server has checked most of it by the schema; but what is older than the schema, or was made with validation
    off, and the rules that need the settings, are checked here.
    """
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels)}
    data = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
    entry, found = read_customer(Document(data, Source(source)), settings, lender)
    wrong = [one.message + (f" ({one.suggestion})" if one.suggestion else "") for one in found if one.is_error]
    if entry is None or entry.customer is None:
        return "; ".join(dict.fromkeys(wrong)) or "it is not a customer"
    origin = Origin({"": Place(source, 0, 0)}, entry.origin.borrowed, entry.origin.lender)
    return replace(entry.customer, origin=origin)
