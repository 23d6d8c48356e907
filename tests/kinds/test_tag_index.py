"""The tag index: what it shows as wanted is not read again; whatever else it says, S3 itself is asked."""

from collections import Counter
from dataclasses import replace

import pytest

from controller.domain.customer import Bucket, Customer
from controller.domain.resource import Absent, Present, Target, Unreadable
from controller.kinds.bucket_tags import BucketTagging, BucketTags
from controller.kinds.tag_index import PAGE
from controller.sandbox import Fault, Sandbox
from tests.kinds.setting import ACME, REGION, Life, context, look, make_bucket

FAR = "eu-central-1"
NAMES = tuple(f"acme-{number}" for number in range(5))
FIRST = NAMES[0]


@pytest.fixture
def kind(local_environment: Sandbox) -> BucketTagging:
    return BucketTagging(context(local_environment))


@pytest.fixture
def life(kind: BucketTagging, sandbox: Sandbox) -> Life:
    """Five buckets of one region, tagged and applied."""
    return tagged(kind, sandbox, with_buckets(*NAMES))


def with_buckets(*names: str, region: str = REGION) -> Customer:
    return replace(ACME, buckets=tuple(Bucket(name, region) for name in names))


def tagged(kind: BucketTagging, sandbox: Sandbox, owner: Customer) -> Life:
    life = Life(kind)
    for bucket in owner.buckets:
        make_bucket(sandbox, bucket.name, bucket.region)
    life.put(owner)
    sandbox.clear_requests()
    return life


def calls(sandbox: Sandbox) -> Counter[str]:
    return Counter(request.operation for request in sandbox.requests)


def direct(sandbox: Sandbox) -> list[str]:
    return [request.resource for request in sandbox.requests if request.operation == "GetBucketTagging"]


def test_one_call_answers_for_many_buckets(life: Life, sandbox: Sandbox) -> None:
    owner = with_buckets(*NAMES)
    assert life.states(owner) == dict(life.kind.desired(owner))
    assert calls(sandbox) == {"GetResources": 1}


def test_the_tags_of_others_are_named_as_kept(life: Life, sandbox: Sandbox) -> None:
    sandbox.buckets.change(FIRST, tags={**sandbox.buckets.tags(FIRST), "Owner": "platform team", "backup": ""})
    seen = life.look(with_buckets(*NAMES))[FIRST]
    assert isinstance(seen, Present)
    assert seen.kept == ("Owner", "backup")
    assert direct(sandbox) == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_buckets_are_read_one_by_one(kind: BucketTagging, sandbox: Sandbox, count: int) -> None:
    owner = with_buckets(*NAMES[:count])
    tagged(kind, sandbox, owner).look(owner)
    assert calls(sandbox) == {"GetBucketTagging": count}


def test_each_region_is_asked_for_its_own(life: Life, sandbox: Sandbox) -> None:
    names = tuple(f"far-{number}" for number in range(4))
    both = replace(ACME, buckets=(*with_buckets(*NAMES).buckets, *with_buckets(*names, region=FAR).buckets))
    for name in names:
        make_bucket(sandbox, name, FAR)
    life.put(both)
    sandbox.clear_requests()
    assert life.states(both) == dict(life.kind.desired(both))
    assert calls(sandbox) == {"GetResources": 2}


def test_pages_are_followed_and_no_page_is_left_out(kind: BucketTagging, sandbox: Sandbox) -> None:
    names = [f"acme-{number:03}" for number in range(PAGE + 5)]
    owner = with_buckets(*names)
    life = tagged(kind, sandbox, owner)
    assert life.states(owner) == dict(kind.desired(owner))
    assert calls(sandbox) == {"GetResources": 2}


def test_a_difference_is_read_from_s3(life: Life, sandbox: Sandbox) -> None:
    sandbox.buckets.change(FIRST, tags={**sandbox.buckets.tags(FIRST), "daylily:cost_center": "BY-HAND"})
    assert life.states(with_buckets(*NAMES))[FIRST].tags["daylily:cost_center"] == "BY-HAND"
    assert direct(sandbox) == [FIRST]


def test_an_index_that_lags_makes_no_difference(life: Life, sandbox: Sandbox) -> None:
    """It still shows what was there before somebody mended it: no write is planned on that."""
    owner, tags = with_buckets(*NAMES), sandbox.buckets.tags(FIRST)
    sandbox.buckets.change(FIRST, tags={**tags, "daylily:cost_center": "BY-HAND"})
    sandbox.buckets.change(FIRST, tags=tags)
    sandbox.faults.add(Fault("resourcegroupstaggingapi", "GetResources", "stale", times=None))
    assert life.states(owner) == dict(life.kind.desired(owner))
    assert direct(sandbox).count(FIRST) == 1


