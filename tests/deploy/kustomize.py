"""As much of kustomize as deploy/ uses, so that its promises are tested where there is no kubectl.

test_kustomize.py holds it to the real one where that is at hand.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

Object = dict[str, Any]

CLUSTER_WIDE = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}


def render(folder: Path) -> list[Object]:
    """The manifests that a folder with a kustomization comes to."""
    return _built(folder, [])


def _built(folder: Path, found: list[Object]) -> list[Object]:
    """Those of the folder on top of `found`, which only a component gets."""
    asked = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for name in asked.get("resources", ()):
        found = [*found, *_documents((folder / name).resolve())]
    for name in asked.get("components", ()):
        found = _built((folder / name).resolve(), found)
    for generator in asked.get("configMapGenerator", ()):
        found = _with_config_map(found, folder, generator)
    for patch in asked.get("patches", ()):
        found = _patched(found, folder, patch)
    for image in asked.get("images", ()):
        _set_image(found, image)
    if namespace := asked.get("namespace"):
        _set_namespace(found, namespace)
    for labels in asked.get("labels", ()):
        for document in found:
            document["metadata"].setdefault("labels", {}).update(labels["pairs"])
    _find_subjects(found)
    return found


def _documents(path: Path) -> Iterator[Object]:
    if path.is_dir():
        yield from render(path)
    else:
        yield from yaml.load_all(path.read_text(), yaml.CSafeLoader)


def _with_config_map(found: list[Object], folder: Path, asked: Mapping[str, Any]) -> list[Object]:
    options = asked["options"]
    assert options["disableNameSuffixHash"], "names with a hash are not known here"
    data = {name: (folder / name).read_text() for name in asked["files"]}
    if asked.get("behavior") == "replace":
        (old,) = (one for one in found if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", asked["name"]))
        old["data"] = data
        return found
    metadata = {"name": asked["name"]}
    metadata |= {key: value for key, value in (("namespace", asked.get("namespace")),) if value}
    metadata |= {"labels": dict(options["labels"])} if "labels" in options else {}
    return [*found, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}]


def _patched(found: list[Object], folder: Path, asked: Mapping[str, Any]) -> list[Object]:
    patch = yaml.safe_load(asked["patch"] if "patch" in asked else (folder / asked["path"]).read_text())
    target = asked.get("target") or {"kind": patch["kind"], "name": patch["metadata"]["name"]}
    (index,) = (
        at for at, one in enumerate(found) if (one["kind"], one["metadata"]["name"]) == (target["kind"], target["name"])
    )
    if isinstance(patch, list):
        changed = [jsonpatch.apply_patch(found[index], patch)]
    else:
        changed = [] if patch.get("$patch") == "delete" else [_merged(found[index], patch)]
    return [*found[:index], *changed, *found[index + 1 :]]


def _merged(old: Any, new: Any) -> Any:
    """Mappings are merged, all else is replaced: no patch of deploy/ merges lists."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return old | {key: _merged(old.get(key), value) for key, value in new.items()}


def _set_image(found: list[Object], asked: Mapping[str, str]) -> None:
    for container in (one for document in found for one in containers(document)):
        if container["image"].partition(":")[0] == asked["name"]:
            container["image"] = f"{asked.get('newName', asked['name'])}:{asked['newTag']}"


def _set_namespace(found: list[Object], namespace: str) -> None:
    for document in found:
        if document["kind"] == "Namespace":
            document["metadata"]["name"] = namespace
        elif document["kind"] not in CLUSTER_WIDE:
            document["metadata"]["namespace"] = namespace


def _find_subjects(found: list[Object]) -> None:
    """A binding says in which namespace its service account is: where the one of that name is."""
    accounts = {one["metadata"]["name"]: one["metadata"] for one in found if one["kind"] == "ServiceAccount"}
    for subject in (one for document in found for one in document.get("subjects", ())):
        subject["namespace"] = accounts[subject["name"]]["namespace"]


def containers(document: Object) -> list[Object]:
    """The containers of a Deployment, none of anything else."""
    if document["kind"] != "Deployment":
        return []
    found: list[Object] = document["spec"]["template"]["spec"]["containers"]
    return found
