"""Lifecycle configurations: what S3 takes, what it refuses, what it says back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.sandbox import Sandbox
from tests.sandbox.world import make_bucket, put_rules, put_tags, refused, rule

IA = {"Days": 30, "StorageClass": "STANDARD_IA"}
TAG = {"Key": "k", "Value": "v"}


@pytest.fixture
def bucket(sandbox: Sandbox) -> str:
    return make_bucket(sandbox, "one-bucket")


def read(sandbox: Sandbox, bucket: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = sandbox.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return rules


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(rule(), id="a prefix"),
        pytest.param(rule(Filter={}), id="the empty filter"),
        pytest.param(rule(Filter={"Tag": {"Key": "k", "Value": ""}}), id="a tag with an empty value"),
        pytest.param(rule(Filter={"ObjectSizeGreaterThan": 131072}), id="a size, which moto loses"),
        pytest.param(
            rule(Filter={"And": {"Prefix": "x/", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeLessThan": 9}}),
            id="And keeps every predicate",
        ),
        pytest.param(rule(Expiration={"ExpiredObjectDeleteMarker": True}), id="delete markers"),
        pytest.param(rule(Expiration=None, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}), id="uploads"),
        pytest.param(
            rule(NoncurrentVersionExpiration={"NoncurrentDays": 9, "NewerNoncurrentVersions": 3}),
            id="newer noncurrent versions, which moto loses",
        ),
        pytest.param(rule(Filter=None, Prefix="reports/"), id="a legacy prefix"),
        pytest.param(
            rule(Transitions=[IA, {"Days": 60, "StorageClass": "GLACIER"}], Expiration={"Days": 61}),
            id="30 days between infrequent access and archive, expiration after both",
        ),
        pytest.param(rule(Transitions=[{"Days": 0, "StorageClass": "GLACIER_IR"}]), id="archives have no minimum age"),
    ],
)
def test_a_rule_reads_back_as_it_was_put(sandbox: Sandbox, bucket: str, whole: dict[str, Any]) -> None:
    put_rules(sandbox, bucket, whole)
    assert read(sandbox, bucket) == [whole]


V1 = rule("old", Filter=None, Prefix="reports/")
MALFORMED, ARGUMENT, REQUEST = "MalformedXML", "InvalidArgument", "InvalidRequest"


@pytest.mark.parametrize(
    ("rules", "code", "words"),
    [
        pytest.param([rule(Filter=None)], MALFORMED, "", id="neither Filter nor Prefix, as CleanupIncomplete"),
        pytest.param([rule(Prefix="x")], MALFORMED, "", id="both Filter and Prefix"),
        pytest.param([], MALFORMED, "", id="no rules at all"),
        pytest.param([rule(f"r{n}") for n in range(1001)], MALFORMED, "", id="1000 rules is the limit"),
        pytest.param([rule(), rule()], ARGUMENT, "unique", id="an ID twice"),
        pytest.param([rule("x" * 256)], ARGUMENT, "255", id="IDs have at most 255 characters"),
        pytest.param([rule(Status="enabled")], MALFORMED, "", id="Enabled has a capital"),
        pytest.param([rule(Expiration=None)], REQUEST, "At least one action", id="a rule does something"),
        pytest.param([rule(Expiration={"Days": 0})], ARGUMENT, "positive", id="expiration takes a day"),
        pytest.param([rule(), V1], REQUEST, "Filter element can only be used in Lifecycle V2.", id="V1 and V2 mixed"),
        pytest.param(
            [V1, rule("sub", Filter=None, Prefix="reports/2020/")], REQUEST, "overlapping", id="V1 prefixes overlap"
        ),
        pytest.param(
            [rule(Transitions=[{"Days": 29, "StorageClass": "STANDARD_IA"}])], ARGUMENT, "30", id="IA before 30 days"
        ),
        pytest.param(
            [rule(Transitions=[IA, {"Days": 59, "StorageClass": "GLACIER"}])], ARGUMENT, "30", id="archive too soon"
        ),
        pytest.param(
            [rule(Transitions=[{"Days": 90, "StorageClass": "STANDARD_IA"}])], ARGUMENT, "greater", id="useless"
        ),
        pytest.param([rule(Transitions=[{"Days": 9, "StorageClass": "COLD"}])], MALFORMED, "", id="unknown class"),
        pytest.param(
            [rule(Transitions=[IA, {"Days": 60, "StorageClass": "STANDARD_IA"}])], REQUEST, "different", id="twice"
        ),
        pytest.param(
            [rule(Transitions=[{"Days": 60, "StorageClass": "GLACIER"}, {"Days": 30, "StorageClass": "DEEP_ARCHIVE"}])],
            ARGUMENT, "", id="from deep archive back up to glacier",
        ),
        pytest.param(
            [rule(Transitions=[IA], Expiration={"Date": datetime(2027, 1, 1, tzinfo=UTC)})],
            REQUEST, "mixed", id="days and dates in one rule",
        ),
        pytest.param([rule(Expiration={"Date": datetime(2027, 1, 1, 5, tzinfo=UTC)})], ARGUMENT, "", id="not midnight"),
        pytest.param(
            [rule(Filter={"Tag": TAG}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7})],
            REQUEST, "Tags", id="no tags",
        ),
        pytest.param([rule(Filter={"Prefix": "x", "ObjectSizeLessThan": 1})], MALFORMED, "", id="two in one filter"),
        pytest.param(
            [rule(NoncurrentVersionExpiration={"NewerNoncurrentVersions": 3})], MALFORMED, "", id="how old is missing"
        ),
    ],
)  # fmt: skip
def test_a_bad_configuration_is_refused_whole(
    sandbox: Sandbox, bucket: str, rules: list[dict[str, Any]], code: str, words: str
) -> None:
    put_rules(sandbox, bucket, rule("kept"))
    with refused(code, 400, words):
        put_rules(sandbox, bucket, *rules)
    assert read(sandbox, bucket) == [rule("kept")]


def test_a_rule_without_an_id_gets_one(sandbox: Sandbox, bucket: str) -> None:
    put_rules(sandbox, bucket, {"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}})
    assert read(sandbox, bucket)[0]["ID"]


def test_the_minimum_size_mode_flips_to_the_default_when_it_is_not_sent(sandbox: Sandbox, bucket: str) -> None:
    old = "varies_by_storage_class"
    answer = put_rules(sandbox, bucket, rule(), TransitionDefaultMinimumObjectSize=old)
    assert answer["TransitionDefaultMinimumObjectSize"] == old
    found = sandbox.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)
    assert found["TransitionDefaultMinimumObjectSize"] == old
    answer = put_rules(sandbox, bucket, rule())
    assert answer["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"


def test_a_deleted_configuration_is_gone_and_can_be_deleted_again(sandbox: Sandbox, bucket: str) -> None:
    put_rules(sandbox, bucket, rule())
    for _ in range(2):
        sandbox.client("s3").delete_bucket_lifecycle(Bucket=bucket)
    with refused("NoSuchLifecycleConfiguration", 404):
        read(sandbox, bucket)


def test_rules_and_tags_do_not_touch_each_other(sandbox: Sandbox, bucket: str) -> None:
    put_rules(sandbox, bucket, rule())
    put_tags(sandbox, bucket, {"a": "1"})
    sandbox.client("s3").delete_bucket_tagging(Bucket=bucket)
    assert read(sandbox, bucket) == [rule()]
