"""The state of every bucket's tags, lifecycle configuration and ABAC switch; moto knows that the bucket exists."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from weakref import WeakKeyDictionary

from controller.sandbox.moto_backend import Moto
from controller.sandbox.wire import AwsError

MinimumSizeMode = Literal["all_storage_classes_128K", "varies_by_storage_class"]
Rule = Mapping[str, Any]
"""A lifecycle rule as boto3 shows it."""

SeesTagKeys = Callable[[str, Collection[str]], None]


@dataclass(frozen=True, slots=True)
class BucketConfig:
    """What a bucket carries. `rules` is None without a configuration; `was_tagged` stays True once it had a tag."""

    tags: Mapping[str, str] = field(default_factory=dict)
    was_tagged: bool = False
    rules: tuple[Rule, ...] | None = None
    minimum_size_mode: MinimumSizeMode = "all_storage_classes_128K"
    abac: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    account: str
    region: str
    created: datetime


class Buckets:
    """Reads and changes bucket configurations, whole values at a time; remembers the last version of each.

    Configurations hang on moto's bucket objects, so a bucket that is deleted and made anew starts empty.
    Changing tags tells billing which keys it may see tomorrow.
    """

    def __init__(self, moto: Moto, sees_tag_keys: SeesTagKeys) -> None:
        self._moto = moto
        self._sees_tag_keys = sees_tag_keys
        self._lock = threading.Lock()
        self._versions: WeakKeyDictionary[Any, tuple[BucketConfig, BucketConfig]] = WeakKeyDictionary()
        self._busy: set[str] = set()

    def tags(self, name: str) -> dict[str, str]:
        return dict(self.config(name).tags)

    def rules(self, name: str) -> tuple[Rule, ...]:
        return self.config(name).rules or ()

    def enable_abac(self, name: str) -> None:
        self.change(name, abac=True)

    def add_system_tag(self, name: str, key: str, value: str) -> None:
        """Put an aws:* tag on the bucket, as CloudFormation does and no API call can."""
        self.change(name, tags={**self.config(name).tags, key: value})

    def set_minimum_size_mode(self, name: str, mode: MinimumSizeMode) -> None:
        """`varies_by_storage_class` is what configurations from before September 2024 still have."""
        self.change(name, minimum_size_mode=mode)

    def find(self, name: str) -> Bucket:
        """The bucket; NoSuchBucket when nobody owns one of that name."""
        bucket = self._moto.bucket(name)
        if bucket is None:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
        return _described(bucket)

    def of(self, account: str) -> list[Bucket]:
        """An account's buckets in the order of their names."""
        return sorted(map(_described, self._moto.buckets(account)), key=lambda bucket: bucket.name)

    def names(self, account: str) -> list[str]:
        """The names of an account's buckets, sorted."""
        return sorted(bucket.name for bucket in self._moto.buckets(account))

    def config(self, name: str, stale: bool = False) -> BucketConfig:
        """What the bucket carries now; `stale`: what it carried before the last change."""
        with self._lock:
            return self._versions.get(self._moto.bucket(name), _NEW)[1 if stale else 0]

    def change(self, name: str, **fields: Any) -> None:
        """Set the named fields of the bucket's configuration, all of them or (on an error) none."""
        bucket = self.find(name)
        with self._lock:
            handle = self._moto.bucket(name)
            now = self._versions.get(handle, _NEW)[0]
            new = replace(now, **fields)
            if new.tags:
                new = replace(new, was_tagged=True)
            self._versions[handle] = (new, now)
        self._sees_tag_keys(bucket.account, [key for key in new.tags if not key.startswith("aws:")])

    def begin_write(self, name: str) -> None:
        """Refuse a second write to a bucket while one is under way, as S3 does [ansible aws#1624, tf#7628]."""
        with self._lock:
            if name in self._busy:
                raise AwsError(
                    "OperationAborted",
                    "A conflicting conditional operation is currently in progress against this resource."
                    " Please try again.",
                    409,
                )
            self._busy.add(name)

    def end_write(self, name: str) -> None:
        with self._lock:
            self._busy.discard(name)


_NEW = (BucketConfig(), BucketConfig())


def _described(bucket: Any) -> Bucket:
    return Bucket(bucket.name, bucket.account_id, bucket.region_name, bucket.creation_date)
