"""Tags of buckets, by S3 (whole sets) and by S3 Control (merge)."""

import pytest

from controller.sandbox import Sandbox
from tests.sandbox.world import ACCOUNT, OTHER, arn, make_bucket, put_tags, refused, tag_set


@pytest.fixture
def bucket(sandbox: Sandbox) -> str:
    return make_bucket(sandbox, "one-bucket")


def test_a_new_bucket_has_no_tag_set(sandbox: Sandbox, bucket: str) -> None:
    with refused("NoSuchTagSet", 404):
        sandbox.client("s3").get_bucket_tagging(Bucket=bucket)


def test_a_put_replaces_the_set_and_keeps_values_to_the_letter(sandbox: Sandbox, bucket: str) -> None:
    put_tags(sandbox, bucket, {"old": "1"})
    put_tags(sandbox, bucket, {"empty": "", "spaces": " é 中 ", "daylily:customer_id": "cust_1"})
    found = sandbox.client("s3").get_bucket_tagging(Bucket=bucket)
    assert found["TagSet"] == tag_set({"empty": "", "spaces": " é 中 ", "daylily:customer_id": "cust_1"})["TagSet"]


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        pytest.param({f"k{n}": "" for n in range(51)}, "BadRequest", id="50 tags is the limit"),
        pytest.param({"k": "v" * 257}, "InvalidTag", id="values have at most 256 characters"),
        pytest.param({"k" * 129: "v"}, "InvalidTag", id="keys have at most 128 characters"),
        pytest.param({"name": "Smith & Co"}, "InvalidTag", id="& is not in the alphabet"),
        pytest.param({"name": "Acme, Inc."}, "InvalidTag", id="nor is the comma"),
        pytest.param({"na\nme": "x"}, "InvalidTag", id="nor is the line break"),
        pytest.param({"aws:mine": "x"}, "InvalidTag", id="aws: is reserved"),
        pytest.param({"AWS:mine": "x"}, "InvalidTag", id="in any case"),
    ],
)
def test_a_bad_tag_is_refused_and_nothing_changes(
    sandbox: Sandbox, bucket: str, tags: dict[str, str], code: str
) -> None:
    put_tags(sandbox, bucket, {"kept": "yes"})
    with refused(code, 400):
        put_tags(sandbox, bucket, tags)
    assert sandbox.buckets.tags(bucket) == {"kept": "yes"}


def test_system_tags_must_be_sent_again_unchanged(sandbox: Sandbox, bucket: str) -> None:
    stack = {"aws:cloudformation:stack-name": "x"}
    sandbox.buckets.add_system_tag(bucket, "aws:cloudformation:stack-name", "x")
    with refused("InvalidTag", saying="System Tags cannot be removed by requester"):
        put_tags(sandbox, bucket, {"a": "1"})
    with refused("InvalidTag", saying="System tags cannot be added/updated by requester"):
        put_tags(sandbox, bucket, {"aws:cloudformation:stack-name": "y"})
    put_tags(sandbox, bucket, {**stack, "a": "1"})
    assert sandbox.buckets.tags(bucket) == {**stack, "a": "1"}
    sandbox.client("s3").delete_bucket_tagging(Bucket=bucket)
    assert sandbox.buckets.tags(bucket) == stack


def test_s3_control_merges_and_leaves_all_other_tags_alone(sandbox: Sandbox, bucket: str) -> None:
    control = sandbox.client("s3control")
    sandbox.buckets.add_system_tag(bucket, "aws:cloudformation:stack-name", "x")
    target = {"AccountId": ACCOUNT, "ResourceArn": arn(bucket)}
    control.tag_resource(**target, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    control.tag_resource(**target, Tags=[{"Key": "a", "Value": "2"}])
    control.untag_resource(**target, TagKeys=["b", "never-there"])
    assert control.list_tags_for_resource(**target)["Tags"] == [
        {"Key": "aws:cloudformation:stack-name", "Value": "x"},
        {"Key": "a", "Value": "2"},
    ]
    with refused("InvalidTag"):
        control.untag_resource(**target, TagKeys=["aws:cloudformation:stack-name"])


def test_s3_control_counts_the_tags_that_are_already_there(sandbox: Sandbox, bucket: str) -> None:
    put_tags(sandbox, bucket, {f"k{n}": "" for n in range(50)})
    with refused("BadRequest"):
        sandbox.client("s3control").tag_resource(
            AccountId=ACCOUNT, ResourceArn=arn(bucket), Tags=[{"Key": "one-more", "Value": ""}]
        )


def test_on_an_abac_bucket_only_s3_control_tags(sandbox: Sandbox, bucket: str) -> None:
    put_tags(sandbox, bucket, {"a": "1"})
    sandbox.buckets.enable_abac(bucket)
    assert sandbox.client("s3").get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Enabled"}
    with refused("MethodNotAllowed"):
        put_tags(sandbox, bucket, {"a": "2"})
    with refused("MethodNotAllowed"):
        sandbox.client("s3").delete_bucket_tagging(Bucket=bucket)
    sandbox.client("s3control").tag_resource(
        AccountId=ACCOUNT, ResourceArn=arn(bucket), Tags=[{"Key": "a", "Value": "2"}]
    )
    assert sandbox.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "2"}]


