"""The six `daylily:*` tags on every bucket of a customer.

Tags are merged with s3control TagResource and UntagResource, which never see other people's tags. Where the caller may
not use those, the whole set is read and put back with ours changed: foreign and `aws:*` tags verbatim, since S3 refuses
a set that lacks a system tag. A bucket with ABAC takes no PutBucketTagging at all, so there is no fallback for it.

Many buckets are first looked up in the tag index, 100 in one call. It may lag, so it is believed in one case only: it
shows exactly what is wanted and was applied last. Every difference, and so every write, comes from GetBucketTagging.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from controller.aws.call import DENIED
from controller.domain.customer import Customer
from controller.domain.kind import Kind, Path
from controller.domain.resource import Absent, Observation, Present, Target
from controller.domain.tag_alphabet import sanitise
from controller.errors import Failure, PermanentFailure
from controller.kinds import bucket
from controller.kinds.context import Context
from controller.kinds.look import as_wanted, look_at_each
from controller.kinds.tag_index import known_tags

SERVICE = "daylily-worksets"
OURS = ("daylily:service", SERVICE)
"""The tag that all our buckets carry."""

SOURCES = {
    "daylily:customer_id": "spec.customerId",
    "daylily:customer_name": "spec.displayName",
    "daylily:cost_center": "spec.billing.costCenter",
    "daylily:billing_account": "spec.billing.accountId",
    "daylily:environment": "spec.environment",
    "daylily:service": "",
}
"""Our tag keys, and the manifest field that each value comes from."""

FEW = 3
"""Up to so many buckets of one region are read one by one; for more the tag index is asked first."""

NO_S3CONTROL = DENIED | {"NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "501", "405"}


@dataclass(frozen=True, slots=True)
class BucketTags:
    """Our tags on one bucket. `region` tells where the bucket is; it is not part of the comparison."""

    tags: Mapping[str, str]
    region: str = field(compare=False)


class BucketTagging(Kind[Customer, BucketTags]):
    name = "bucket_tags"
    permissions = frozenset(
        {
            "s3:GetBucketTagging",
            "s3:TagResource",
            "s3:UntagResource",
            "s3:PutBucketTagging",
            "s3:GetBucketAbac",
            "tag:GetResources",
        }
    )
    state = BucketTags
    lags = True

    def __init__(self, context: Context) -> None:
        self._aws, self._account_id, self._full = context.aws, context.account.account_id, context.full

    def desired(self, owner: Customer) -> Mapping[str, BucketTags]:
        values = {
            "daylily:customer_id": owner.customer_id,
            "daylily:customer_name": sanitise(owner.display_name),
            "daylily:cost_center": sanitise(owner.billing.cost_center) if owner.billing.cost_center else None,
            "daylily:billing_account": owner.billing.account_id,
            "daylily:environment": sanitise(owner.environment),
            "daylily:service": SERVICE,
        }
        tags = {key: value for key, value in values.items() if value}
        return {one.name: BucketTags(tags, one.region) for one in owner.buckets}

    def observe(self, targets: Collection[Target[BucketTags]]) -> Mapping[str, Observation[BucketTags]]:
        """Nothing is taken from the index where everything is to be read anew."""
        known = {} if self._full else self._known(targets)
        unknown = [target for target in targets if target.name not in known]
        return {**known, **look_at_each(self._aws, unknown, self._look)}

    def put(self, name: str, desired: BucketTags, observed: BucketTags | None) -> None:
        there = observed.tags if observed else {}
        self._merge(
            name,
            desired.region,
            {key: value for key, value in desired.tags.items() if there.get(key) != value},
            [key for key in there if key not in desired.tags],
        )

    def delete(self, name: str, observed: BucketTags) -> None:
        self._merge(name, observed.region, {}, list(observed.tags))

    def source(self, owner: Customer, name: str, path: Path) -> str:
        return SOURCES[path[-1]] or bucket.source(owner, name)

    def _known(self, targets: Collection[Target[BucketTags]]) -> dict[str, Observation[BucketTags]]:
        """The buckets that the tag index shows as they should be. It is asked at most once for each bucket."""
        settled: dict[str, list[Target[BucketTags]]] = defaultdict(list)
        for target in targets:
            if target.desired and target.applied and target.applied.state == target.desired:
                settled[target.desired.region].append(target)
        many = [(region, asked) for region, asked in settled.items() if len(asked) > FEW]
        found = self._aws.each(lambda one: self._known_in(*one), many)
        return {name: seen for part in found if not isinstance(part, Failure) for name, seen in part.items()}

    def _known_in(self, region: str, asked: Collection[Target[BucketTags]]) -> dict[str, Observation[BucketTags]]:
        wanted = {target.name: target for target in asked}
        return {
            name: seen
            for page in known_tags(self._aws, region, OURS, len(asked))
            for name, tags in page.items()
            if (target := wanted.get(name))
            and _is_as_wanted(seen := as_wanted(_observation(tags, region), target), target)
        }

    def _look(self, target: Target[BucketTags]) -> Observation[BucketTags]:
        region = target.hint.region if target.hint else self._aws.region
        try:
            return _observation(self._read(target.name, region), region)
        except PermanentFailure as failure:
            return bucket.missing(failure, wanted=target.desired is not None)

    def _read(self, name: str, region: str) -> dict[str, str]:
        """All tags of the bucket. Raises PermanentFailure where it is missing or belongs to another account."""
        answer = bucket.read(self._aws, "get_bucket_tagging", name, region, self._account_id, nothing="NoSuchTagSet")
        return {tag["Key"]: tag.get("Value", "") for tag in answer["TagSet"]} if answer else {}

    def _merge(self, name: str, region: str, changed: Mapping[str, str], removed: Collection[str]) -> None:
        try:
            if changed:
                tags = [{"Key": key, "Value": value} for key, value in sorted(changed.items())]
                self._control("tag_resource", name, region, Tags=tags)
            if removed:
                self._control("untag_resource", name, region, TagKeys=sorted(removed))
        except PermanentFailure as failure:
            if failure.code not in NO_S3CONTROL or self._has_abac(name, region):
                raise
            self._replace(name, region, changed, removed)

    def _control(self, operation: str, name: str, region: str, **parameters: object) -> None:
        self._aws.call(
            "s3control",
            operation,
            region=region,
            about=name,
            AccountId=self._account_id,
            ResourceArn=f"arn:aws:s3:::{name}",
            **parameters,
        )

    def _has_abac(self, name: str, region: str) -> bool:
        """Where that cannot be asked, PutBucketTagging finds out by itself: it is refused on such a bucket."""
        try:
            answer = self._aws.call(
                "s3", "get_bucket_abac", region=region, about=name, Bucket=name, ExpectedBucketOwner=self._account_id
            )
        except PermanentFailure:
            return False
        return bool(answer.get("AbacStatus", {}).get("Status") == "Enabled")

    def _replace(self, name: str, region: str, changed: Mapping[str, str], removed: Collection[str]) -> None:
        """Read, merge, put: for callers without s3:TagResource. Tags of others go back exactly as they came."""
        tags = {key: value for key, value in self._read(name, region).items() if key not in removed} | dict(changed)
        about = {"Bucket": name, "ExpectedBucketOwner": self._account_id}
        if not tags:
            self._aws.call("s3", "delete_bucket_tagging", region=region, about=name, **about)
            return
        tag_set = {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
        self._aws.call("s3", "put_bucket_tagging", region=region, about=name, Tagging=tag_set, **about)


def _observation(tags: Mapping[str, str], region: str) -> Present[BucketTags] | Absent:
    ours = {key: value for key, value in tags.items() if key in SOURCES}
    foreign = tuple(sorted(key for key in tags if key not in SOURCES))
    return Present(BucketTags(ours, region), foreign) if ours else Absent(foreign)


def _is_as_wanted(seen: Observation[BucketTags], target: Target[BucketTags]) -> bool:
    return isinstance(seen, Present) and seen.state == target.desired
