"""Where the objects are: by resource, namespace and name, with a history of what was written. Knows no rule of writing.

One number counts all writes, as in etcd. An object once stored is never changed: a write puts another in its place, so
that lists, watches and the history share objects without copying them.
"""

import json
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tests.cluster.answers import ApiError, expired
from tests.cluster.protocol import Object

SIZE_LIMIT = 1_572_864
"""Bytes of JSON of one object, as etcd limits it by default."""

SNAPSHOTS_KEPT = 64
"""Lists that can be continued, by resource."""


class Stored:
    """An object at one resourceVersion, and its JSON, which is made when it is first asked for."""

    __slots__ = ("_encoded", "object")

    def __init__(self, object: Object) -> None:
        self.object = object
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        if self._encoded is None:
            self._encoded = encode(self.object)
        return self._encoded

    def encoded_as(self, api_version: str) -> bytes:
        """The JSON in another version of the same resource. Versions differ in nothing else: no conversion is done."""
        if self.object["apiVersion"] == api_version:
            return self.encoded
        return encode({**self.object, "apiVersion": api_version})

    def copy(self) -> Object:
        """The object for someone who may change it."""
        loaded: Object = json.loads(self.encoded)
        return loaded


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def encode(document: Object) -> bytes:
    return _ENCODER.encode(document).encode()


@dataclass(frozen=True, slots=True)
class Write:
    """What one write made of one object: `old` is None where it was created.

    Of a deletion `new` is the object as it last was, at the version of the deletion, and `gone` is set.
    """

    version: int
    old: Stored | None
    new: Stored
    gone: bool = False


class Listener(Protocol):
    """Someone who looks at one shelf. Both methods are called within the write, and must not write."""

    def notice(self, write: Write) -> None: ...

    def end(self) -> None:
        """The shelf is taken away."""


class Shelf:
    """All objects of one resource, and what was written to them lately."""

    def __init__(self, history: int, floor: int) -> None:
        self.namespaces: dict[str, dict[str, Stored]] = {}
        self.listeners: set[Listener] = set()
        self.floor = floor
        """The oldest version that the history still reaches back to."""
        self._history: deque[Write] = deque()
        self._history_length = history
        self._snapshots: OrderedDict[int, list[Stored]] = OrderedDict()

    def get(self, namespace: str, name: str) -> Stored | None:
        return self.namespaces.get(namespace, {}).get(name)

    def all(self, namespace: str = "") -> list[Stored]:
        """In the order of namespace and name; of all namespaces where none is given."""
        if namespace:
            return _by_name(self.namespaces.get(namespace, {}))
        return [stored for _, inside in sorted(self.namespaces.items()) for stored in _by_name(inside)]

    def is_empty(self) -> bool:
        return not self.namespaces

    def since(self, version: int) -> Iterator[Write]:
        """The writes after a version, oldest first. 410 where the history does not reach back to it."""
        if version < self.floor:
            raise expired(f"too old resource version: {version} ({self.floor})")
        newer: list[Write] = []
        for write in reversed(self._history):
            if write.version <= version:
                break
            newer.append(write)
        return reversed(newer)

    def keep_snapshot(self, version: int) -> None:
        """Remember what all objects are now, so that a list of this version can be continued."""
        if version not in self._snapshots:
            self._snapshots[version] = self.all()
            if len(self._snapshots) > SNAPSHOTS_KEPT:
                self._snapshots.popitem(last=False)

    def snapshot(self, version: int) -> list[Stored]:
        try:
            return self._snapshots[version]
        except KeyError:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new "
                "list without the continue parameter."
            ) from None

    def forget_history(self, floor: int) -> None:
        self._history.clear()
        self._snapshots.clear()
        self.floor = floor

    def record(self, write: Write) -> None:
        self._history.append(write)
        if len(self._history) > self._history_length:
            self.floor = self._history.popleft().version
        for listener in tuple(self.listeners):
            listener.notice(write)


class Store:
    """All shelves, and the number of the last write. `history` is the number of writes kept for each resource."""

    def __init__(self, history: int) -> None:
        self.version = 1
        self.listeners: set[Callable[[], None]] = set()
        """Called after every write."""
        self._history = history
        self._forgotten = 0
        self._shelves: dict[tuple[str, str], Shelf] = {}

    def shelf(self, key: tuple[str, str]) -> Shelf:
        if key not in self._shelves:
            self._shelves[key] = Shelf(self._history, self._forgotten)
        return self._shelves[key]

    def shelves(self) -> tuple[tuple[tuple[str, str], Shelf], ...]:
        return tuple(self._shelves.items())

    def take_away(self, key: tuple[str, str]) -> None:
        """Let a resource, and whoever looks at it, be gone."""
        shelf = self._shelves.pop(key, None)
        for listener in tuple(shelf.listeners) if shelf else ():
            listener.end()

    def put(self, key: tuple[str, str], object: Object) -> Stored:
        """Store this in the place of what has its name, at the next version. Refuses what etcd would."""
        shelf = self.shelf(key)
        namespace, name = place(object)
        stored = _at_version(self.version + 1, object)
        if len(stored.encoded) > SIZE_LIMIT:
            raise ApiError(500, "etcdserver: request is too large", reason="")
        self.version += 1
        inside = shelf.namespaces.setdefault(namespace, {})
        old = inside.get(name)
        inside[name] = stored
        self._tell(shelf, Write(self.version, old, stored))
        return stored

    def remove(self, key: tuple[str, str], namespace: str, name: str) -> None:
        shelf = self.shelf(key)
        inside = shelf.namespaces[namespace]
        old = inside.pop(name)
        if not inside:
            del shelf.namespaces[namespace]
        self.version += 1
        self._tell(shelf, Write(self.version, old, _at_version(self.version, old.object), gone=True))

    def forget_history(self) -> None:
        """Let every version that anyone has seen be too old. Counts as a write, so that the last one is, too."""
        self.version += 1
        self._forgotten = self.version
        for shelf in self._shelves.values():
            shelf.forget_history(self.version)

    def check_reached(self, version: int) -> None:
        """504 for a version that is yet to come, as after a restore of etcd."""
        if version > self.version:
            cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            raise ApiError(
                504,
                f"Too large resource version: {version}, current: {self.version}",
                details={"causes": [cause]},
                retry_after=1,
            )

    def _tell(self, shelf: Shelf, write: Write) -> None:
        shelf.record(write)
        for listener in tuple(self.listeners):
            listener()


def place(object: Object) -> tuple[str, str]:
    """The namespace ("" where it has none) and name of an object."""
    metadata = object["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _at_version(version: int, object: Object) -> Stored:
    return Stored({**object, "metadata": {**object["metadata"], "resourceVersion": str(version)}})


def _by_name(objects: dict[str, Stored]) -> list[Stored]:
    return [stored for _, stored in sorted(objects.items())]
