"""The operator at work on the fake cluster, in this process, and as much of kubectl as the documentation types."""

import asyncio
import json
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import bootstrap
from controller.domain.custom_resource import GROUP, PAUSED, PLURAL, REQUESTED_AT, collection
from controller.entrypoints import cluster_operator
from controller.entrypoints.engine import AwsEngine
from controller.operating import Operator, Times
from tests.cluster import ApiError
from tests.cluster.access import ADMIN, OPERATOR, rules_of
from tests.cluster.client import Client
from tests.cluster.protocol import Object
from tests.cluster.server import FakeCluster
from tests.deploy.conftest import DEPLOY
from tests.deploy.kustomize import render

PATIENCE = 60.0
"""Seconds until what was typed has to be acted on."""


@contextmanager
def operated(clock: Callable[[], datetime]) -> Iterator["Kubectl"]:
    """What `kubectl apply -k deploy/` brings, at work on the AWS of the environment."""
    manifests = render(DEPLOY)
    (namespace,) = (one for one in manifests if one["kind"] == "Namespace")
    definitions = [one for one in manifests if one["kind"] == "CustomResourceDefinition"]
    with FakeCluster(crds=definitions, rules=rules_of(manifests), clock=clock) as cluster:
        cluster.namespace = namespace["metadata"]["name"]
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}})
        cluster.write_kubeconfig(cluster.kubeconfig, OPERATOR)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("KUBECONFIG", str(cluster.kubeconfig))
            current: list[Operator] = []
            with _running(_operator(cluster.namespace, current)):
                yield Kubectl(cluster, current)


def _operator(namespace: str, current: list[Operator]) -> Coroutine[Any, Any, None]:
    options = cluster_operator.Options(
        namespace=namespace,
        lease_namespace=namespace,
        times=Times(),
        only_watch=False,
        address=None,
        port=0,
        by_customer=False,
    )
    engine = AwsEngine(None, {}, only_watch=False, clock=bootstrap.utc_now)
    return cluster_operator._run(options, engine, current)


@contextmanager
def _running(work: Coroutine[Any, Any, None]) -> Iterator[None]:
    """In a thread, until it is cancelled at the end."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    thread = threading.Thread(target=run, name="operator")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


class Kubectl:
    """Prints what kubectl prints; returns once the operator has acted on what was typed."""

    def __init__(self, cluster: FakeCluster, current: Sequence[Operator] = ()) -> None:
        self._cluster, self._current = cluster, current
        self._client = Client(cluster.url, ADMIN)

    def __call__(self, arguments: Sequence[str]) -> str:
        asked = _parser().parse_args(arguments)
        told: str = getattr(self, f"_{asked.command}")(asked)
        self._cluster.eventually(self._is_settled, timeout=PATIENCE)
        return told

    def _apply(self, asked: Namespace) -> str:
        files = sorted(asked.file.glob("*.yaml")) if asked.file.is_dir() else [asked.file]
        return "".join(self._apply_one(yaml.safe_load(file.read_text())) for file in files)

    def _apply_one(self, manifest: Object) -> str:
        name = manifest["metadata"]["name"]
        try:
            before = self._cluster.get(PLURAL, name)
        except ApiError:
            self._cluster.create(manifest)
            return self._said(name, "created")
        self._cluster.replace({**manifest, "metadata": before["metadata"], "status": before.get("status", {})})
        same = self._cluster.get(PLURAL, name)["metadata"]["generation"] == before["metadata"]["generation"]
        return self._said(name, "unchanged" if same else "configured")

    def _get(self, asked: Namespace) -> str:
        path = collection(self._cluster.namespace) + (f"/{asked.name}" if asked.name else "")
        table = self._client.ask("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io").document
        columns = table["columnDefinitions"]
        shown = [at for at, column in enumerate(columns) if asked.output == "wide" or not column["priority"]]
        head = [columns[at]["name"].upper() for at in shown]
        return _table([head, *([str(row["cells"][at] or "") for at in shown] for row in table["rows"])])

    def _events(self, asked: Namespace) -> str:
        """Oldest first, as they were posted."""
        posted = sorted(self._cluster.list("events"), key=lambda one: int(one["metadata"]["resourceVersion"]))
        of_it = [one for one in posted if f"customer/{one['involvedObject']['name']}" == asked.of]
        rows = [["0s", one["type"], one["reason"], _object(one), one["message"]] for one in of_it]
        return _table([["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"], *rows])

    def _annotate(self, asked: Namespace) -> str:
        notes = dict(note.split("=", 1) for note in asked.notes if "=" in note)
        gone = {note.removesuffix("-"): None for note in asked.notes if note.endswith("-")}
        self._cluster.patch(PLURAL, asked.name, {"metadata": {"annotations": {**notes, **gone}}})
        return self._said(asked.name, "annotated")

    def _patch(self, asked: Namespace) -> str:
        self._cluster.patch(PLURAL, asked.name, json.loads(asked.patch))
        return self._said(asked.name, "patched")

    def _delete(self, asked: Namespace) -> str:
        self._cluster.delete(PLURAL, asked.name)
        self._cluster.wait(PLURAL, asked.name, lambda found: found is None, timeout=PATIENCE)
        return f'customer.{GROUP} "{asked.name}" deleted\n'

    def _said(self, name: str, done: str) -> str:
        return f"customer.{GROUP}/{name} {done}\n"

    def _is_settled(self) -> bool:
        """A status stands there before its Events do: both are told under one lock."""
        handled = all(map(_is_handled, self._cluster.list(PLURAL)))
        return handled and not any(one._telling.locked() for one in self._current)


def _is_handled(customer: Object) -> bool:
    """Whether the operator has acted on all that is asked of it, and shown what was collected."""
    notes, status = customer["metadata"].get("annotations", {}), customer.get("status", {})
    paused = any(one["type"] == "Paused" for one in status.get("conditions", ()))
    gate: str = status.get("gate", {}).get("state", "Unknown")
    return (
        gate != "Unknown"
        and paused == (notes.get(PAUSED) == "true")
        and bool(status.get("observedGeneration") == customer["metadata"]["generation"])
        and bool(status.get("lastHandledReconcileAt") == notes.get(REQUESTED_AT))
    )


def _object(event: Object) -> str:
    return f"{event['involvedObject']['kind']}/{event['involvedObject']['name']}"


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, cells)) + 3 for cells in zip(*rows, strict=True)]
    return "".join("".join(map(str.ljust, cells, widths)).rstrip() + "\n" for cells in rows)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("kubectl", exit_on_error=False)
    commands = parser.add_subparsers(dest="command", required=True)
    apply = commands.add_parser("apply")
    apply.add_argument("-f", dest="file", type=Path, required=True)
    get = commands.add_parser("get")
    get.add_argument("resource", choices=["customers", "customer", "cust"])
    get.add_argument("name", nargs="?")
    get.add_argument("-o", dest="output", choices=["wide"])
    events = commands.add_parser("events")
    events.add_argument("--for", dest="of", required=True)
    annotate = commands.add_parser("annotate")
    annotate.add_argument("resource", choices=["customer"])
    annotate.add_argument("name")
    annotate.add_argument("notes", nargs="+")
    annotate.add_argument("--overwrite", action="store_true")
    patch = commands.add_parser("patch")
    patch.add_argument("resource", choices=["customer"])
    patch.add_argument("name")
    patch.add_argument("--type", choices=["merge"], required=True)
    patch.add_argument("-p", dest="patch", required=True)
    delete = commands.add_parser("delete")
    delete.add_argument("resource", choices=["customer"])
    delete.add_argument("name")
    return parser
