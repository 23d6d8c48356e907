"""The lease: one apply at a time for each AWS account and controller_id, from wherever it is run.

A lease is one item of the billing table. Its holder gives a sign of life every few seconds. Nobody compares clocks of
two machines: whoever waits watches the item, and takes it over once its beat has stood still for as long as it may, by
the waiter's own clock. Each holder gets a number higher than all before it, the fence, which its status writes carry.
"""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.aws.attributes import decode, encode
from controller.aws.clients import Aws
from controller.errors import Failure, PermanentFailure, Refused

PERMISSIONS = frozenset({"dynamodb:GetItem", "dynamodb:UpdateItem"})

RECORD = "lease"

LIFETIME = 30.0
"""Seconds without a sign of life after which a lease is dead."""
BEATS = 3
"""Signs of life in one lifetime."""
LOOK_EVERY = 1.0
"""Seconds between two looks at a lease that another holds."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease, in words for a person, and the state of it that was seen."""

    name: str
    who: str
    since: str
    token: str
    beat: int
    lifetime: float

    def __str__(self) -> str:
        return f"{self.name} is held by {self.who} since {self.since}"


class Hold:
    """Leases that are held. `lost` turns True, for good, as soon as any of them cannot be counted on any more."""

    def __init__(self, fences: Mapping[str, int]) -> None:
        self._fences = dict(fences)
        self._lost = threading.Event()

    @property
    def lost(self) -> bool:
        return self._lost.is_set()

    def fence(self, account: str) -> int:
        """The number that writes for this account carry."""
        return self._fences[account]

    def lose(self) -> None:
        self._lost.set()


class Leases:
    """The leases in one table, for one holder. `clock` and `sleep` are in seconds; `now` tells people since when.

    `lifetime`: how long without a sign of life the leases live that are taken here.
    """

    def __init__(
        self,
        aws: Aws,
        table: str,
        who: str,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        lifetime: float = LIFETIME,
    ) -> None:
        self._lifetime = lifetime
        self._aws, self._table, self._who = aws, table, who
        self._now, self._clock, self._sleep = now, clock, sleep

    @contextmanager
    def hold(self, names: Mapping[str, str], timeout: float, what: str = "apply") -> Iterator[Hold]:
        """Holds one lease for each account, by account name, and gives them back. `what` is told to who cannot.

        Raises Refused where another holder keeps one alive for longer than `timeout` seconds.
        """
        token = uuid.uuid4().hex
        with ExitStack() as stack:
            fences = {}
            for account, name in sorted(names.items()):  # always in the same order, so that no two wait for each other
                fences[account] = self._acquire(name, token, timeout, what)
                stack.callback(self._release, name, token)
            hold = Hold(fences)
            stack.enter_context(self._alive(sorted(names.values()), token, hold))
            yield hold

    def holder(self, name: str) -> Holder | None:
        """Who holds this lease, or None."""
        item = self._aws.call(
            "dynamodb", "get_item", about=name, TableName=self._table, Key=_key(name), ConsistentRead=True
        ).get("Item", {})
        return _holder(name, item)

    def free(self, holder: Holder) -> bool:
        """Takes the lease from this holder; False where it is not this one's any more."""
        return self._release(holder.name, holder.token)

    def _acquire(self, name: str, token: str, timeout: float, what: str = "apply") -> int:
        """The fence, once the lease is free, or once its holder has shown no life for a lifetime."""
        seen: Holder | None = None
        seen_at = deadline = self._clock()
        deadline += timeout
        while True:
            dead = seen if seen and self._clock() >= seen_at + seen.lifetime else None
            fence, other = self._take(name, token, dead)
            if other is None:
                return fence
            if seen is None or (other.token, other.beat) != (seen.token, seen.beat):
                seen, seen_at = other, self._clock()
            if self._clock() >= deadline:
                raise Refused(
                    f"nothing was done: another {what} is under way: {other}. Wait for it with --lock-timeout SECONDS;"
                    " if it is dead, its lease ends by itself, or at once with: reconcile unlock"
                )
            self._sleep(min(LOOK_EVERY, max(deadline - self._clock(), 0)))

    def _take(self, name: str, token: str, dead: Holder | None) -> tuple[int, Holder | None]:
        """One try: (fence, None), or (0, who holds it)."""
        values: dict[str, Any] = {
            ":token": token,
            ":who": self._who,
            ":since": f"{self._now():%Y-%m-%d %H:%M:%S} UTC",
            ":lifetime": str(self._lifetime),
            ":zero": 0,
            ":one": 1,
        }
        condition = "attribute_not_exists(#token)"
        if dead:
            condition += " OR (#token = :dead AND #beat = :beat)"
            values |= {":dead": dead.token, ":beat": dead.beat}
        try:
            item = self._update(
                name,
                "SET #token = :token, who = :who, since = :since, lifetime = :lifetime, #beat = :zero ADD fence :one",
                condition,
                values,
            )
        except PermanentFailure as failure:
            met = failure.item
            if failure.code != "ConditionalCheckFailedException" or met is None:
                raise
            if met.get("token") != {"S": token}:
                return 0, _holder(name, met)
            item = dict(met)  # the answer to our own first try was lost
        return int(decode(item)["fence"]), None

    @contextmanager
    def _alive(self, names: Sequence[str], token: str, hold: Hold) -> Iterator[None]:
        """Beats in the background; where it cannot for too long, the hold is lost."""
        done = threading.Event()

        def beat() -> None:
            beaten_at = self._clock()
            while not done.wait(self._lifetime / BEATS):
                try:
                    for name in names:
                        self._beat(name, token)
                    beaten_at = self._clock()
                except PermanentFailure:
                    hold.lose()
                except Failure:
                    if self._clock() - beaten_at > self._lifetime * (BEATS - 1) / BEATS:
                        hold.lose()

        thread = threading.Thread(target=beat, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _beat(self, name: str, token: str) -> None:
        self._update(name, "ADD #beat :one", "#token = :token", {":token": token, ":one": 1})

    def _release(self, name: str, token: str) -> bool:
        """Gives it back and keeps the fence, which only ever grows; False where it was not ours any more."""
        try:
            self._update(name, "REMOVE #token, who, since, lifetime, #beat", "#token = :token", {":token": token})
        except PermanentFailure as failure:
            if failure.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _update(self, name: str, expression: str, condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        names = {"#token": "token", "#beat": "beat"}
        answer = self._aws.call(
            "dynamodb",
            "update_item",
            about=name,
            TableName=self._table,
            Key=_key(name),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames={mark: word for mark, word in names.items() if mark in expression + condition},
            ExpressionAttributeValues=encode(values),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        attributes: dict[str, Any] = answer["Attributes"]
        return attributes


def lease_name(account_id: str, controller_id: str) -> str:
    return f"{account_id}/{controller_id}"


def collect_lease(controller_id: str) -> str:
    """One for all accounts: a collect writes months of all of them."""
    return f"collect/{controller_id}"


def _key(name: str) -> dict[str, Any]:
    return encode({"record": RECORD, "owner": name})


def _holder(name: str, item: Mapping[str, Any]) -> Holder | None:
    """Tolerant of items that others wrote: an odd one is held by somebody unknown until it is unlocked."""
    found = decode(item)
    if "token" not in found:
        return None
    return Holder(
        name,
        str(found.get("who", "somebody unknown")),
        str(found.get("since", "an unknown time")),
        str(found["token"]),
        int(found.get("beat", 0)),
        float(found.get("lifetime", LIFETIME)),
    )
