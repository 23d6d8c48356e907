"""The endpoint of one bucket, known from that of another.

botocore evaluates the endpoint rules of S3 anew for every bucket, a fifth of what a call costs on our side. For a plain
name the answer depends on the name only in that it stands in the URL: the rules are evaluated once for each set of
other parameters, and the name is put in its place. All else is left to botocore.
"""

import re
from collections.abc import Hashable
from typing import Any

STAND_IN = "stands-in-for-a-plain-bucket-name"

_PLAIN = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
"""No dots, which are put into the path, and no two hyphens in a row, as in the names of directory buckets."""
_ALIAS = "-s3alias"
_LONGEST = 63
_OF_OBJECTS = frozenset({"Key", "Prefix", "CopySource"})
"""What would make every call another one: calls about objects are left to botocore."""


def know_buckets(client: Any) -> None:
    """Spares an S3 client the rules. They are private to botocore: where they are not found, nothing changes."""
    resolver: Any = getattr(client, "_ruleset_resolver", None)
    if hasattr(resolver, "_provider"):
        resolver._provider = PlainBuckets(resolver._provider)


class PlainBuckets:
    """Answers as `provider`, an EndpointProvider of botocore, does. Threads may meet: then both find the same."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._known: dict[frozenset[tuple[str, Hashable]], Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def resolve_endpoint(self, **parameters: Any) -> Any:
        """The RuleSetEndpoint for these parameters; raises as botocore does."""
        bucket = parameters.get("Bucket")
        if not is_plain(bucket) or not _OF_OBJECTS.isdisjoint(parameters):
            return self._provider.resolve_endpoint(**parameters)
        parameters["Bucket"] = STAND_IN
        key = frozenset(parameters.items())
        endpoint = self._known.get(key)
        if endpoint is None:
            endpoint = self._known[key] = self._provider.resolve_endpoint(**parameters)
        return endpoint._replace(url=endpoint.url.replace(STAND_IN, bucket))


def is_plain(bucket: object) -> bool:
    """Whether it is a name like any other to the endpoint rules."""
    return (
        isinstance(bucket, str)
        and len(bucket) <= _LONGEST
        and not bucket.endswith(_ALIAS)
        and _PLAIN.fullmatch(bucket) is not None
    )
