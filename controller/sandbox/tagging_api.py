"""The Resource Groups Tagging API for S3: a region's tagged, or previously tagged, buckets of the caller."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from controller.sandbox.buckets import BucketConfig, Buckets
from controller.sandbox.paging import place_of, token_of
from controller.sandbox.routes import Call
from controller.sandbox.wire import AwsError

_ARN = "arn:aws:s3:::"
_S3_TYPES = ("s3", "s3:bucket")


class TaggingApi:
    """GetResources, of buckets only. Everything about other services is moto's to answer."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    @staticmethod
    def serves(call: Call) -> bool:
        types = call.payload.get("ResourceTypeFilters") or _S3_TYPES
        return call.operation == "GetResources" and any(name in _S3_TYPES for name in types)

    def get_resources(self, call: Call, stale: bool) -> dict[str, Any]:
        """Up to 100 buckets a page, by ARN. Never-tagged buckets are absent, once-tagged have no Tags [model]."""
        ask = call.payload
        arns, filters = ask.get("ResourceARNList"), ask.get("TagFilters") or []
        if arns and (filters or ask.get("ResourcesPerPage") or ask.get("ResourceTypeFilters")):
            raise _invalid("ResourceARNList cannot be combined with filters or paging")
        if arns and len(arns) > 100:
            raise _invalid("ResourceARNList has at most 100 ARNs")
        size = ask.get("ResourcesPerPage", 100)
        if not 1 <= size <= 100:
            raise _invalid("ResourcesPerPage must be between 1 and 100")
        asked = self._tagged(call.account, call.region, ask.get("PaginationToken"), stale)
        chosen = ((arn, config) for arn, config in asked if (not arns or arn in arns) and _passes(config.tags, filters))
        found = list(islice(chosen, size + 1))
        token = token_of(found[size - 1][0]) if len(found) > size else ""
        mappings = [_shown(arn, config) for arn, config in found[:size]]
        return {"ResourceTagMappingList": mappings, "PaginationToken": token}

    def _tagged(self, account: str, region: str, token: str | None, stale: bool) -> Iterator[tuple[str, BucketConfig]]:
        """The buckets behind the token, by ARN, looked at one by one: pages of many must not cost their square."""
        last = place_of(token, "PaginationTokenExpiredException").removeprefix(_ARN) if token else ""
        names = self._buckets.names(account)
        for name in islice(names, bisect_right(names, last), None):
            config = self._buckets.config(name, stale)
            if config.was_tagged and self._buckets.find(name).region == region:
                yield _ARN + name, config


def _shown(arn: str, config: BucketConfig) -> dict[str, Any]:
    return {"ResourceARN": arn, "Tags": [{"Key": k, "Value": v} for k, v in config.tags.items()]}


def _passes(tags: Mapping[str, str], filters: list[dict[str, Any]]) -> bool:
    """All keys of the filters, any value of each; a filter without values takes every value."""
    return all(
        wanted["Key"] in tags and (not wanted.get("Values") or tags[wanted["Key"]] in wanted["Values"])
        for wanted in filters
    )


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
