"""The sandbox: one local AWS, from the HTTP request to the answer.

request -> identify -> rate limit -> fault? -> our handler or moto -> record -> answer
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from controller.sandbox.bucket_config import BucketConfigApi
from controller.sandbox.buckets import Buckets
from controller.sandbox.budgets import Budgets
from controller.sandbox.clients import local_client
from controller.sandbox.cost_explorer import CostExplorer
from controller.sandbox.faults import Faults, RateLimits
from controller.sandbox.metrics import Metrics
from controller.sandbox.moto_backend import Moto, not_implemented
from controller.sandbox.routes import Call, identify
from controller.sandbox.server import LocalServer
from controller.sandbox.tagging_api import TaggingApi
from controller.sandbox.wire import Answer, AwsError, HttpRequest, error_answer, json_answer, with_request_id

ACCESS_KEY, SECRET_KEY = "sandbox", "sandbox"


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was served. `status` is 0 where a fault cut the connection."""

    service: str
    operation: str
    account: str
    resource: str
    writes: bool
    status: int


class Sandbox:
    """A local AWS on 127.0.0.1, alive between start() and stop(), or inside `with`.

    Budgets, Cost Explorer, S3's tags and lifecycle, the tagging API of S3 and the metrics of CloudWatch are ours,
    with AWS's limits and errors; everything else is moto's. `latency` (seconds) is added to every answer; `limits` are
    requests per second by service, per account, beyond which a call is throttled as that service throttles.
    moto's state belongs to the process: run one sandbox at a time.
    """

    moto: Moto
    buckets: Buckets
    cost: CostExplorer
    budgets: Budgets

    def __init__(self, port: int = 0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.faults = Faults()
        self.latency = 0.0
        self.limits: dict[str, float] = {}
        self._port = port
        self._clock = clock
        self._offset = timedelta()
        self._rates = RateLimits()
        self._requests: list[Request] = []
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._lock = threading.Lock()
        self._server: LocalServer | None = None

    def start(self) -> Self:
        self.moto = Moto()
        self.cost = CostExplorer(self.now)
        self.buckets = Buckets(self.moto, self.cost.tag_keys_used)
        self.budgets = Budgets(self.now, self.cost, self.moto.topic_policy)
        self._bucket_config = BucketConfigApi(self.buckets)
        self._tagging = TaggingApi(self.buckets)
        self._metrics = Metrics(self.moto, self.now)
        self.moto.reset()
        self._server = LocalServer(self._port, self._answer)
        return self

    def stop(self) -> None:
        """End every connection and thread, and forget moto's state."""
        self._forget_clients()
        if self._server:
            self._server.stop()
            self._server = None
            self.moto.reset()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the sandbox is not started")
        return self._server.url

    def environment(self) -> dict[str, str]:
        """What any AWS SDK needs in its environment to talk to the sandbox, and to nothing else.

        Variables that are not to be set at all: AWS_PROFILE and AWS_ENDPOINT_URL_<SERVICE>.
        """
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
        }

    def client(self, service: str, region: str = "us-west-2", account_id: str | None = None) -> Any:
        """A boto3 client without retries, for the default account or as an assumed role in another."""
        with self._lock:
            key = (service, region, account_id)
            if key not in self._clients:
                credentials = self.moto.issue_credentials(account_id) if account_id else (ACCESS_KEY, SECRET_KEY, None)
                self._clients[key] = local_client(service, region, self.url, credentials)
            return self._clients[key]

    def now(self) -> datetime:
        return self._clock().astimezone(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move the sandbox's clock forward. moto keeps its own time."""
        self._offset += by

    @property
    def requests(self) -> tuple[Request, ...]:
        with self._lock:
            return tuple(self._requests)

    def clear_requests(self) -> None:
        with self._lock:
            self._requests.clear()

    def reset(self) -> None:
        """Forget everything but the port: moto's state and ours, faults, limits, the clock's offset, the requests."""
        self.faults.clear()
        self.limits.clear()
        self._rates.clear()
        self.latency, self._offset = 0.0, timedelta()
        self.moto.reset()
        self.cost.reset()
        self.budgets.reset()
        self._forget_clients(of_other_accounts_only=True)
        self.clear_requests()

    def _forget_clients(self, of_other_accounts_only: bool = False) -> None:
        """moto forgets the keys that it issued when it is reset; clients of other accounts would change account."""
        with self._lock:
            gone = [key for key in self._clients if key[2] or not of_other_accounts_only]
            for key in gone:
                self._clients.pop(key).close()

    # One request

    def _answer(self, http: HttpRequest) -> Answer | None:
        call = identify(http, self.moto.account_of)
        answer = self._with_faults(call)
        status = answer.status if answer else 0
        with self._lock:
            self._requests.append(
                Request(call.service, call.operation, call.account, call.resource, call.writes, status)
            )
            number = len(self._requests)
        return with_request_id(answer, f"sandbox-{number}") if answer else None

    def _with_faults(self, call: Call) -> Answer | None:
        try:
            self._rates.check(call, self.limits.get(call.service))
        except AwsError as error:
            time.sleep(self.latency)
            return error_answer(call.protocol, error)
        delay, fault = self.faults.meet(call)
        kind = fault.kind if fault else None
        if fault and kind in ("throttle", "error", "cancelled"):
            time.sleep(self.latency + delay)
            return error_answer(call.protocol, fault.error(call))
        if kind == "cut_before":
            return None
        answer = self._served(call, stale=kind == "stale", seconds=self.latency + delay)
        return None if kind == "cut_after" else answer

    def _served(self, call: Call, stale: bool, seconds: float) -> Answer:
        """The answer, `seconds` later: a slow write keeps its bucket busy meanwhile."""
        try:
            with ExitStack() as until_answered:
                if call.bucket and call.writes and (call.service, call.operation) in self._bucket_config.handlers:
                    self.buckets.begin_write(call.bucket)
                    until_answered.callback(self.buckets.end_write, call.bucket)
                if seconds:
                    time.sleep(seconds)
                return self._dispatch(call, stale)
        except AwsError as error:
            return error_answer(call.protocol, error)
        except Exception as error:  # noqa: BLE001 - a malformed request must not kill the connection's thread
            told = f"the sandbox could not read the request: {type(error).__name__}: {error}"
            return error_answer(call.protocol, AwsError("SandboxFailure", told))

    def _dispatch(self, call: Call, stale: bool) -> Answer:
        if call.service in ("budgets", "ce"):
            handlers = self.budgets.handlers if call.service == "budgets" else self.cost.handlers
            if call.operation not in handlers:
                raise not_implemented(call)
            return json_answer(handlers[call.operation](call, stale))
        if call.service == "resourcegroupstaggingapi" and self._tagging.serves(call):
            return json_answer(self._tagging.get_resources(call, stale))
        if told := self._metrics.handler(call):
            return json_answer(told(call, stale))
        if handler := self._bucket_config.handlers.get((call.service, call.operation)):
            return handler(call, stale)
        return self._from_moto(call)

    def _from_moto(self, call: Call) -> Answer:
        creates = call.operation == "CreateBucket"
        if call.service == "s3" and call.bucket and not creates:
            self._bucket_config.check_owner(call)
        answer = self.moto.serve(call)
        if creates and answer.status == 200:
            self._bucket_config.remember_creation_tags(call)
        return answer
