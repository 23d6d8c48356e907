"""The endpoint of a bucket is the one that botocore would find, whatever the bucket is called."""

from functools import cache
from typing import Any

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import BotoCoreError
from hypothesis import example, given
from hypothesis import strategies as st

from controller.aws.endpoints import STAND_IN, is_plain, know_buckets

CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {"region_name": "us-west-2"},
    "oldest region": {"region_name": "us-east-1"},
    "china": {"region_name": "cn-north-1"},
    "path": {"region_name": "eu-central-1", "config": Config(s3={"addressing_style": "path"})},
    "dual stack": {"region_name": "eu-west-1", "config": Config(use_dualstack_endpoint=True)},
    "fips": {"region_name": "us-gov-west-1", "config": Config(use_fips_endpoint=True)},
    "own": {"region_name": "us-west-2", "endpoint_url": "http://127.0.0.1:5000"},
}
NAMES = st.one_of(
    st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[a-z0-9-]{1,20}(--x-s3|--op-s3|--xa-s3|-s3alias|--table-s3)", fullmatch=True),
    st.from_regex(r"arn:aws:s3:us-west-2:123456789012:accesspoint[:/][a-z0-9]{3,8}", fullmatch=True),
    st.text(max_size=70),
)


def _client(which: str) -> Any:
    return boto3.Session(aws_access_key_id="a", aws_secret_access_key="b").client("s3", **CONFIGS[which])


@cache
def _clients(which: str) -> tuple[Any, Any]:
    """One as botocore makes it, and one that knows buckets."""
    knowing = _client(which)
    know_buckets(knowing)
    return _client(which), knowing


def _endpoint(client: Any, parameters: dict[str, str], operation: str = "GetBucketTagging") -> object:
    model = client.meta.service_model.operation_model(operation)
    try:
        return client._ruleset_resolver.construct_endpoint(model, parameters, {})
    except BotoCoreError as error:
        return type(error), str(error)


@given(name=NAMES, which=st.sampled_from(sorted(CONFIGS)))
@example(name="xyz", which="plain")
@example(name=STAND_IN, which="plain")
@example(name="a--ol-s3", which="plain")
@example(name="data.daylily.io", which="plain")
@example(name="a" * 63, which="dual stack")
@example(name="a" * 64, which="plain")
def test_is_what_botocore_finds_by_its_rules(name: str, which: str) -> None:
    plain, knowing = _clients(which)
    assert _endpoint(knowing, {"Bucket": name}) == _endpoint(plain, {"Bucket": name})


def test_of_a_second_plain_bucket_asks_for_no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _client("plain")
    know_buckets(client)
    first = _endpoint(client, {"Bucket": "first-bucket"})
    provider: Any = client._ruleset_resolver._provider
    monkeypatch.setattr(provider, "_provider", None)  # any question to botocore would fail
    assert getattr(first, "url", "") == "https://first-bucket.s3.us-west-2.amazonaws.com"
    assert getattr(_endpoint(client, {"Bucket": "second"}), "url", "") == "https://second.s3.us-west-2.amazonaws.com"


def test_of_one_object_is_left_to_botocore() -> None:
    client = _client("plain")
    know_buckets(client)
    for key in ("a", "b", "c"):
        _endpoint(client, {"Bucket": "some-bucket", "Key": key}, "GetObject")
    assert not client._ruleset_resolver._provider._known


@pytest.mark.parametrize(
    "name", ["ab", "a.b.c", "data--x-s3", "mine-s3alias", "Upper", "-abc", "abc-", "a/b/c", "ärger", ""]
)
def test_are_the_rules_where_a_name_is_not_plain(name: str) -> None:
    assert not is_plain(name)


def test_of_a_client_without_rules_stays_as_it_is() -> None:
    know_buckets(object())
