"""The Kubernetes API over plain HTTP, one request at a time, as far as tests need it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.cluster.answers import error_of
from tests.cluster.protocol import Object

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    headers: Mapping[str, str]
    document: Any


class Client:
    """One server, spoken to with a bearer token, or with none where that is empty."""

    def __init__(self, url: str, token: str = "", *, timeout: float = 30) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout

    def ask(
        self, method: str, path: str, body: Any = None, *, form: str = JSON, accept: str = JSON, **parameters: Any
    ) -> Answer:
        """The answer to one request. ApiError where it is a refusal."""
        with self._asked(method, path, body, form, accept, parameters) as response:
            return Answer(response.status, dict(response.getheaders()), _read(response))

    def get(self, path: str, **parameters: Any) -> Any:
        """The document at a path."""
        return self.ask("GET", path, **parameters).document

    @contextmanager
    def watch(self, path: str, *, accept: str = JSON, **parameters: Any) -> Iterator[Iterator[Object]]:
        """The events of a watch, until the server ends it."""
        with self._asked("GET", path, None, JSON, accept, {"watch": "true", **parameters}) as response:
            yield (json.loads(line) for line in response)

    @contextmanager
    def _asked(
        self, method: str, path: str, body: Any, form: str, accept: str, parameters: Mapping[str, Any]
    ) -> Iterator[HTTPResponse]:
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        headers = {**self._headers, "Accept": accept, "Content-Type": form, "User-Agent": "tests"}
        sent = None if body is None else json.dumps(body).encode()
        with closing(HTTPConnection(self._host, self._port, timeout=self._timeout)) as connection:
            connection.request(method, target, sent, headers)
            with closing(connection.getresponse()) as response:
                if response.status >= 400:
                    status = _read(response)
                    raise error_of(response.status, status if isinstance(status, dict) else {"message": status})
                yield response


def _read(response: HTTPResponse) -> Any:
    text = response.read()
    return json.loads(text) if response.getheader("Content-Type", "").startswith(JSON) else text.decode()
