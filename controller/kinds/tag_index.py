"""What the Resource Groups Tagging API knows about tagged buckets: 100 in one answer, and no proof.

It follows S3 with a delay, still knows buckets that are gone, and never knows one that had no tag. So it spares reads
of what is as it should be; everything else is read from S3 itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from controller.aws.clients import Aws
from controller.errors import Failure

PAGE = 100
"""Buckets in one answer, the most that the API gives; it may give fewer and still have more."""

ARN = "arn:aws:s3:::"


def known_tags(
    aws: Aws, region: str, tag: tuple[str, str], most_pages: int
) -> Iterator[Mapping[str, Mapping[str, str]]]:
    """All tags of the account's own buckets of one region that carry `tag`, by bucket, page by page.

    Never raises Failure: where the API is denied or does not answer, what it told so far is all that is known.
    """
    pages = _pages(aws, region, tag)
    with suppress(Failure):
        for _, page in zip(range(most_pages), pages, strict=False):
            yield {
                one["ResourceARN"].removeprefix(ARN): {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}
                for one in page["ResourceTagMappingList"]
            }


def _pages(aws: Aws, region: str, tag: tuple[str, str]) -> Iterator[Mapping[str, Any]]:
    token = ""
    while True:
        page = aws.call(
            "resourcegroupstaggingapi",
            "get_resources",
            region=region,
            about=region,
            ResourceTypeFilters=["s3"],
            TagFilters=[{"Key": tag[0], "Values": [tag[1]]}],
            ResourcesPerPage=PAGE,
            PaginationToken=token,
        )
        yield page
        token = page.get("PaginationToken", "")
        if not token:
            return
