"""What is known of the customer resources of a cluster: the last that the API server said of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.domain.custom_resource import Name, Resource, from_body


@dataclass(frozen=True, slots=True)
class Seen:
    """What an event says: the resource before and now; None: there was none, or there is none any more."""

    name: Name
    before: Resource | None
    now: Resource | None
    edited: bool = False
    """The status was changed by somebody else than this operator."""

    @property
    def is_asked(self) -> bool:
        """Whether a person asks for something."""
        return self.now is not None and (self.before is None or self.before.asked != self.now.asked)

    @property
    def is_due(self) -> bool:
        """Whether anything of it asks to be looked at."""
        return self.is_asked or (self.now is not None and self.edited)

    @property
    def frees(self) -> bool:
        """Whether it no longer claims what it claimed, so that another one may have it."""
        if self.before is None:
            return False
        return self.now is None or self.before.claims != self.now.claims


class Known:
    """The resources by name. Changed on one event loop only; `all` is safe to look at from elsewhere."""

    def __init__(self) -> None:
        self._resources: dict[Name, Resource] = {}
        self._being_written: dict[Name, bytes] = {}
        self._kept: dict[Name, int] = {}

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[Name]:
        return iter(tuple(self._resources))

    def get(self, name: Name) -> Resource | None:
        return self._resources.get(name)

    def all(self) -> tuple[Resource, ...]:
        return tuple(self._resources.values())

    def take(self, kind: str | None, body: Mapping[str, Any]) -> Seen:
        """An event of a watch: as listed (None), ADDED, MODIFIED or DELETED."""
        now = from_body(body)
        before = self._resources.get(now.name)
        if kind == "DELETED":
            self.forget(now.name)
            return Seen(now.name, before, None)
        if before and _is_older(now, before):
            return Seen(now.name, before, before)
        self._resources[now.name] = now
        ours = {self._being_written.get(now.name), before.packed_status if before else None}
        return Seen(now.name, before, now, edited=before is not None and now.packed_status not in ours)

    def forget(self, name: Name) -> None:
        self._resources.pop(name, None)
        self._kept.pop(name, None)

    def is_news(self, resource: Resource, told: bytes) -> bool:
        """Whether the cluster does not say so yet; what it keeps only a part of is not said to it again."""
        return told != resource.packed_status and self._kept.get(resource.name) != hash((told, resource.packed_status))

    def writing(self, name: Name, told: bytes) -> None:
        """This status is on its way: the event that tells it is no edit by others."""
        self._being_written[name] = told

    def wrote(self, name: Name, told: bytes, body: Mapping[str, Any] | None) -> bool:
        """The write has ended, with this answer, None where it failed. Whether the cluster kept all of it."""
        self._being_written.pop(name, None)
        known = self._resources.get(name)
        if body is None or known is None:
            return True
        now = from_body(body)
        if known.asked == now.asked and not _is_older(now, known):
            self._resources[name] = now
        self._kept[name] = hash((told, now.packed_status))
        return now.packed_status == told

    def put(self, body: Mapping[str, Any]) -> None:
        """The answer to another write of ours."""
        now = from_body(body)
        known = self._resources.get(now.name)
        if known and known.uid == now.uid and not _is_older(now, known):
            self._resources[now.name] = now


def _is_older(now: Resource, before: Resource) -> bool:
    """Whether what is told has been overtaken: by the answer to a write of ours, or by the watch."""
    versions = (now.version, before.version)
    return now.uid == before.uid and all(one.isdigit() for one in versions) and int(now.version) < int(before.version)
