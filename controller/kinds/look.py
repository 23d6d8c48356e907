"""Looking at many names: at once, where AWS has no call for more than one, and without keeping anything twice."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, TypeVar

from controller.aws.clients import Aws
from controller.domain.resource import Observation, Present, Target, Unreadable
from controller.domain.state import sharing
from controller.errors import Failure

S = TypeVar("S")


def look_at_each(
    aws: Aws, targets: Collection[Target[S]], look: Callable[[Target[S]], Observation[S]]
) -> dict[str, Observation[S]]:
    """One look for each target, in parallel, by name; where a look fails, that one target is unread."""
    looks = aws.each(lambda target: as_wanted(look(target), target), targets)
    return {
        target.name: Unreadable(found) if isinstance(found, Failure) else found
        for target, found in zip(targets, looks, strict=True)
    }


def as_wanted(seen: Observation[Any], target: Target[Any]) -> Observation[Any]:
    """The observation, with the very values that are wanted where they are equal, as they mostly are in a fleet."""
    if not isinstance(seen, Present) or target.desired is None:
        return seen
    return replace(seen, state=sharing(seen.state, target.desired))
