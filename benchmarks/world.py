"""The local AWS of a benchmark, in a process of its own."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from benchmarks.fleet import REGION, bucket
from benchmarks.usage_world import seed_usage
from controller.bootstrap import home_door
from controller.domain.settings import Settings
from controller.errors import Failure
from controller.sandbox import Request, Sandbox
from controller.sandbox.moto_backend import DEFAULT_ACCOUNT
from controller.store import tables

REFUSED = (400, 429, 503)
"""How AWS's services refuse a call that comes too fast."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What was asked of AWS: calls by `service:Operation`, how many of them write, and how many were throttled."""

    by_operation: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    throttled: int = 0

    @property
    def total(self) -> int:
        return self.by_operation.total()

    def served(self) -> Counter[str]:
        """Calls by service."""
        services: Counter[str] = Counter()
        for name, count in self.by_operation.items():
            services[name.partition(":")[0]] += count
        return services


class World:
    """A local AWS with this many buckets and our tables, alive inside `with`. `used`: with a bill and a ledger, too."""

    def __init__(self, customers: int, *, used: bool = False) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, customers, used))

    def __enter__(self) -> Self:
        self._process.start()
        self.environment: Mapping[str, str] = self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.send(None)
        self._process.join()

    def behave(self, latency: float, limits: Mapping[str, float]) -> None:
        """From now on every answer comes `latency` seconds later, and each service takes so many calls a second."""
        self._ask(latency, limits)

    def calls(self) -> Calls:
        """What was asked since this was last called."""
        return self._ask()

    def _ask(self, *what: Any) -> Calls:
        self._pipe.send(what)
        answer: Calls = self._pipe.recv()
        return answer


def _serve(pipe: Connection, customers: int, used: bool) -> None:
    with Sandbox() as sandbox:
        os.environ.update(sandbox.environment())
        for _ in tables.make(home_door(Settings()), Settings().tables):
            pass
        make_buckets(customers)
        _load_services()
        if used:
            seed_usage(sandbox, customers)
        sandbox.clear_requests()
        pipe.send(sandbox.environment())
        while (what := pipe.recv()) is not None:
            if what:
                sandbox.latency, sandbox.limits = what[0], dict(what[1])
            pipe.send(_counted(sandbox))


def _load_services() -> None:
    """The local AWS loads a service when it is first asked for it, which takes seconds; AWS does not."""
    aws = home_door(Settings())
    about = {"AccountId": DEFAULT_ACCOUNT}
    for service, operation, parameters in (
        ("sns", "list_topics", {}),
        ("ce", "list_cost_allocation_tags", {}),
        ("resourcegroupstaggingapi", "get_resources", {"ResourceTypeFilters": ["s3"]}),
        ("budgets", "describe_budgets", about),
        ("s3control", "list_tags_for_resource", {**about, "ResourceArn": f"arn:aws:s3:::{bucket(0)}"}),
        ("s3", "get_bucket_lifecycle_configuration", {"Bucket": bucket(0)}),
    ):
        with suppress(Failure):
            aws.call(service, operation, **parameters)


def make_buckets(customers: int) -> None:
    from moto.s3.models import s3_backends

    create: Callable[..., Any] = s3_backends[DEFAULT_ACCOUNT]["aws"].create_bucket
    for number in range(customers):
        create(bucket(number), REGION)


def _counted(sandbox: Sandbox) -> Calls:
    requests: tuple[Request, ...] = sandbox.requests
    sandbox.clear_requests()
    served = [one for one in requests if one.status not in REFUSED]
    return Calls(
        Counter(f"{one.service}:{one.operation}" for one in served),
        sum(one.writes for one in served),
        len(requests) - len(served),
    )
