"""What is managed in AWS: keys, and what is known about each.

A state is a frozen dataclass of one kind, canonical so that `==` is the truth. Fields marked `compare=False` are
reported by AWS and never desired.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from controller.errors import Failure

S = TypeVar("S")


class Key(NamedTuple):
    """A managed thing: the kind, and the name it has in AWS. A tuple, since thousands are looked up again and again."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Absent:
    """AWS holds nothing of ours under this name. `kept`: what others have there."""

    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Present(Generic[S]):
    """What AWS holds of ours, and what others have there.

    `verified_at`: when the part that is too dear to read every time was last read; None: there is no such part.
    """

    state: S
    kept: tuple[str, ...] = ()
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing can be done yet and nobody need act: AWS has to move first."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """AWS did not say. Nothing is concluded from it, least of all that something is absent."""

    failure: Failure


Observation = Absent | Present[S] | Waiting | Unreadable


@dataclass(frozen=True, slots=True)
class Applied(Generic[S]):
    """What we put there last. `replaced` is what it took the place of, None if nothing was there.

    `tried`: what a later put was to make of it that failed, and that may have taken effect in part.
    """

    state: S
    at: datetime
    verified_at: datetime
    replaced: S | None = None
    tried: S | None = None


@dataclass(frozen=True, slots=True)
class Target(Generic[S]):
    """A name to look at, with all that is known beforehand: what is wanted, and what was applied last."""

    name: str
    desired: S | None = None
    applied: Applied[S] | None = None

    @property
    def hint(self) -> S | None:
        """A state that tells where the thing is: the desired one, else the last applied."""
        return self.desired or (self.applied.state if self.applied else None)
