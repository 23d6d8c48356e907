"""The lease on the local DynamoDB: one holder at a time, whatever dies, and whatever the clocks say."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.aws.call import Retry
from controller.aws.clients import Aws
from controller.domain.settings import TableSettings
from controller.errors import Refused, TransientFailure
from controller.sandbox import Fault, Sandbox
from controller.store.lease import LIFETIME, Hold, Leases, lease_name
from controller.store.statuses import Statuses
from controller.store.tables import make
from tests.store.test_statuses import STATUS, TABLE

NAME = lease_name("123456789012", "default")
NAMES = {"default": NAME}
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


@dataclass
class Time:
    """A clock that moves when somebody sleeps."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def aws(local_environment: Sandbox) -> Aws:
    door = Aws(retry=Retry(attempts=3, base=0), sleep=lambda _: None)
    list(make(door, TableSettings()))
    return door


def leases(aws: Aws, who: str = "ci", time: Time | None = None, now: datetime = NOW) -> Leases:
    time = time or Time()
    return Leases(aws, TABLE, who, lambda: now, time, time.sleep)


@pytest.fixture
def busy(aws: Aws) -> Iterator[Hold]:
    """A lease that another one holds."""
    with leases(aws, "alice on laptop").hold(NAMES, 0) as hold:
        yield hold


def test_a_free_lease_is_taken_and_given_back(aws: Aws) -> None:
    mine = leases(aws, "ci on runner-7")

    with mine.hold(NAMES, 0) as hold:
        holder = mine.holder(NAME)
        assert holder is not None
        assert str(holder) == f"{NAME} is held by ci on runner-7 since 2026-11-22 06:00:00 UTC"
        assert hold.lost is False

    assert mine.holder(NAME) is None


def test_each_holder_has_a_higher_fence_than_all_before(aws: Aws) -> None:
    fences = []
    for _ in range(3):
        with leases(aws).hold(NAMES, 0) as hold:
            fences.append(hold.fence("default"))

    assert fences == [1, 2, 3]


def test_a_second_apply_is_refused_and_told_who_is_at_it(aws: Aws, busy: Hold) -> None:
    time = Time()

    mine = leases(aws, time=time)

    with pytest.raises(Refused, match=r"held by alice on laptop.*reconcile unlock"), mine.hold(NAMES, 5):
        pass

    assert sum(time.slept) == pytest.approx(5)
    assert busy.lost is False


def test_another_controller_and_another_account_do_not_wait_for_each_other(aws: Aws, busy: Hold) -> None:
    others = {"a": lease_name("123456789012", "other"), "b": lease_name("222222222222", "default")}

    with leases(aws).hold(others, 0) as hold:
        assert hold.fence("a") == hold.fence("b") == 1


@pytest.mark.parametrize("skew", [timedelta(0), timedelta(hours=1), timedelta(hours=-1)])
def test_a_dead_holder_is_outlived_by_the_waiters_own_clock(aws: Aws, skew: timedelta) -> None:
    dead = leases(aws, "dead host", now=NOW + skew)
    dead._acquire(NAME, "its-token", 0)
    time = Time()

    with leases(aws, time=time).hold(NAMES, LIFETIME + 5) as hold:
        assert hold.fence("default") == 2

    assert LIFETIME <= sum(time.slept) < LIFETIME + 5


def test_a_holder_that_beats_is_never_outlived(aws: Aws) -> None:
    alive = leases(aws, "alive")
    alive._acquire(NAME, "its-token", 0)
    time = Time()
    time_sleep = time.sleep

    def sleep(seconds: float) -> None:
        time_sleep(seconds)
        alive._beat(NAME, "its-token")

    patient = Leases(aws, TABLE, "ci", lambda: NOW, time, sleep)

    with pytest.raises(Refused), patient.hold(NAMES, LIFETIME * 3):
        pass


def test_who_lost_the_lease_cannot_give_back_what_is_anothers(aws: Aws) -> None:
    first = leases(aws, "first")
    first._acquire(NAME, "old-token", 0)
    holder = first.holder(NAME)
    assert holder is not None
    assert first.free(holder)

    with leases(aws, "second").hold(NAMES, 0):
        assert first.free(holder) is False
        kept = first.holder(NAME)
        assert kept is not None
        assert kept.who == "second"


def test_a_lost_answer_to_taking_it_is_known_to_be_ones_own(aws: Aws, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "UpdateItem", "cut_after"))

    with leases(aws).hold(NAMES, 0) as hold:
        assert hold.fence("default") == 1


def test_of_many_at_once_one_holds_it(aws: Aws) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        try:
            with leases(aws).hold(NAMES, 0):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1
        except Refused:
            pass

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1


def test_a_status_under_an_older_fence_is_refused(aws: Aws) -> None:
    statuses = Statuses(aws, TABLE)
    statuses.save(STATUS, 2)

    with pytest.raises(TransientFailure):
        statuses.save(replace(STATUS, version=1, summary="from a holder that lost it"), 1)
    statuses.save(replace(STATUS, version=1, summary="from the new holder"), 3)


def test_an_item_that_others_made_is_held_by_somebody_unknown(aws: Aws, sandbox: Sandbox) -> None:
    sandbox.client("dynamodb").put_item(
        TableName=TABLE, Item={"record": {"S": "lease"}, "owner": {"S": NAME}, "token": {"S": "odd"}}
    )

    holder = leases(aws).holder(NAME)

    assert holder is not None
    assert "somebody unknown" in str(holder)
    assert leases(aws).free(holder)
