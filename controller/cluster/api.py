"""The one door to the Kubernetes API for everything that is written: authenticated, retried, and its errors told.

What is watched comes through kopf; this is for patches, events and the lease.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp

from controller import __version__
from controller.errors import Failure, PermanentFailure, TransientFailure

JSON_PATCH = "application/json-patch+json"

TRIES = 4
"""How often a call is tried that time may heal."""
FIRST_WAIT = 0.5
"""Seconds before the second try; each further wait is twice as long."""
TIMEOUT = aiohttp.ClientTimeout(total=15)
HEALING = frozenset({429, 500, 502, 503, 504})
"""Answers of the API server that another try may change."""
PAGE = 500
"""Items in one answer to a list."""
CONNECTIONS = 16
"""Calls at a time: the API server's fairness gives one client not much more."""


class Connection(Protocol):
    """Where the API server is and who we are; `kopf.ConnectionInfo` is one."""

    @property
    def server(self) -> str: ...
    @property
    def proxy_url(self) -> str | None: ...
    @property
    def trust_env(self) -> bool: ...
    def as_http_headers(self) -> dict[str, str]: ...
    def as_ssl_context(self) -> Any: ...


class Api:
    """Calls to one API server, from one event loop. `login` gives fresh credentials each time it is asked.

    `calls` counts every request by its verb and the code of its answer; 0 where there was none.
    """

    def __init__(
        self, login: Callable[[], Connection], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._login, self._sleep = login, sleep
        self._session: aiohttp.ClientSession | None = None
        self._server = ""
        self.calls: Counter[tuple[str, int]] = Counter()

    async def get(self, path: str) -> dict[str, Any]:
        return await self._call("GET", path)

    async def items(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Everything that is listed there, page by page."""
        more = ""
        while True:
            page = await self.get(f"{path}?limit={PAGE}{more}")
            for item in page.get("items") or ():
                yield item
            going_on = (page.get("metadata") or {}).get("continue")
            if not going_on:
                return
            more = f"&continue={quote(going_on, safe='')}"

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._call("POST", path, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Fails with the code Conflict where it is not the version that `body` says."""
        return await self._call("PUT", path, body)

    async def patch(self, path: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        """A JSON patch. A `test` in it that is not true fails with the code Invalid."""
        return await self._call("PATCH", path, operations, JSON_PATCH)

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def _call(self, verb: str, path: str, body: Any = None, kind: str = "application/json") -> dict[str, Any]:
        wait = FIRST_WAIT
        for last in (*[False] * (TRIES - 1), True):
            try:
                return await self._once(verb, path, body, kind)
            except TransientFailure as failure:
                if last:
                    raise
                if failure.code == "Unauthorized":
                    await self.close()  # a token that was renewed meanwhile is read again
                await self._sleep(wait)
                wait *= 2
        raise AssertionError("the last try returns or raises")

    async def _once(self, verb: str, path: str, body: Any, kind: str) -> dict[str, Any]:
        operation, session = f"kubernetes:{verb}", self._connected()
        try:
            async with session.request(
                verb, self._server + path, json=body, headers={"Content-Type": kind} if body is not None else None
            ) as answer:
                self.calls[verb, answer.status] += 1
                if answer.status < 400:
                    found: dict[str, Any] = await answer.json()
                    return found
                raise _failure(answer.status, await answer.text(), operation, path)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.calls[verb, 0] += 1
            raise TransientFailure(
                f"the API server does not answer: {str(error) or type(error).__name__}",
                code="NoAnswer",
                operation=operation,
                resource=path,
            ) from error

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            known = self._login()
            self._server = known.server.rstrip("/")
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=known.as_ssl_context()),
                headers={**known.as_http_headers(), "User-Agent": f"daylily-reconcile/{__version__}"},
                proxy=known.proxy_url,
                trust_env=known.trust_env,
                timeout=TIMEOUT,
            )
        return self._session


def _failure(status: int, text: str, operation: str, path: str) -> Failure:
    """By the reason in the API server's answer, where it is one of its own, else by the number."""
    try:
        told = _status_of(text)
    except ValueError:
        told = {}
    words = str(told.get("message") or text.strip()[:200] or f"HTTP {status}")
    code = str(told.get("reason") or {401: "Unauthorized", 404: "NotFound", 409: "Conflict"}.get(status, status))
    if status in HEALING or status == 401:
        return TransientFailure(words, code=code, operation=operation, resource=path)
    advice = "Does the Role of the operator allow it? See deploy/." if status == 403 else ""
    return PermanentFailure(words, code=code, operation=operation, resource=path, advice=advice)


def _status_of(text: str) -> dict[str, Any]:
    found = json.loads(text)
    return found if isinstance(found, dict) else {}
