"""The contract that every managed kind keeps. tests/kinds/test_contract.py holds each of them to it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from controller.domain.resource import Observation, Target

O = TypeVar("O", contravariant=True)  # noqa: E741 - the owner: Customer or Account
S = TypeVar("S")

Path = tuple[str, ...]
"""A field of a state: keys from the outside in, e.g. `("alerts", "ACTUAL > 80 %", "subscribers")`."""


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence that a plan says about a change. A `danger` is new power over data or money.

    `needs`: the power, one of the kind's `powers`, that has to be allowed by name before the change is made.
    """

    text: str
    level: Literal["info", "danger"] = "info"
    needs: str = ""


class Kind(Protocol[O, S]):
    """A type of AWS resource: says what is wanted, looks, and makes it so.

    An instance serves one AWS account. `observe`, `put` and `delete` raise Failure or put it into the observation;
    they hold no state of their own between calls.
    """

    name: ClassVar[str]
    permissions: ClassVar[frozenset[str]]
    """IAM actions that the kind needs; schemas/iam-policy.json is generated from these."""
    state: ClassVar[type[Any]]
    """The frozen dataclass S; its instances are stored as plain JSON in the status."""
    lags: ClassVar[bool] = False
    """Whether AWS may answer a read with the old state for a while after a write."""
    condition: ClassVar[str] = ""
    """The status condition that tells whether all keys of this kind are in place; empty: Ready alone tells."""

    powers: ClassVar[Mapping[str, str]] = {}
    """What this kind does only where it is allowed by name (`--allow NAME`): names with what they allow, in words."""

    def desired(self, owner: O) -> Mapping[str, S]:
        """The states wanted by this owner, by name in AWS. Pure; empty: nothing is wanted."""
        ...

    def observe(self, targets: Collection[Target[S]]) -> Mapping[str, Observation[S]]:
        """One observation for each target, with as few calls as AWS allows. Never writes."""
        ...

    def put(self, name: str, desired: S, observed: S | None) -> None:
        """Make it so, with only the calls that the difference needs. Idempotent."""
        ...

    def delete(self, name: str, observed: S) -> None:
        """Remove what is ours and leave the rest. Idempotent."""
        ...

    def source(self, owner: O, name: str, path: Path) -> str:
        """The manifest path that asks for the field `path`, e.g. `spec.billing.costCenter`; "" where none does."""
        return ""

    def notes(self, name: str, observed: S | None, desired: S | None) -> Sequence[Note]:
        """What a person should know before this change is made: money, data, other people's things. Pure."""
        return ()

    def report(self, state: S) -> Mapping[str, str]:
        """Figures that the status shows about an existing thing, e.g. spend. Pure; empty for most kinds."""
        return {}


AnyKind = Kind[Any, Any]
