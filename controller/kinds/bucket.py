"""What the kinds that live on buckets have in common: buckets are never created and never deleted."""

from typing import Any

from controller.aws.clients import Aws
from controller.domain.customer import Customer
from controller.domain.resource import Absent, Unreadable
from controller.errors import AccountFailure, PermanentFailure

ADVICE = {
    "NoSuchBucket": "Buckets are never created here: create it, or correct spec.storage.buckets.",
    "AccessDenied": "The permission is missing, or the bucket belongs to another AWS account.",
}


def source(owner: Customer, name: str) -> str:
    """Where the manifest names this bucket."""
    return next((one.source for one in owner.buckets if one.name == name), "spec.storage.buckets")


def read(aws: Aws, operation: str, name: str, region: str, account_id: str, *, nothing: str) -> dict[str, Any] | None:
    """One of the bucket's configurations, None where S3 says by the code `nothing` that there is none.

    Raises PermanentFailure where the bucket is missing or belongs to another account.
    """
    try:
        return aws.call("s3", operation, region=region, about=name, Bucket=name, ExpectedBucketOwner=account_id)
    except PermanentFailure as failure:
        if failure.code == nothing:
            return None
        raise


def missing(failure: PermanentFailure, *, wanted: bool) -> Absent | Unreadable:
    """What a refused read says. A bucket that is gone and not wanted holds nothing of ours any more.

    S3 answers AccessDenied also where ExpectedBucketOwner is not the owner, so that name may be someone else's bucket.
    """
    if failure.code == "NoSuchBucket" and not wanted:
        return Absent()
    if failure.code not in ADVICE or isinstance(failure, AccountFailure):
        return Unreadable(failure)
    return Unreadable(
        PermanentFailure(
            failure.message,
            code=failure.code,
            operation=failure.operation,
            resource=failure.resource,
            advice=ADVICE[failure.code],
        )
    )
