"""Looking at many names at once, where AWS has no call for more than one."""

from collections.abc import Callable, Collection
from typing import TypeVar

from controller.aws.clients import Aws
from controller.domain.resource import Observation, Target, Unreadable
from controller.errors import Failure

S = TypeVar("S")


def look_at_each(
    aws: Aws, targets: Collection[Target[S]], look: Callable[[Target[S]], Observation[S]]
) -> dict[str, Observation[S]]:
    """One look for each target, in parallel, by name; where a look fails, that one target is unread."""
    looks = aws.each(look, targets)
    return {
        target.name: Unreadable(found) if isinstance(found, Failure) else found
        for target, found in zip(targets, looks, strict=True)
    }
