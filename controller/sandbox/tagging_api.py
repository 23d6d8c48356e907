"""The Resource Groups Tagging API for S3: a region's tagged, or previously tagged, buckets of the caller."""

from collections.abc import Mapping
from typing import Any

from controller.sandbox.buckets import BucketConfig, Buckets
from controller.sandbox.paging import page
from controller.sandbox.routes import Call
from controller.sandbox.wire import AwsError

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
        found = [
            (f"arn:aws:s3:::{bucket.name}", config)
            for bucket in self._buckets.of(call.account)
            if bucket.region == call.region and (config := self._buckets.config(bucket.name, stale)).was_tagged
        ]
        chosen = [
            _shown(arn, config) for arn, config in found if (not arns or arn in arns) and _passes(config.tags, filters)
        ]
        mappings, token = page(chosen, size, ask.get("PaginationToken"), "PaginationTokenExpiredException")
        return {"ResourceTagMappingList": mappings, "PaginationToken": token or ""}


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
