"""S3 and S3 Control as far as buckets' tags, lifecycle and ABAC go, with the checks that S3 makes before it acts."""

import base64
import binascii
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from controller.sandbox.buckets import Bucket, Buckets
from controller.sandbox.lifecycle_rules import check_rules
from controller.sandbox.routes import Call
from controller.sandbox.wire import Answer, AwsError, xml_answer
from controller.sandbox.xml_shapes import parse, render, s3_shape

Handler = Callable[[Call, bool], Answer]

_MODE_HEADER = "x-amz-transition-default-minimum-object-size"
_DEFAULT_MODE = "all_storage_classes_128K"
_NO_CONTENT = Answer(204)


class BucketConfigApi:
    """The handlers by (service, operation); each takes the call and whether to answer from the past."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self.handlers: Mapping[tuple[str, str], Handler] = {
            ("s3", "ListBuckets"): self._list_buckets,
            ("s3", "HeadBucket"): self._head_bucket,
            ("s3", "GetBucketTagging"): self._get_tagging,
            ("s3", "PutBucketTagging"): self._put_tagging,
            ("s3", "DeleteBucketTagging"): self._delete_tagging,
            ("s3", "GetBucketLifecycleConfiguration"): self._get_lifecycle,
            ("s3", "PutBucketLifecycleConfiguration"): self._put_lifecycle,
            ("s3", "DeleteBucketLifecycle"): self._delete_lifecycle,
            ("s3", "GetBucketAbac"): self._get_abac,
            ("s3", "PutBucketAbac"): self._put_abac,
            ("s3control", "ListTagsForResource"): self._list_tags,
            ("s3control", "TagResource"): self._tag,
            ("s3control", "UntagResource"): self._untag,
        }

    def check_owner(self, call: Call) -> None:
        """Refuse a call to another account's bucket, or one that expects another owner (moto does neither)."""
        bucket = self._buckets.find(call.bucket)
        expected = call.http.headers.get("x-amz-expected-bucket-owner", bucket.account)
        acts_for = call.http.headers.get("x-amz-account-id", bucket.account)
        if {call.account, expected, acts_for} != {bucket.account}:
            raise AwsError("AccessDenied", "Access Denied", 403)

    def remember_creation_tags(self, call: Call) -> None:
        """CreateBucketConfiguration.Tags, which moto drops. Call it when moto has made the bucket."""
        if call.http.body:
            configuration = parse(call.http.body, s3_shape("CreateBucketConfiguration"))
            if tags := configuration.get("Tags"):
                self._buckets.change(call.bucket, tags=_checked(tags))

    def _bucket(self, call: Call) -> Bucket:
        bucket = self._buckets.find(call.bucket)
        self.check_owner(call)
        if call.region != bucket.region:
            raise AwsError(
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed using the specified endpoint.",
                301,
                (("x-amz-bucket-region", bucket.region),),
            )
        return bucket

    # Buckets

    def _list_buckets(self, call: Call, stale: bool) -> Answer:
        """Pages by MaxBuckets; BucketRegion appears only when the request carries a parameter [S3 API reference]."""
        prefix, region = call.query.get("prefix", ""), call.query.get("bucket-region")
        after = _decoded(call.query.get("continuation-token", ""))
        size = int(call.query.get("max-buckets", 10_000))
        found = [
            bucket
            for bucket in self._buckets.of(call.account)
            if bucket.name.startswith(prefix) and region in (None, bucket.region) and bucket.name > after
        ]
        detailed = bool(call.query.keys() - {"x-id"})
        entries = [_bucket_entry(bucket, detailed) for bucket in found[:size]]
        answer: dict[str, Any] = {"Buckets": entries, "Owner": {"ID": call.account}}
        if prefix:
            answer["Prefix"] = prefix
        if len(found) > size:
            answer["ContinuationToken"] = base64.urlsafe_b64encode(entries[-1]["Name"].encode()).decode()
        return xml_answer(render(answer, s3_shape("ListBucketsOutput"), "ListAllMyBucketsResult"))

    def _head_bucket(self, call: Call, stale: bool) -> Answer:
        bucket = self._bucket(call)
        arn = f"arn:aws:s3:::{bucket.name}"
        return Answer(200, (("x-amz-bucket-region", bucket.region), ("x-amz-bucket-arn", arn)))

    # Tags on S3: whole sets

    def _get_tagging(self, call: Call, stale: bool) -> Answer:
        self._bucket(call)
        tags = self._buckets.config(call.bucket, stale).tags
        if not tags:
            raise AwsError("NoSuchTagSet", "The TagSet does not exist", 404)
        return xml_answer(render({"TagSet": _pairs(tags)}, s3_shape("GetBucketTaggingOutput"), "Tagging"))

    def _put_tagging(self, call: Call, stale: bool) -> Answer:
        """Replaces the set. Existing aws:* tags must be sent again unchanged [custodian#2834, #2861]."""
        self._bucket(call)
        config = self._buckets.config(call.bucket)
        _refuse_on_abac(config.abac)
        system = _system(config.tags)
        new = _checked(parse(call.http.body, s3_shape("Tagging")).get("TagSet", []), system)
        if system.items() - new.items():
            raise AwsError("InvalidTag", "System Tags cannot be removed by requester")
        self._buckets.change(call.bucket, tags=new)
        return _NO_CONTENT

    def _delete_tagging(self, call: Call, stale: bool) -> Answer:
        """Deletes the user's tags; system tags stay."""
        self._bucket(call)
        config = self._buckets.config(call.bucket)
        _refuse_on_abac(config.abac)
        self._buckets.change(call.bucket, tags=_system(config.tags))
        return _NO_CONTENT

    # Tags on S3 Control: merge

    def _list_tags(self, call: Call, stale: bool) -> Answer:
        self._bucket(call)
        tags = self._buckets.config(call.bucket, stale).tags
        return xml_answer(render({"Tags": _pairs(tags)}, _tags_document(), "ListTagsForResourceResult"))

    def _tag(self, call: Call, stale: bool) -> Answer:
        self._bucket(call)
        now = self._buckets.config(call.bucket).tags
        sent = parse(call.http.body, _tags_document())["Tags"]
        merged = {**now, **_checked(sent)}
        _check_count(merged)
        self._buckets.change(call.bucket, tags=merged)
        return _NO_CONTENT

    def _untag(self, call: Call, stale: bool) -> Answer:
        self._bucket(call)
        keys = {value for name, value in parse_qsl(call.http.query) if name == "tagKeys"}
        if any(_is_system(key) for key in keys):
            raise AwsError("InvalidTag", "System Tags cannot be removed by requester")
        tags = self._buckets.config(call.bucket).tags
        self._buckets.change(call.bucket, tags={k: v for k, v in tags.items() if k not in keys})
        return _NO_CONTENT

    # Lifecycle

    def _get_lifecycle(self, call: Call, stale: bool) -> Answer:
        self._bucket(call)
        config = self._buckets.config(call.bucket, stale)
        if config.rules is None:
            raise AwsError("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", 404)
        document = render({"Rules": config.rules}, _lifecycle(), "LifecycleConfiguration")
        return xml_answer(document, ((_MODE_HEADER, config.minimum_size_mode),))

    def _put_lifecycle(self, call: Call, stale: bool) -> Answer:
        """Replaces the configuration or nothing. Without the header the size mode flips to the default [tf#41073]."""
        self._bucket(call)
        rules = parse(call.http.body, _lifecycle()).get("Rules", [])
        mode = call.http.headers.get(_MODE_HEADER, _DEFAULT_MODE)
        if mode not in (_DEFAULT_MODE, "varies_by_storage_class"):
            raise AwsError("InvalidArgument", f"Invalid {_MODE_HEADER}: {mode}")
        check_rules(rules)
        named = tuple({"ID": uuid4().hex, **rule} if not rule.get("ID") else rule for rule in rules)
        self._buckets.change(call.bucket, rules=named, minimum_size_mode=mode)
        return Answer(200, ((_MODE_HEADER, mode),))

    def _delete_lifecycle(self, call: Call, stale: bool) -> Answer:
        self._bucket(call)
        self._buckets.change(call.bucket, rules=None)
        return _NO_CONTENT

    # ABAC

    def _get_abac(self, call: Call, stale: bool) -> Answer:
        self._bucket(call)
        status = "Enabled" if self._buckets.config(call.bucket).abac else "Disabled"
        return xml_answer(render({"Status": status}, s3_shape("AbacStatus"), "AbacStatus"))

    def _put_abac(self, call: Call, stale: bool) -> Answer:
        self._bucket(call)
        status = parse(call.http.body, s3_shape("AbacStatus")).get("Status")
        if status not in ("Enabled", "Disabled"):
            raise AwsError("MalformedXML", "Status must be Enabled or Disabled")
        self._buckets.change(call.bucket, abac=status == "Enabled")
        return Answer(200)


