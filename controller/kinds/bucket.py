"""What the kinds that live on buckets have in common: buckets are never created and never deleted."""

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
