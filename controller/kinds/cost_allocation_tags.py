"""Activates our tag keys for billing, in the account that pays.

A key is active, inactive, or not yet seen by billing: AWS learns of a key up to 24 hours after the first resource has
it, and cannot activate it before. That is waiting, not an error. Activation holds for all resources with the key.
Every request to Cost Explorer costs $0.01, so a key that was active is not asked for again for some hours.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.aws.call import DENIED
from controller.domain.customer import Account
from controller.domain.kind import Kind, Note, Path
from controller.domain.resource import Absent, Observation, Present, Target, Unreadable, Waiting
from controller.errors import AccountFailure, Failure, PermanentFailure
from controller.kinds.context import Context

KEYS_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class ActiveTag:
    """A tag key that billing splits cost by; one that is inactive is absent."""

    status: str


ACTIVE = ActiveTag("Active")


class CostAllocationTags(Kind[Account, ActiveTag]):
    """Named by the tag key."""

    name = "cost_allocation_tags"
    permissions = frozenset({"ce:ListCostAllocationTags", "ce:UpdateCostAllocationTagsStatus"})
    state = ActiveTag
    condition = "TagsActive"

    def __init__(self, context: Context) -> None:
        self._aws, self._clock, self._payer = context.aws, context.clock, context.account.payer
        self._trust = context.trust(context.settings.verify.cost_allocation_tags_hours)

    def desired(self, owner: Account) -> Mapping[str, ActiveTag]:
        return dict.fromkeys(owner.tag_keys, ACTIVE) if owner.payer else {}

    def observe(self, targets: Collection[Target[ActiveTag]]) -> Mapping[str, Observation[ActiveTag]]:
        if not self._payer:  # keys that were activated from here are the payer's business now
            return {target.name: Absent() for target in targets}
        now = self._clock()
        known: dict[str, Observation[ActiveTag]] = {
            target.name: Present(ACTIVE, verified_at=target.applied.verified_at)
            for target in targets
            if target.desired
            and target.applied
            and target.applied.state
            and now < target.applied.verified_at + self._trust
        }
        unknown = sorted({target.name for target in targets} - known.keys())
        if not unknown:
            return known
        statuses = self._statuses(unknown)
        if isinstance(statuses, Failure):
            return known | dict.fromkeys(unknown, Unreadable(statuses))
        return known | {name: self._observation(statuses.get(name)) for name in unknown}

    def put(self, name: str, desired: ActiveTag, observed: ActiveTag | None) -> None:
        if desired != observed:
            self._set(name, desired.status)

    def delete(self, name: str, observed: ActiveTag) -> None:
        self._set(name, "Inactive")

    def source(self, owner: Account, name: str, path: Path) -> str:
        return f"billing.cost_allocation_tags[{owner.tag_keys.index(name)}]"

    def notes(self, name: str, observed: ActiveTag | None, desired: ActiveTag | None) -> Sequence[Note]:
        if desired is None:
            return [Note(f"cost is no longer split by {name}, for every account that this one pays for", "danger")]
        return [Note("takes effect within 24 hours, for cost from then on")] if observed is None else []

    def _observation(self, status: str | None) -> Observation[ActiveTag]:
        if status is None:
            return Waiting("billing has not seen this tag key yet; it does up to 24 h after the first resource has it")
        read_at = self._clock() if self._trust else None  # read every time: nothing to remember
        return Present(ACTIVE, verified_at=read_at) if status == "Active" else Absent()

    def _statuses(self, keys: Sequence[str]) -> dict[str, str] | Failure:
        statuses: dict[str, str] = {}
        try:
            for start in range(0, len(keys), KEYS_PER_CALL):
                statuses |= self._list(keys[start : start + KEYS_PER_CALL])
        except Failure as failure:
            return _explained(failure)
        return statuses

    def _list(self, keys: Sequence[str]) -> dict[str, str]:
        statuses: dict[str, str] = {}
        more: dict[str, Any] = {}
        while True:
            answer = self._aws.call(
                "ce", "list_cost_allocation_tags", about=", ".join(keys), TagKeys=list(keys), MaxResults=1000, **more
            )
            statuses |= {tag["TagKey"]: tag["Status"] for tag in answer.get("CostAllocationTags", ())}
            if not answer.get("NextToken"):
                return statuses
            more = {"NextToken": answer["NextToken"]}

    def _set(self, name: str, status: str) -> None:
        """Refusals come with HTTP 200, one for each key."""
        operation = "update_cost_allocation_tags_status"
        try:
            answer = self._aws.call(
                "ce", operation, about=name, CostAllocationTagsStatus=[{"TagKey": name, "Status": status}]
            )
        except PermanentFailure as failure:
            raise _explained(failure) from failure
        for error in answer.get("Errors", ()):
            raise PermanentFailure(
                str(error.get("Message", "refused")),
                code=str(error.get("Code", "")),
                operation="ce:UpdateCostAllocationTagsStatus",
                resource=name,
            )


def _explained(failure: Failure) -> Failure:
    """Member accounts are refused: cost allocation tags belong to the account that pays."""
    if failure.code not in DENIED or isinstance(failure, AccountFailure):
        return failure
    return PermanentFailure(
        failure.message,
        code=failure.code,
        operation=failure.operation,
        resource=failure.resource,
        advice="Only the account that pays can activate cost allocation tags: if this is a member account, set"
        " `payer: false` for it in the settings and activate the keys in the payer account.",
    )
