"""The one door to boto3: an account, its credentials, and calls that are counted, retried and translated."""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.client import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.loaders import Loader, create_loader

from controller import __version__
from controller.aws.call import NOT_IN_THIS_REGION, PATIENT, Retry, attempt, is_paced, translate
from controller.aws.endpoints import know_buckets
from controller.aws.pace import Pace
from controller.errors import AccountFailure, Failure, PermanentFailure, unexpected

T = TypeVar("T")
R = TypeVar("R")

GLOBAL_REGION = "us-east-1"
"""Where Budgets and Cost Explorer are signed, whatever the region of the account."""

PAID = frozenset({"ce"})
"""Services whose every request costs money: Cost Explorer, $0.01 each."""


USER_AGENT = f"daylily-reconcile/{__version__} Boto3/{boto3.__version__}"
"""Who CloudTrail says it was. botocore puts its own together anew for every call, which costs as much as signing."""

ONE_ATTEMPT = Config(
    user_agent=USER_AGENT,
    retries={"mode": "standard", "total_max_attempts": 1},  # attempts are made in aws/call.py
    connect_timeout=5,
    read_timeout=30,
)


@dataclass(frozen=True, slots=True)
class Role:
    """A role to assume for an account; `session_name` shows up in CloudTrail."""

    arn: str
    external_id: str | None = None
    session_name: str = "daylily-reconcile"


