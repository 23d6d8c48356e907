"""The Resource Groups Tagging API, for buckets."""

from typing import Any

from controller.sandbox import Fault, Sandbox
from tests.sandbox.world import OTHER, arn, make_bucket, put_tags, refused


def found(sandbox: Sandbox, region: str = "us-west-2", **parameters: Any) -> dict[str, dict[str, str]]:
    answer = sandbox.client("resourcegroupstaggingapi", region).get_resources(**parameters)
    return {
        entry["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
        for entry in answer["ResourceTagMappingList"]
    }


def test_a_region_shows_its_own_tagged_buckets_of_the_caller(sandbox: Sandbox) -> None:
    for name, region in (("west-bucket", "us-west-2"), ("east-bucket", "us-east-1")):
        make_bucket(sandbox, name, region)
        put_tags(sandbox, name, {"in": region})
    make_bucket(sandbox, "never-tagged")
    make_bucket(sandbox, "foreign-bucket", account=OTHER)
    assert found(sandbox, "us-west-2") == {arn("west-bucket"): {"in": "us-west-2"}}
    assert found(sandbox, "us-east-1", ResourceTypeFilters=["s3:bucket"]) == {arn("east-bucket"): {"in": "us-east-1"}}


def test_a_bucket_that_lost_its_tags_is_shown_without_any(sandbox: Sandbox) -> None:
    make_bucket(sandbox, "one-bucket")
    put_tags(sandbox, "one-bucket", {"a": "1"})
    sandbox.client("s3").delete_bucket_tagging(Bucket="one-bucket")
    assert found(sandbox) == {arn("one-bucket"): {}}


def test_filters_need_all_keys_and_any_value_of_each(sandbox: Sandbox) -> None:
    for name, tags in (
        ("bucket-1", {"a": "1", "b": "x"}),
        ("bucket-2", {"a": "2", "b": "x"}),
        ("bucket-3", {"a": "1"}),
    ):
        make_bucket(sandbox, name)
        put_tags(sandbox, name, tags)
    wanted = [{"Key": "a", "Values": ["1", "2"]}, {"Key": "b"}]
    assert found(sandbox, TagFilters=wanted).keys() == {arn("bucket-1"), arn("bucket-2")}
    assert found(sandbox, ResourceARNList=[arn("bucket-3"), arn("nowhere")]).keys() == {arn("bucket-3")}
    with refused("InvalidParameterException"):
        found(sandbox, ResourceARNList=[arn("bucket-3")], TagFilters=wanted)


def test_buckets_come_a_hundred_to_a_page_whatever_their_tags(sandbox: Sandbox) -> None:
    for number in range(101):
        make_bucket(sandbox, f"bucket-{number:03}")
        sandbox.buckets.change(f"bucket-{number:03}", tags={f"k{n}": "" for n in range(6)})
    client = sandbox.client("resourcegroupstaggingapi")
    pages = list(client.get_paginator("get_resources").paginate())
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [100, 1]
    assert pages[-1]["PaginationToken"] == ""
    with refused("PaginationTokenExpiredException"):
        client.get_resources(PaginationToken="nonsense")


def test_it_can_lag_behind_the_bucket(sandbox: Sandbox) -> None:
    make_bucket(sandbox, "one-bucket")
    put_tags(sandbox, "one-bucket", {"a": "1"})
    put_tags(sandbox, "one-bucket", {"a": "2"})
    sandbox.faults.add(Fault("resourcegroupstaggingapi", "GetResources", "stale"))
    assert found(sandbox) == {arn("one-bucket"): {"a": "1"}}
    assert found(sandbox) == {arn("one-bucket"): {"a": "2"}}
