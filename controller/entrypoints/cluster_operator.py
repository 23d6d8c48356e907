"""The command `operator`: kopf watches the cluster, `operating.Operator` works.

kopf lists and watches, and keeps its connection; there is no kopf bookkeeping on the resources. Only one kind of
handler is used: an event, whatever it is, updates what is known of one resource, and wakes it.
"""

import asyncio
import gc
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kopf

from controller import bootstrap
from controller.cluster.api import Api
from controller.cluster.leader import Leader
from controller.domain.custom_resource import GROUP, PLURAL, VERSION, Resource, collection
from controller.entrypoints import exit_codes, json_logs, metrics
from controller.entrypoints.engine import AwsEngine
from controller.errors import Failure, InvalidInput, PermanentFailure, TransientFailure
from controller.operating import Operator, Times

_log = logging.getLogger(__name__)

INTERVALS = 3
"""After how many intervals without the end of a pass the operator is not well."""
LAST_PASS = 25.0
"""Seconds that a pass may go on after SIGTERM: a little less than Kubernetes waits before SIGKILL."""
LAST_WATCH = 3.0
"""Seconds that the watching may take to end."""
MISSING = "kubectl apply -f schemas/customer.crd.yaml"
"""What brings the definition of customers."""
ASK_AGAIN = 5.0
"""Seconds until the cluster is asked again for a definition that it does not have."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the operator runs. `namespace` or `address` None: all of them; `port` 0: nothing is served."""

    namespace: str | None
    lease_namespace: str
    times: Times
    only_watch: bool
    address: str | None
    port: int
    by_customer: bool


def operator(
    *,
    namespace: str | None,
    all_namespaces: bool,
    dry_run: bool,
    settings: Path | None,
    controller_id: str | None,
    resync: float,
    collect: float,
    listen: str,
    customer_metrics: bool,
    log_format: str,
    verbose: bool,
) -> int:
    """Runs until it is stopped. Exit 1 where the cluster or the settings cannot be used at all."""
    gc.set_threshold(10_000, 10)  # it lives long: what a command may leave lying until it ends adds up here
    engine = AwsEngine(settings, {"controller_id": controller_id}, only_watch=dry_run, clock=bootstrap.utc_now)
    home = login().default_namespace or "default"
    address, _, port = listen.rpartition(":")
    options = Options(
        namespace=None if all_namespaces else namespace or home,
        lease_namespace=namespace or home,
        times=Times(resync, collect),
        only_watch=dry_run,
        address=address.strip("[]") or None,
        port=int(port),
        by_customer=customer_metrics,
    )
    current: list[Operator] = []
    json_logs.begin(
        sys.stderr,
        lambda: current[0].pass_number if current else 0,
        as_json=log_format == "json",
        verbose=verbose,
    )
    try:
        asyncio.run(_run(options, engine, current))
    except Failure as failure:
        _log.error("%s", failure)
        return exit_codes.ERROR
    return exit_codes.OK


async def _run(options: Options, engine: AwsEngine, current: list[Operator]) -> None:
    api = Api(login)
    identity = f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    lease = f"daylily-reconcile-{engine.controller_id}".lower().replace("_", "-")
    leader = Leader(api, options.lease_namespace, lease, identity, time.monotonic, bootstrap.utc_now)
    meter = metrics.Meter(by_customer=options.by_customer)
    operating = Operator(
        api,
        lambda: api.items(collection(options.namespace)),
        engine,
        leader,
        meter,
        bootstrap.utc_now,
        random.random,
        options.times,
        only_watch=options.only_watch,
    )
    current.append(operating)
    vitals = _Vitals(operating, leader, engine, api, options.times)
    meter.watch(vitals)
    server = await metrics.serve(options.address, options.port, meter, vitals) if options.port else None
    try:
        await _definition(api, options.namespace)
        await _watch_and_work(options, operating, leader, vitals)
    finally:
        if server:
            await server.cleanup()
        await api.close()