class Aws:
    """Calls to one AWS account. Safe to use from many threads.

    Every attempt is counted in `calls` under `service:Operation`, those that were refused also in `refusals`, with the
    service's code, and every answer that costs money in `paid_calls`. Once AWS refuses the credentials, every further
    call fails at once and without a request: a thousand customers are one error, not a thousand.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        role: Role | None = None,
        concurrency: int = 16,
        retry: Retry | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            self._session = _session(region, role)
            self.region: str = self._session.region_name or GLOBAL_REGION
        except BotoCoreError as error:  # a profile that does not exist, half a pair of keys
            raise translate(error, "", "") from error
        self.calls: Counter[str] = Counter()
        self.refusals: Counter[tuple[str, str]] = Counter()
        self.paid_calls = 0
        self._concurrency = concurrency
        self._retry = retry or PATIENT
        self._sleep = sleep
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="aws")
        self._paces: dict[str, Pace] = {}
        self._refused: AccountFailure | None = None

    def call(
        self, service: str, operation: str, *, region: str | None = None, about: str = "", **parameters: Any
    ) -> dict[str, Any]:
        """One API call, e.g. `call("s3", "get_bucket_tagging", about=bucket, Bucket=bucket)`.

        `about` names the resource in errors. Raises TransientFailure after the last attempt, PermanentFailure or
        AccountFailure otherwise; the service's code is in `failure.code`.
        """
        if self._refused:
            raise self._refused
        name = f"{service}:{_camel(operation)}"
        pace = self._pace_of(name)

        def once() -> dict[str, Any]:
            method = getattr(self._client(service, region or self.region), operation)
            pace.wait()
            with self._lock:
                self.calls[name] += 1
            try:
                answer: dict[str, Any] = method(**parameters)
            except ClientError as error:
                with self._lock:
                    self.refusals[name, str(error.response.get("Error", {}).get("Code", ""))] += 1
                if is_paced(error):
                    pace.throttled()
                raise
            pace.answered()
            return answer

        try:
            answer = attempt(once, operation=name, resource=about, retry=self._retry, sleep=self._sleep)
        except AccountFailure as failure:
            if failure.code in NOT_IN_THIS_REGION and service != "sts" and self._is_accepted():
                raise _not_here(failure) from failure
            self._refused = failure
            raise
        with self._lock:
            self.paid_calls += service in PAID
        return answer

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R | Failure]:
        """`work` done for every item, in parallel; in order, a Failure standing where one was raised."""

        def contained(item: T) -> R | Failure:
            try:
                return work(item)
            except Failure as failure:
                return failure
            except Exception as error:  # noqa: BLE001 - a bug with one item must not stop the others
                return unexpected(error, str(item))

        waiting = deque(enumerate(items))
        found: list[Any] = [None] * len(waiting)

        def work_off(_: int) -> None:
            with suppress(IndexError):  # nothing is left
                while True:
                    number, item = waiting.popleft()
                    found[number] = contained(item)

        if len(found) < 2:
            work_off(0)
            return found
        try:
            list(self._pool.map(work_off, range(min(self._concurrency, len(found)))))
        except BaseException:
            waiting.clear()  # nobody waits for the rest
            raise
        return found

    def prepare(self, services: Iterable[str]) -> None:
        """Makes these clients beside other work: 5 to 90 ms each. What fails, fails again at the first call."""
        for service in services:
            self._pool.submit(self._client, service, self.region)

    def pause(self, attempt: int) -> None:
        """Waits before what was only half done is asked for again, for the time after that many attempts."""
        self._sleep(self._retry.delay(attempt))

    def account_id(self) -> str:
        """The id of the account that the credentials belong to."""
        return str(self.call("sts", "get_caller_identity")["Account"])

    def _pace_of(self, name: str) -> Pace:
        with self._lock:
            if name not in self._paces:
                self._paces[name] = Pace(time.monotonic, self._sleep)
            return self._paces[name]

    def _is_accepted(self) -> bool:
        """Whether the credentials as such are good: a region that is not enabled refuses them with the same codes."""
        try:
            self.call("sts", "get_caller_identity")
        except AccountFailure:
            return False
        except Failure:
            return True
        return True

    def _client(self, service: str, region: str) -> Any:
        """Clients are shared by threads, but made under a lock: boto3 sessions are not thread-safe."""
        if service in ("budgets", "ce"):
            region = GLOBAL_REGION
        client = self._clients.get((service, region))
        if client is None:
            with self._making:
                client = self._clients.get((service, region))
                if client is None:
                    client = self._clients[service, region] = self._make_client(service, region)
        return client

    def _make_client(self, service: str, region: str) -> Any:
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        config = ONE_ATTEMPT.merge(
            Config(
                max_pool_connections=self._concurrency,
                s3={"addressing_style": "path"} if endpoint else None,
            )
        )
        try:
            client = self._session.client(service, region_name=region, config=config)
        except ValueError as error:
            raise PermanentFailure(f"no client for {service}: {error}", advice="See AWS_ENDPOINT_URL.") from error
        if endpoint and service == "s3control":
            client.meta.events.register("before-sign.s3-control", _without_account_in_host)
        if service == "s3":
            know_buckets(client)
        return client


def _not_here(failure: AccountFailure) -> PermanentFailure:
    return PermanentFailure(
        failure.message,
        code=failure.code,
        operation=failure.operation,
        resource=failure.resource,
        advice="The credentials are good elsewhere: is this region enabled for the account?",
    )


def _without_account_in_host(request: Any, **_: Any) -> None:
    """botocore puts the account id before the host of S3 Control; a custom endpoint has no such name."""
    scheme, _, rest = request.url.partition("://")
    host, slash, path = rest.partition("/")
    account, dot, bare = host.partition(".")
    if dot and account.isdigit() and len(account) == 12:
        request.url = f"{scheme}://{bare}{slash}{path}"


def _session(region: str | None, role: Role | None) -> boto3.Session:
    """A session on the ordinary credential chain, or on a role that botocore assumes at first use and renews."""
    core = _core_session()
    if role:
        region = region or core.get_config_variable("region") or GLOBAL_REGION
        base = core.get_credentials()
        if base is None:
            raise NoCredentialsError
        extra = {"RoleSessionName": role.session_name} | ({"ExternalId": role.external_id} if role.external_id else {})
        fetcher = AssumeRoleCredentialFetcher(
            partial(core.create_client, region_name=region, config=ONE_ATTEMPT), base, role.arn, extra_args=extra
        )
        core = _core_session()
        core._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return boto3.Session(botocore_session=core, region_name=region)


def _core_session() -> botocore.session.Session:
    """The service descriptions are megabytes of JSON: every session shares one copy."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _descriptions())
    return core


@cache
def _descriptions() -> Loader:
    return create_loader(botocore.session.get_session().get_config_variable("data_path"))


def _camel(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))
