"""Bucket tags: those of others stay; ours are merged where AWS can merge, and read, merged and put elsewhere."""

from dataclasses import replace

import pytest

from controller.domain.customer import Bucket, Customer
from controller.domain.resource import Absent, Present, Target, Unreadable
from controller.errors import PermanentFailure, TransientFailure
from controller.kinds.bucket_tags import BucketTagging, BucketTags
from controller.sandbox import Fault, Sandbox
from tests.kinds.setting import ACME, BUCKET, OTHER_ACCOUNT, Life, context, look, make_bucket, writes

OURS = {
    "daylily:customer_id": "cust_abc123",
    "daylily:customer_name": "Acme Genomics",
    "daylily:cost_center": "CC-GENOMICS-001",
    "daylily:billing_account": "123456789012",
    "daylily:environment": "production",
    "daylily:service": "daylily-worksets",
}
THEIRS = {"Owner": "platform team", "backup": "", "Größe": "5 / 3 = @x"}
SYSTEM = ("aws:cloudformation:stack-name", "acme-onboarding")
NO_S3CONTROL = Fault("s3control", "", "error", "AccessDenied", 403, times=None)


@pytest.fixture
def sandbox(local_environment: Sandbox) -> Sandbox:
    make_bucket(local_environment)
    return local_environment


@pytest.fixture
def kind(sandbox: Sandbox) -> BucketTagging:
    return BucketTagging(context(sandbox))


@pytest.fixture
def life(kind: BucketTagging, sandbox: Sandbox) -> Life:
    """The customer's tags, on a bucket with tags of others, one of them empty and one of the system."""
    sandbox.buckets.change(BUCKET, tags=THEIRS)
    sandbox.buckets.add_system_tag(BUCKET, *SYSTEM)
    sandbox.clear_requests()
    return Life(kind)


