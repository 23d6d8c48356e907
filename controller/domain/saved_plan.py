"""A plan that was saved: what tells whether it may still be carried out. Pure.

Nothing that goes to AWS is ever taken from a saved plan. Applying it means to plan again, for the owners that it
changes, and to carry out those plans that came out the same, from the same observed state.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from controller.domain.plan import Plan
from controller.domain.state import comparable
from controller.errors import PermanentFailure, Refused

FORMAT = 1
AGAIN = "Make a new plan: reconcile --plan --out FILE."
DOCUMENTED: dict[str, Any] = {"use_attribute_docstrings": True}

STALE = PermanentFailure("it is not as it was when the plan was made", code="Stale", advice=AGAIN)
"""Why an owner of a saved plan is left alone."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options that shape a plan. A saved plan is applied with those that it was made with."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    paths: tuple[str, ...] = ()
    """Where the manifests are; empty: the default."""
    keep_going: bool = False
    full: bool = False
    prune: bool = False
    max_change: int | None = None
    max_remove: int | None = None
    allow: tuple[str, ...] = ()
    take_over: bool = False


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is made from and for: another basis, another plan."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    controller_id: str
    accounts: dict[str, str]
    """Account ids by name."""
    settings: str
    """Digest of the settings."""
    manifests: str
    """Digest of the manifests."""


@dataclass(frozen=True, slots=True)
class OwnerDigests:
    """What one owner's plan was, and what it was made against."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    id: str
    plan: str
    """Digest of what is to be done."""
    observed: str
    """Digest of what was observed."""


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """All that an apply checks before it carries out what was reviewed."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    format: int
    """Grows when an older tool could misread the file."""
    id: str
    """Of this very plan: it may be applied once."""
    created: datetime
    expires: datetime
    basis: Basis
    options: PlanOptions
    owners: tuple[OwnerDigests, ...] = field(default=())
    """The owners that an apply looks at again, sorted by id; none where nothing changes."""

    @property
    def touched(self) -> frozenset[str]:
        """The ids of the owners that an apply looks at again."""
        return frozenset(one.id for one in self.owners)


def owner_digests(plans: Iterable[Plan]) -> tuple[OwnerDigests, ...]:
    """The digests of these plans, sorted by owner."""
    found = (OwnerDigests(plan.owner.id, plan.digest, observed_digest(plan)) for plan in plans)
    return tuple(sorted(found, key=lambda one: one.id))


def observed_digest(plan: Plan) -> str:
    """Identifies what a plan was made against: what it changes, as found, and what is in sync.

    Figures that AWS reports, e.g. the spend of a budget, have no part in it: they move all the time.
    """
    found = {str(change.key): comparable(change.observed) for change in plan.changes}
    found |= {str(synced.key): comparable(synced.state) for synced in plan.in_sync}
    unknown = [str(one.key) for one in plan.unread] + [str(one.key) for one in plan.waiting]
    text = json.dumps(
        [plan.owner.id, found, sorted(unknown), sorted(map(str, plan.gone))], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def stale(saved: SavedPlan, plans: Iterable[Plan]) -> frozenset[str]:
    """The owners of the saved plan whose plan or observed state is another now, or that are there no more."""
    return frozenset(one.id for one in {*saved.owners} - {*owner_digests(plans)})


def check_age(saved: SavedPlan, now: datetime) -> None:
    """Raises Refused for a plan whose time is over."""
    if now >= saved.expires:
        raise Refused(f"nothing was done: this plan was good until {saved.expires:%Y-%m-%d %H:%M} UTC. {AGAIN}")


def check_basis(saved: SavedPlan, now: Basis) -> None:
    """Raises Refused for a plan that was made from something else than what there is now, or for somewhere else."""
    then = saved.basis
    for same, was in (
        (then.accounts == now.accounts, f"made for {_named(then.accounts)}, and this is {_named(now.accounts)}"),
        (
            then.controller_id == now.controller_id,
            f"made for the controller_id {then.controller_id!r}, and this is {now.controller_id!r}",
        ),
        (then.settings == now.settings, "made with other settings"),
        (then.manifests == now.manifests, "made from other manifests"),
    ):
        if not same:
            raise Refused(f"nothing was done: this plan was {was}. {AGAIN}")


def _named(accounts: dict[str, str]) -> str:
    named = ", ".join(f"{name} ({account_id})" for name, account_id in sorted(accounts.items()))
    return f"the account{'s' * (len(accounts) != 1)} {named}"
