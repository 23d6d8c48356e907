"""A request as the API server understands it, and the log of all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from tests.cluster.answers import no_such_resource


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `plural` is empty for what is no resource: discovery, health, OpenAPI."""

    verb: str
    path: str
    group: str = ""
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    user: str = ""
    user_agent: str = ""
    query: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str:
        return dict(self.query).get(name, "")

    def flag(self, name: str) -> bool:
        return self.parameter(name) in ("true", "1")


class Requests:
    """The requests that arrived, oldest first, those that were refused included."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []

    def __iter__(self) -> Iterator[Asked]:
        return iter(tuple(self._asked))

    def __len__(self) -> int:
        return len(self._asked)

    def count(
        self,
        *verbs: str,
        resource: str | None = None,
        subresource: str | None = None,
        name: str | None = None,
        user: str | None = None,
        user_agent: str = "",
    ) -> int:
        """How many with one of these verbs (any where none is given) fit what else is asked for."""
        return sum(
            (not verbs or asked.verb in verbs)
            and resource in (None, asked.plural)
            and subresource in (None, asked.subresource)
            and name in (None, asked.name)
            and user in (None, asked.user)
            and user_agent in asked.user_agent
            for asked in self
        )

    def add(self, asked: Asked) -> None:
        self._asked.append(asked)

    def clear(self) -> None:
        self._asked.clear()


def understood(method: str, target: str, user: str, headers: Mapping[str, str]) -> Asked:
    """What an HTTP request asks for. Of an unknown form of path only the path is known."""
    encoded_path, _, parameters = target.partition("?")
    path = unquote(encoded_path)
    query = tuple(parse_qsl(parameters, keep_blank_values=True)) if parameters else ()
    user_agent = headers.get("User-Agent", "")
    steps = [step for step in path.split("/") if step]
    root = _root(steps)
    if root is None:
        return Asked(method.lower(), path, user=user, user_agent=user_agent, query=query)
    group, version, rest = root
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        raise no_such_resource()
    plural, name, subresource = (*rest, "", "")[:3]
    verb = _verb(method, name, dict(query).get("watch", ""))
    return Asked(verb, path, group, version, plural, namespace, name, subresource, user, user_agent, query)


def _root(steps: list[str]) -> tuple[str, str, list[str]] | None:
    if len(steps) > 2 and steps[0] == "api":
        return "", steps[1], steps[2:]
    if len(steps) > 3 and steps[0] == "apis":
        return steps[1], steps[2], steps[3:]
    return None


def _verb(method: str, name: str, watch: str) -> str:
    if method == "GET" and watch in ("true", "1"):
        return "watch"
    if method == "GET":
        return "get" if name else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, method.lower())