def _lifecycle() -> Any:
    return s3_shape("BucketLifecycleConfiguration")


def _tags_document() -> Any:
    """S3 Control's tag documents: <Tags><Tag>…, the same as this part of S3's own model."""
    return _OnlyTags(s3_shape("TagSet"))


class _OnlyTags:
    """A structure with one member, Tags."""

    type_name = "structure"

    def __init__(self, tag_set: Any) -> None:
        self.members = {"Tags": tag_set}


def _bucket_entry(bucket: Bucket, detailed: bool) -> dict[str, str]:
    entry = {"Name": bucket.name, "CreationDate": bucket.created.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    detail = {"BucketRegion": bucket.region, "BucketArn": f"arn:aws:s3:::{bucket.name}"}
    return {**entry, **detail} if detailed else entry


def _checked(tags: list[dict[str, str]], system: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags as a dict; InvalidTag for what S3 does not take. `system`: the aws:* tags that may be sent."""
    checked: dict[str, str] = {}
    for tag in tags:
        if "Key" not in tag or "Value" not in tag:
            raise AwsError("MalformedXML", "A tag needs a Key and a Value")
        key, value = tag["Key"], tag["Value"]
        if key in checked:
            raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
        if _is_system(key) and (system or {}).get(key) != value:
            raise AwsError("InvalidTag", "System tags cannot be added/updated by requester")
        if not 1 <= len(key) <= 128 or not _is_tag_text(key):
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid")
        if len(value) > 256 or not _is_tag_text(value):
            raise AwsError("InvalidTag", "The TagValue you have provided is invalid")
        checked[key] = value
    _check_count(checked)
    return checked


def _is_tag_text(text: str) -> bool:
    """Letters, digits, whitespace and _.:/=+-@ of any script [s3control model: the pattern of a tag]."""
    return all(char in "_.:/=+-@" or unicodedata.category(char)[0] in "LZN" for char in text)


def _check_count(tags: Mapping[str, str]) -> None:
    """50 of the user's own; aws:* tags do not count."""
    if len(tags) - len(_system(tags)) > 50:
        raise AwsError("BadRequest", "Bucket tag count cannot be greater than 50")


def _refuse_on_abac(abac: bool) -> None:
    """The code is not documented (AWS.md K1); MethodNotAllowed is what S3 says of calls that a bucket does not take."""
    if abac:
        message = "This operation is not supported on a bucket with ABAC enabled. Use TagResource or UntagResource."
        raise AwsError("MethodNotAllowed", message, 405)


def _is_system(key: str) -> bool:
    return key.lower().startswith("aws:")


def _system(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if _is_system(key)}


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        raise AwsError("InvalidArgument", "The continuation token provided is incorrect") from None
