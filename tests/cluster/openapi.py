"""As much of OpenAPI as kubectl asks for: the schemas of custom resources, and that field validation is done here."""

from collections.abc import Iterable

from tests.cluster.answers import no_such_resource
from tests.cluster.protocol import Object
from tests.cluster.resources import Resource

V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""The only form in which kubectl takes the old document. An empty one is valid, and names nothing."""


def index(resources: Iterable[Resource]) -> Object:
    """GET /openapi/v3."""
    paths = sorted({_root(known) for known in resources})
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash=0"} for path in paths}}


def document(resources: Iterable[Resource], path: str) -> Object:
    """GET /openapi/v3/apis/GROUP/VERSION."""
    found = [known for known in resources if _root(known) == path]
    if not found:
        raise no_such_resource()
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.32.0"},
        "paths": {f"/{path}/{_place(known)}": {"patch": _patch(known)} for known in found},
        "components": {"schemas": {_schema_name(known): _schema(known) for known in found}},
    }


def _root(known: Resource) -> str:
    return f"apis/{known.group}/{known.version}" if known.group else f"api/{known.version}"


def _place(known: Resource) -> str:
    return f"namespaces/{{namespace}}/{known.plural}/{{name}}" if known.namespaced else f"{known.plural}/{{name}}"


def _type(known: Resource) -> Object:
    return {"group": known.group, "version": known.version, "kind": known.kind}


def _patch(known: Resource) -> Object:
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    return {
        "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": _type(known),
    }


def _schema_name(known: Resource) -> str:
    reversed_group = ".".join(reversed(known.group.split("."))) if known.group else "io.k8s.api.core"
    return f"{reversed_group}.{known.version}.{known.kind}"


def _schema(known: Resource) -> Object:
    schema = dict(known.open_api or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        **schema.get("properties", {}),
        "metadata": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
    return {**schema, "x-kubernetes-group-version-kind": [_type(known)]}