def test_abac_is_off_until_it_is_put(sandbox: Sandbox, bucket: str) -> None:
    s3 = sandbox.client("s3")
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Disabled"}
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Enabled"}


def test_a_bucket_that_is_not_there_is_not_there_for_every_call(sandbox: Sandbox) -> None:
    s3 = sandbox.client("s3")
    for ask in (s3.get_bucket_tagging, s3.delete_bucket_tagging, s3.get_bucket_lifecycle_configuration):
        with refused("NoSuchBucket", 404):
            ask(Bucket="nowhere")
    with refused("NoSuchBucket", 404):
        sandbox.client("s3control").list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=arn("nowhere"))


def test_another_owner_than_expected_is_refused(sandbox: Sandbox, bucket: str) -> None:
    s3 = sandbox.client("s3")
    put_tags(sandbox, bucket, {"a": "1"}, ExpectedBucketOwner=ACCOUNT)
    with refused("AccessDenied", 403):
        put_tags(sandbox, bucket, {"a": "2"}, ExpectedBucketOwner=OTHER)
    with refused("AccessDenied", 403):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket, ExpectedBucketOwner=OTHER)
    with refused("AccessDenied", 403):
        s3.get_bucket_versioning(Bucket=bucket, ExpectedBucketOwner=OTHER)
    with refused("403", 403):
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=OTHER)
    assert sandbox.buckets.tags(bucket) == {"a": "1"}


def test_another_account_may_not_touch_the_bucket(sandbox: Sandbox, bucket: str) -> None:
    with refused("AccessDenied", 403):
        sandbox.client("s3", account_id=OTHER).get_bucket_tagging(Bucket=bucket)
    with refused("AccessDenied", 403):
        sandbox.client("s3control", account_id=OTHER).tag_resource(
            AccountId=OTHER, ResourceArn=arn(bucket), Tags=[{"Key": "a", "Value": "1"}]
        )
    assert sandbox.buckets.tags(bucket) == {}


def test_a_client_of_another_region_is_sent_to_the_right_one(sandbox: Sandbox, bucket: str) -> None:
    put_tags(sandbox, bucket, {"a": "1"})
    east = sandbox.client("s3", "us-east-1")
    assert east.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "1"}]
    assert sandbox.requests[-1].status == 200
    assert 301 in [request.status for request in sandbox.requests]
    with refused("PermanentRedirect", 301):
        sandbox.client("s3control", "us-east-1").list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=arn(bucket))


def test_tags_given_at_creation_are_on_the_bucket(sandbox: Sandbox) -> None:
    sandbox.client("s3").create_bucket(
        Bucket="born-tagged",
        CreateBucketConfiguration={"LocationConstraint": "us-west-2", "Tags": [{"Key": "a", "Value": "1"}]},
    )
    assert sandbox.buckets.tags("born-tagged") == {"a": "1"}


def test_a_bucket_made_anew_starts_empty(sandbox: Sandbox, bucket: str) -> None:
    put_tags(sandbox, bucket, {"a": "1"})
    sandbox.client("s3").delete_bucket(Bucket=bucket)
    make_bucket(sandbox, bucket)
    assert sandbox.buckets.tags(bucket) == {}


def test_buckets_are_listed_in_pages_with_their_regions(sandbox: Sandbox) -> None:
    for number in range(5):
        make_bucket(sandbox, f"bucket-{number}", "us-west-2" if number % 2 else "us-east-1")
    make_bucket(sandbox, "of-another-account", account=OTHER)
    s3 = sandbox.client("s3")
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2}))
    assert [[b["Name"] for b in page["Buckets"]] for page in pages] == [
        ["bucket-0", "bucket-1"],
        ["bucket-2", "bucket-3"],
        ["bucket-4"],
    ]
    assert pages[0]["Buckets"][1]["BucketRegion"] == "us-west-2"
    assert [b["Name"] for b in s3.list_buckets(BucketRegion="us-west-2")["Buckets"]] == ["bucket-1", "bucket-3"]
    assert [b["Name"] for b in s3.list_buckets(Prefix="bucket-4")["Buckets"]] == ["bucket-4"]
    assert "BucketRegion" not in s3.list_buckets()["Buckets"][0], "only a request with a parameter gets the region"