def test_what_the_manifest_asks_anew_is_read_from_s3(life: Life, sandbox: Sandbox) -> None:
    """There and back again: the index may show the tags of the time before, which are the wanted ones once more."""
    there, back = replace(with_buckets(*NAMES), display_name="Acme Ltd"), with_buckets(*NAMES)
    life.put(there)
    sandbox.faults.add(Fault("resourcegroupstaggingapi", "GetResources", "stale", times=None))
    assert {state.tags["daylily:customer_name"] for state in life.states(back).values()} == {"Acme Ltd"}


def test_a_bucket_that_the_index_does_not_know_is_read_from_s3(life: Life, sandbox: Sandbox) -> None:
    """As one that lost all its tags, or is gone."""
    sandbox.buckets.change(FIRST, tags={})
    sandbox.client("s3").delete_bucket(Bucket=NAMES[1])
    seen = life.look(with_buckets(*NAMES))
    assert seen[FIRST] == Absent()
    assert isinstance(seen[NAMES[1]], Unreadable)
    assert sorted(direct(sandbox)) == [FIRST, NAMES[1]]


def test_what_was_never_applied_is_read_from_s3(life: Life, sandbox: Sandbox) -> None:
    """An adoption is told by S3 itself."""
    life.applied.clear()
    life.look(with_buckets(*NAMES))
    assert calls(sandbox) == {"GetBucketTagging": len(NAMES)}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault("resourcegroupstaggingapi", "", "error", "AccessDeniedException", 400, times=None), "not permitted"),
        (Fault("resourcegroupstaggingapi", "", "throttle", times=None), "its limits are low, and others use it too"),
        (Fault("resourcegroupstaggingapi", "", "error", "InternalServiceException", 500, times=None), "out of order"),
    ],
)
def test_without_the_index_every_bucket_is_read_from_s3(life: Life, sandbox: Sandbox, fault: Fault, why: str) -> None:
    sandbox.faults.add(fault)
    owner = with_buckets(*NAMES)
    assert life.states(owner) == dict(life.kind.desired(owner)), why
    assert sorted(direct(sandbox)) == list(NAMES), why


def test_a_denied_index_is_counted_and_asked_once(life: Life, sandbox: Sandbox) -> None:
    aws = context(sandbox).aws
    sandbox.faults.add(Fault("resourcegroupstaggingapi", "", "error", "AccessDeniedException", 400, times=None))
    look(BucketTagging(context(sandbox, aws=aws)), *life.targets(with_buckets(*NAMES)))
    assert aws.calls == {"resourcegroupstaggingapi:GetResources": 1, "s3:GetBucketTagging": len(NAMES)}


def test_a_full_look_asks_s3_only(life: Life, sandbox: Sandbox) -> None:
    look(BucketTagging(context(sandbox, full=True)), *life.targets(with_buckets(*NAMES)))
    assert calls(sandbox) == {"GetBucketTagging": len(NAMES)}


def test_a_crowded_account_costs_no_more_pages_than_there_are_buckets_to_look_at(
    kind: BucketTagging, sandbox: Sandbox
) -> None:
    """Four customers of five hundred: reading all of them would be dearer than reading four."""
    crowd = with_buckets(*(f"crowd-{number:03}" for number in range(5 * PAGE)))
    tagged(kind, sandbox, crowd)
    owner = with_buckets(*(f"crowd-{number}" for number in range(496, 500)))
    life = Life(kind)
    for name, state in kind.desired(owner).items():
        life.remember(name, state)
    assert life.states(owner) == dict(kind.desired(owner))
    assert calls(sandbox) == {"GetResources": 4, "GetBucketTagging": 4}


def test_buckets_of_strangers_are_not_in_the_answer(sandbox: Sandbox, kind: BucketTagging) -> None:
    """The API lists what the caller's account owns, so there is nothing like ExpectedBucketOwner to send."""
    make_bucket(sandbox, FIRST, account="222222222222")
    owner = with_buckets(*NAMES)
    state = kind.desired(owner)[FIRST]
    sandbox.buckets.change(FIRST, tags=dict(state.tags))
    life = Life(kind)
    for name, wanted in kind.desired(owner).items():
        life.remember(name, wanted)
    seen = look(kind, *(Target(name, BucketTags(state.tags, REGION), life.applied[name]) for name in NAMES))
    assert isinstance(seen[FIRST], Unreadable)
