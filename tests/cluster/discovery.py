"""What the server says of itself: its version, its groups and their resources."""

from collections.abc import Iterable, Mapping

from tests.cluster.answers import no_such_resource
from tests.cluster.protocol import Object
from tests.cluster.resources import Resource, version_rank

VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0-fake",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


def release(version: Mapping[str, str]) -> tuple[int, int]:
    """Major and minor of what GET /version answers. Some who offer Kubernetes say 32+ for 32."""
    return int(version["major"]), int(version["minor"].rstrip("+"))


def legacy_versions(url: str) -> Object:
    """GET /api."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": url.removeprefix("http://")}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def groups(resources: Iterable[Resource]) -> Object:
    """GET /apis."""
    by_name: dict[str, set[str]] = {}
    for known in resources:
        if known.group:
            by_name.setdefault(known.group, set()).add(known.version)
    listed = [_group(name, versions) for name, versions in by_name.items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group(resources: Iterable[Resource], name: str) -> Object:
    """GET /apis/GROUP."""
    versions = {known.version for known in resources if name and known.group == name}
    if not versions:
        raise no_such_resource()
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def group_version(resources: Iterable[Resource], name: str, version: str) -> Object:
    """GET /api/v1 and /apis/GROUP/VERSION."""
    found = [known for known in resources if (known.group, known.version) == (name, version)]
    if not found:
        raise no_such_resource()
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": [entry for known in found for entry in _entries(known)],
    }


def _group(name: str, versions: set[str]) -> Object:
    ordered = sorted(versions, key=version_rank)
    told = [{"groupVersion": f"{name}/{version}", "version": version} for version in ordered]
    return {"name": name, "versions": told, "preferredVersion": told[0]}


def _entries(known: Resource) -> list[Object]:
    entry: Object = {
        "name": known.plural,
        "singularName": known.singular,
        "namespaced": known.namespaced,
        "kind": known.kind,
        "verbs": list(known.verbs),
    }
    if known.short_names:
        entry["shortNames"] = list(known.short_names)
    if known.categories:
        entry["categories"] = list(known.categories)
    if not known.status:
        return [entry]
    status = {
        "name": f"{known.plural}/status",
        "singularName": "",
        "namespaced": known.namespaced,
        "kind": known.kind,
        "verbs": ["get", "patch", "update"],
    }
    return [entry, status]
