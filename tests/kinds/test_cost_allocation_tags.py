"""Cost allocation tags: AWS meets a key a day late, only the payer may activate it, and every question costs a cent."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.domain.resource import Absent, Applied, Present, Target, Unreadable, Waiting
from controller.errors import PermanentFailure
from controller.kinds.cost_allocation_tags import ActiveTag, CostAllocationTags
from controller.sandbox import Fault, Sandbox
from tests.conftest import NOW
from tests.kinds.setting import ACCOUNT, BUCKET, OTHER_ACCOUNT, OWN_ACCOUNT, Life, context, look, make_bucket, writes

KEY = "daylily:customer_id"
ONE_KEY = replace(OWN_ACCOUNT, tag_keys=(KEY,))


@pytest.fixture
def sandbox(local_environment: Sandbox) -> Sandbox:
    return local_environment


@pytest.fixture
def life(sandbox: Sandbox) -> Life:
    return Life(CostAllocationTags(context(sandbox)))


def test_a_key_that_billing_has_not_seen_is_waited_for(life: Life) -> None:
    seen = life.look(ONE_KEY)[KEY]
    assert isinstance(seen, Waiting)
    assert "up to 24 h after the first resource has it" in seen.reason


def test_a_key_is_activated_a_day_after_its_first_use(life: Life, sandbox: Sandbox) -> None:
    make_bucket(sandbox)
    sandbox.buckets.change(BUCKET, tags={KEY: "cust_abc123"})
    assert isinstance(life.look(ONE_KEY)[KEY], Waiting)
    sandbox.advance(timedelta(hours=23))
    assert isinstance(life.look(ONE_KEY)[KEY], Waiting)
    sandbox.advance(timedelta(hours=1))
    assert life.look(ONE_KEY) == {KEY: Absent()}
    life.put(ONE_KEY)
    assert sandbox.cost.active_keys(ACCOUNT) == {KEY}


def test_an_active_key_is_adopted_without_a_writing_call(life: Life, sandbox: Sandbox) -> None:
    sandbox.cost.sees_tag_keys(ACCOUNT, [KEY], active=True)
    life.put(ONE_KEY)
    assert life.states(ONE_KEY) == {KEY: ActiveTag("Active")}
    assert writes(sandbox) == []


def test_all_keys_are_asked_for_in_one_request(life: Life, sandbox: Sandbox) -> None:
    """Each costs $0.01."""
    many = replace(OWN_ACCOUNT, tag_keys=tuple(f"k{number}" for number in range(100)))
    sandbox.cost.sees_tag_keys(ACCOUNT, many.tag_keys)
    seen = life.look(many)
    assert len(seen) == 100
    assert all(isinstance(one, Absent) for one in seen.values())
    assert len(sandbox.requests) == 1


def test_a_hundred_keys_and_one_are_two_requests(life: Life, sandbox: Sandbox) -> None:
    many = replace(OWN_ACCOUNT, tag_keys=tuple(f"k{number}" for number in range(101)))
    assert len(life.look(many)) == 101
    assert len(sandbox.requests) == 2


def test_an_active_key_is_not_asked_for_within_the_interval(life: Life, sandbox: Sandbox) -> None:
    sandbox.cost.sees_tag_keys(ACCOUNT, [KEY], active=True)
    life.remember(KEY, ActiveTag("Active"), NOW)
    sandbox.advance(timedelta(hours=5, minutes=59))
    assert life.look(ONE_KEY) == {KEY: Present(ActiveTag("Active"), verified_at=NOW)}
    assert sandbox.requests == ()
    sandbox.advance(timedelta(minutes=1))
    assert life.look(ONE_KEY) == {KEY: Present(ActiveTag("Active"), verified_at=sandbox.now())}
    assert len(sandbox.requests) == 1


def test_only_what_is_due_is_asked_for(life: Life, sandbox: Sandbox) -> None:
    sandbox.cost.sees_tag_keys(ACCOUNT, OWN_ACCOUNT.tag_keys, active=True)
    life.remember(KEY, ActiveTag("Active"), NOW)
    seen = life.look(OWN_ACCOUNT)
    assert [type(one) for one in seen.values()] == [Present, Present]
    assert len(sandbox.requests) == 1


def test_a_full_run_trusts_nothing(sandbox: Sandbox) -> None:
    sandbox.cost.sees_tag_keys(ACCOUNT, [KEY])
    full = CostAllocationTags(context(sandbox, full=True))
    assert look(full, Target(KEY, ActiveTag("Active"), Applied(ActiveTag("Active"), NOW, NOW))) == {KEY: Absent()}


def test_a_member_account_is_told_what_to_do(life: Life, sandbox: Sandbox) -> None:
    sandbox.cost.set_member(ACCOUNT, payer=OTHER_ACCOUNT)
    seen = life.look(ONE_KEY)[KEY]
    assert isinstance(seen, Unreadable)
    assert "Linked account doesn't have access" in str(seen.failure)
    assert "`payer: false`" in seen.failure.advice
    with pytest.raises(PermanentFailure, match="`payer: false`"):
        life.put(ONE_KEY, observed={})


def test_an_account_that_is_no_payer_wants_nothing(life: Life) -> None:
    assert life.kind.desired(replace(OWN_ACCOUNT, payer=False)) == {}


def test_an_account_that_stops_being_the_payer_lets_its_keys_go_without_a_call(sandbox: Sandbox) -> None:
    member = CostAllocationTags(context(sandbox, account=replace(OWN_ACCOUNT, payer=False)))

    assert look(member, Target(KEY, None, Applied(ActiveTag("Active"), NOW, NOW))) == {KEY: Absent()}
    assert sandbox.requests == ()


def test_a_refusal_that_comes_with_http_200_is_a_failure(life: Life) -> None:
    with pytest.raises(PermanentFailure, match="Tag keys not found") as caught:
        life.put(ONE_KEY, observed={})
    assert caught.value.code == "TagKeysNotFoundException"


def test_a_refusal_of_one_key_leaves_the_other(life: Life, sandbox: Sandbox) -> None:
    sandbox.cost.sees_tag_keys(ACCOUNT, ["daylily:cost_center"])
    for key in ("daylily:cost_center", KEY):
        if key == KEY:
            with pytest.raises(PermanentFailure):
                life.kind.put(key, ActiveTag("Active"), None)
        else:
            life.kind.put(key, ActiveTag("Active"), None)
    assert sandbox.cost.active_keys(ACCOUNT) == {"daylily:cost_center"}


def test_throttling_by_the_name_of_cost_explorer_is_waited_out(life: Life, sandbox: Sandbox) -> None:
    """LimitExceededException, which elsewhere means a quota."""
    sandbox.cost.sees_tag_keys(ACCOUNT, [KEY])
    sandbox.faults.add(Fault("ce", "", "throttle", times=2))
    assert life.look(ONE_KEY) == {KEY: Absent()}


def test_a_removal_is_marked_as_danger(life: Life) -> None:
    """It changes the bill of every account of the organisation."""
    assert [note.level for note in life.kind.notes(KEY, ActiveTag("Active"), None)] == ["danger"]
    assert [note.text for note in life.kind.notes(KEY, None, ActiveTag("Active"))] == [
        "takes effect within 24 hours, for cost from then on"
    ]