async def _watch_and_work(options: Options, operating: Operator, leader: Leader, vitals: "_Vitals") -> None:
    """Until a signal comes, or one of the tasks fails. The Lease is given back before kopf takes its time to end."""
    stop = asyncio.Event()
    watching = asyncio.create_task(_watch(options, operating, vitals, stop), name="watch")
    leading = asyncio.create_task(leader.run(), name="lead")
    working = asyncio.create_task(operating.run(), name="work")
    stopped = asyncio.create_task(_signalled(vitals.watched, stop), name="stop")
    try:
        done, _ = await asyncio.wait({watching, leading, working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        operating.stop()
        await asyncio.wait({working}, timeout=LAST_PASS)
        for task in (working, leading, stopped):
            task.cancel()
        await asyncio.gather(leading, working, stopped, return_exceptions=True)
        stop.set()
        await asyncio.wait({watching}, timeout=LAST_WATCH)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _signalled(started: asyncio.Event, stop: asyncio.Event) -> None:
    """Returns once we are told to end. kopf, at a signal, would end itself first, so it has to be forestalled."""
    await started.wait()
    await asyncio.sleep(0.1)  # by then kopf has put its own handlers there
    if threading.current_thread() is threading.main_thread():
        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, stop.set)
    await stop.wait()


async def _watch(options: Options, operating: Operator, vitals: "_Vitals", stop: asyncio.Event) -> None:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def log_in(**_: Any) -> kopf.ConnectionInfo:
        return login()

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def seen(type: str | None, body: Mapping[str, Any], **_: Any) -> None:
        operating.seen(type, body)

    try:
        await kopf.operator(
            registry=registry,
            settings=_kopf_settings(),
            standalone=True,
            identity="daylily-reconcile",  # type: ignore[arg-type] # else it asks for the user's name: a pod's has none
            clusterwide=options.namespace is None,
            namespaces=[options.namespace] if options.namespace else [],
            stop_flag=stop,
            ready_flag=vitals.watched,
        )
    except Exception as error:  # its errors are not public; whatever it was, the next start begins anew
        raise TransientFailure(f"the customers cannot be watched any more: {error}") from error


def _kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # nothing is read of the cluster but the customers
    settings.queueing.worker_limit = 50
    settings.queueing.idle_timeout = 0.001  # an idle worker keeps others waiting, and all that was listed in memory
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.chunk_size = 500
    return settings


async def _definition(api: Api, namespace: str | None) -> None:
    """Returns once the cluster knows what a customer is. Raises Failure where we may not look at them at all."""
    told = False
    while True:
        try:
            await api.get(f"{collection(namespace)}?limit=1")
        except PermanentFailure as failure:
            if failure.code != "NotFound":
                raise
            if not told:
                _log.warning("the cluster does not know customers yet; waiting for: %s", MISSING)
            told = True
        except Failure as failure:
            _log.warning("waiting for the cluster: %s", failure)
        else:
            return
        await asyncio.sleep(ASK_AGAIN)


def login() -> kopf.ConnectionInfo:
    """In a cluster the service account, outside the kubeconfig."""
    settings = kopf.OperatorSettings()
    try:
        found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    except (OSError, KeyError, ValueError, kopf.LoginError) as error:
        raise InvalidInput(f"the kubeconfig cannot be used: {type(error).__name__}: {error}") from error
    if found is None:
        raise InvalidInput("no cluster: neither a service account here, nor KUBECONFIG, nor ~/.kube/config")
    return found


@dataclass(slots=True)
class _Vitals:
    """What the probes and Prometheus ask for."""

    operating: Operator
    leader: Leader
    engine: AwsEngine
    api: Api
    times: Times
    watched: asyncio.Event = field(default_factory=asyncio.Event)

    def is_alive(self) -> bool:
        idle = time.monotonic() - self.operating.alive_at
        return not self.leader.leads or idle < INTERVALS * self.times.resync

    def is_ready(self) -> bool:
        """A replica that waits for its turn only has to watch; kopf says so before the first customer has come."""
        return self.watched.is_set() and (self.operating.listed or not self.leader.leads)

    def leads(self) -> bool:
        return self.leader.leads

    def resources(self) -> int:
        return len(self.operating.known)

    def queue(self) -> tuple[int, float]:
        return len(self.operating.agenda), self.operating.agenda.oldest

    def customers(self) -> Iterable[Resource]:
        return self.operating.known.all()

    def aws_calls(self) -> Mapping[tuple[str, str], int]:
        return self.engine.calls

    def cluster_calls(self) -> Mapping[tuple[str, int], int]:
        return self.api.calls

    def settings_are_good(self) -> bool:
        return not self.engine.trouble
