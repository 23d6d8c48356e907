"""The custom resource definition of a customer: what `kubectl apply -f customers/` needs in a cluster.

It accepts what `reconcile validate` accepts of one document by itself, so that the same file works in git and in a
cluster. Rules between documents and rules about the settings stay with the controller. The API server differs in this:

- Unknown fields it drops, and so it does with null; kubectl refuses the unknown ones before, or warns of them.
- For 50.0 kubectl sends 50: the two are one number in JSON.
- name, namespace, labels and annotations it checks by rules of its own.
- An update may leave alone what was wrong before.

Defaults are those of the model and are written into the object. They change nothing of what a manifest means.
"""

from typing import Any

import yaml

from controller.domain.manifest import API_VERSION, KIND, CustomerManifest, CustomerSpec
from controller.domain.resource_status import ResourceStatus
from controller.manifests.structural import Node, structural

GROUP, VERSION = API_VERSION.split("/")
PLURAL = "customers"

_HEAD = "# Generated from the models by `make schemas`; nobody edits it.\n"


def customer_crd() -> str:
    """The definition as YAML."""
    return _HEAD + yaml.dump(_definition(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _definition() -> Node:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": "customer",
                "shortNames": ["cust"],
                "categories": ["billing"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "selectableFields": [{"jsonPath": ".spec.customerId"}],
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def _schema() -> Node:
    """Of apiVersion, kind and metadata only the type: a definition must leave the rest to the API server."""
    about = {name: field.description for name, field in CustomerManifest.model_fields.items()}
    return {
        "description": CustomerManifest.__doc__,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": about["api_version"], "type": "string"},
            "kind": {"description": about["kind"], "type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(CustomerSpec, "spec"),
            "status": structural(ResourceStatus, "status"),
        },
    }


def _columns() -> list[Node]:
    """Of `kubectl get customers`, which prints the names in capitals; the wide ones with `-o wide`."""
    return [
        _column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        _column("Spent", ".status.usage.spent"),
        _column("Limit", ".status.usage.limit"),
        _column("Used", ".status.usage.used"),
        _column("Gate", ".status.gate.state"),
        _column("Age", ".metadata.creationTimestamp", "date"),
        _wide("Forecast", ".status.usage.forecast"),
        _wide("Cost Center", ".spec.billing.costCenter"),
        _wide("Storage", ".status.usage.storage"),
        _wide("As Of", ".status.usage.asOf"),
        _wide("Status", ".status.message"),
    ]


def _column(name: str, path: str, type_: str = "string") -> Node:
    return {"name": name, "type": type_, "jsonPath": path}


def _wide(name: str, path: str) -> Node:
    return {**_column(name, path), "priority": 1}
