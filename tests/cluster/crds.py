"""A CRD for the tests of the fake cluster itself, so that they depend on no product."""

from typing import Any

from tests.cluster.protocol import Object

GROUP, VERSION = "farm.example.com", "v1"

ANYONES = f"/apis/{GROUP}/{VERSION}/animals"
"""The path of all animals, and of those of one namespace."""
OURS = f"/apis/{GROUP}/{VERSION}/namespaces/default/animals"

ANIMALS: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"animals.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {
            "plural": "animals",
            "singular": "animal",
            "kind": "Animal",
            "shortNames": ["an"],
            "categories": ["farm"],
        },
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.species"}],
                "additionalPrinterColumns": [
                    {
                        "name": "Ready",
                        "type": "string",
                        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
                    },
                    {"name": "Legs", "type": "integer", "jsonPath": ".spec.legs"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    {"name": "Species", "type": "string", "jsonPath": ".spec.species", "priority": 1},
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["species"],
                                "properties": {
                                    "species": {"type": "string", "maxLength": 20},
                                    "legs": {"type": "integer", "minimum": 0},
                                    "names": {"type": "object", "additionalProperties": {"type": "string"}},
                                },
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}


def animal(name: str, species: str = "cow", namespace: str | None = None, **spec: Any) -> Object:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Animal",
        "metadata": metadata,
        "spec": {"species": species, **spec},
    }