def test_a_bucket_gets_the_six_tags_by_one_merging_call(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    assert sandbox.buckets.tags(BUCKET) == {**THEIRS, **dict([SYSTEM]), **OURS}
    assert writes(sandbox) == ["TagResource"]


def test_only_changed_tags_are_sent(life: Life, sandbox: Sandbox) -> None:
    """A tag that somebody else changes at the same moment is not put back by a change of another tag."""
    life.put(ACME)
    seen = life.states(ACME)
    sandbox.buckets.change(BUCKET, tags={**sandbox.buckets.tags(BUCKET), "daylily:environment": "by-hand"})
    life.put(replace(ACME, display_name="Acme Ltd"), observed=seen)
    assert sandbox.buckets.tags(BUCKET)["daylily:customer_name"] == "Acme Ltd"
    assert sandbox.buckets.tags(BUCKET)["daylily:environment"] == "by-hand"


def test_a_cost_center_that_goes_takes_its_tag_along_and_no_other(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    sandbox.clear_requests()
    life.put(replace(ACME, billing=replace(ACME.billing, cost_center=None)))
    left = {key: value for key, value in OURS.items() if key != "daylily:cost_center"}
    assert sandbox.buckets.tags(BUCKET) == {**THEIRS, **dict([SYSTEM]), **left}
    assert writes(sandbox) == ["UntagResource"]


def test_others_are_named_as_kept(life: Life) -> None:
    names = tuple(sorted([*THEIRS, SYSTEM[0]]))
    assert life.look(ACME) == {BUCKET: Absent(names)}
    life.put(ACME)
    assert life.look(ACME) == {BUCKET: Present(BucketTags(OURS, "us-west-2"), names)}


def test_without_s3control_the_whole_set_is_put_back_verbatim(life: Life, sandbox: Sandbox) -> None:
    """S3 refuses a set that lacks a system tag, or changes one."""
    sandbox.faults.add(NO_S3CONTROL)
    life.put(ACME)
    assert sandbox.buckets.tags(BUCKET) == {**THEIRS, **dict([SYSTEM]), **OURS}
    assert writes(sandbox) == ["TagResource", "PutBucketTagging"]
    life.delete()
    assert sandbox.buckets.tags(BUCKET) == {**THEIRS, **dict([SYSTEM])}


def test_without_s3control_a_set_of_ours_alone_is_deleted(sandbox: Sandbox, kind: BucketTagging) -> None:
    """S3 takes no empty set."""
    sandbox.faults.add(NO_S3CONTROL)
    life = Life(kind)
    life.put(ACME)
    life.delete()
    assert sandbox.buckets.tags(BUCKET) == {}
    assert writes(sandbox)[-1] == "DeleteBucketTagging"


def test_a_half_allowed_s3control_ends_in_the_same_tags(life: Life, sandbox: Sandbox) -> None:
    """TagResource may be granted where UntagResource is not."""
    life.put(ACME)
    sandbox.faults.add(Fault("s3control", "UntagResource", "error", "AccessDenied", 403, times=None))
    changed = replace(ACME, display_name="Acme Ltd", billing=replace(ACME.billing, cost_center=None))
    life.put(changed)
    assert life.states(changed) == dict(life.kind.desired(changed))


@pytest.mark.parametrize(
    ("code", "status", "why"),
    [
        ("NotImplemented", 501, "a local AWS or a proxy that has no S3 Control"),
        ("MethodNotAllowed", 405, "an endpoint that takes no POST there"),
        ("AccessDeniedException", 403, "the other word for AccessDenied"),
    ],
)
def test_where_there_is_no_s3control_the_set_is_put(
    life: Life, sandbox: Sandbox, code: str, status: int, why: str
) -> None:
    sandbox.faults.add(Fault("s3control", "", "error", code, status, times=None))
    life.put(ACME)
    assert life.states(ACME) == dict(life.kind.desired(ACME)), why


def test_a_fault_that_passes_is_no_reason_to_put_the_whole_set(life: Life, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("s3control", "", "throttle", times=None))
    with pytest.raises(TransientFailure):
        life.put(ACME)
    assert "PutBucketTagging" not in writes(sandbox)


def test_a_bucket_with_abac_never_falls_back(life: Life, sandbox: Sandbox) -> None:
    """Such a bucket takes no PutBucketTagging, and the missing permission is the news."""
    sandbox.buckets.enable_abac(BUCKET)
    sandbox.faults.add(NO_S3CONTROL)
    with pytest.raises(PermanentFailure, match=r"s3control:TagResource.*AccessDenied"):
        life.put(ACME)
    assert writes(sandbox) == ["TagResource"]
    assert sandbox.buckets.tags(BUCKET) == {**THEIRS, **dict([SYSTEM])}


def test_a_bucket_with_abac_is_tagged_by_s3control(life: Life, sandbox: Sandbox) -> None:
    sandbox.buckets.enable_abac(BUCKET)
    life.put(ACME)
    assert life.states(ACME) == dict(life.kind.desired(ACME))


def test_where_abac_cannot_be_asked_the_put_finds_out(life: Life, sandbox: Sandbox) -> None:
    sandbox.buckets.enable_abac(BUCKET)
    sandbox.faults.add(NO_S3CONTROL, Fault("s3", "GetBucketAbac", "error", "AccessDenied", 403, times=None))
    with pytest.raises(PermanentFailure, match="s3:PutBucketTagging"):
        life.put(ACME)


@pytest.mark.parametrize(
    ("name", "tag", "why"),
    [
        ("O'Brien & Co. (UK), Ltd", "O-Brien + Co. UK Ltd", "none of ' & ( ) , is in the alphabet of tags"),
        ("Zoë Ångström", "Zoë Ångström", "letters of any script are"),
        ("日本ゲノム", "日本ゲノム", "as are those without case"),
        ("  Acme\tGenomics ", "Acme Genomics", "white space collapses"),
        ("x" * 300, "x" * 256, "256 characters at most"),
    ],
)
def test_a_name_that_aws_refuses_is_written_readably(
    life: Life, sandbox: Sandbox, name: str, tag: str, why: str
) -> None:
    life.put(replace(ACME, display_name=name))
    assert sandbox.buckets.tags(BUCKET)["daylily:customer_name"] == tag, why
    assert life.states(replace(ACME, display_name=name)) == dict(life.kind.desired(replace(ACME, display_name=name)))


def test_tags_changed_by_hand_are_a_difference(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    sandbox.buckets.change(BUCKET, tags={**sandbox.buckets.tags(BUCKET), "daylily:cost_center": ""})
    assert life.states(ACME)[BUCKET].tags["daylily:cost_center"] == "", "an empty value is a value"
    life.put(ACME)
    assert sandbox.buckets.tags(BUCKET)["daylily:cost_center"] == "CC-GENOMICS-001"


def test_a_bucket_elsewhere_is_asked_in_its_own_region(sandbox: Sandbox, kind: BucketTagging) -> None:
    make_bucket(sandbox, "acme-frankfurt", "eu-central-1")
    far = replace(ACME, buckets=(Bucket("acme-frankfurt", "eu-central-1"),))
    life = Life(kind)
    life.put(far)
    assert sandbox.buckets.tags("acme-frankfurt") == OURS
    life.delete()
    assert sandbox.buckets.tags("acme-frankfurt") == {}


def test_a_missing_bucket_is_told_with_what_to_do(kind: BucketTagging) -> None:
    lost = with_bucket("acme-nowhere")
    seen = Life(kind).look(lost)["acme-nowhere"]
    assert isinstance(seen, Unreadable)
    assert str(seen.failure) == (
        "s3:GetBucketTagging on acme-nowhere: NoSuchBucket: The specified bucket does not exist."
        " Buckets are never created here: create it, or correct spec.storage.buckets."
    )


def test_a_bucket_that_is_gone_and_not_wanted_holds_nothing_of_ours(kind: BucketTagging) -> None:
    assert look(kind, Target("acme-nowhere")) == {"acme-nowhere": Absent()}


def test_a_bucket_of_another_account_is_never_touched(sandbox: Sandbox, kind: BucketTagging) -> None:
    """Bucket names are global: one that was deleted may have been made anew by a stranger."""
    make_bucket(sandbox, "acme-taken", account=OTHER_ACCOUNT)
    life = Life(kind)
    seen = life.look(with_bucket("acme-taken"))["acme-taken"]
    assert isinstance(seen, Unreadable)
    assert "belongs to another AWS account" in str(seen.failure)
    with pytest.raises(PermanentFailure, match="AccessDenied"):
        life.put(with_bucket("acme-taken"), observed={})
    assert sandbox.buckets.tags("acme-taken") == {}


def test_the_limit_of_fifty_tags_is_told(life: Life, sandbox: Sandbox) -> None:
    sandbox.buckets.change(BUCKET, tags={f"k{number}": "v" for number in range(45)})
    with pytest.raises(PermanentFailure, match="tag count cannot be greater than 50"):
        life.put(ACME)
    assert len(sandbox.buckets.tags(BUCKET)) == 45


def with_bucket(name: str) -> Customer:
    return replace(ACME, buckets=(Bucket(name, "us-west-2"),))
