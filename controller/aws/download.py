"""An object of S3 as a file on disk: one call, streamed, and the very version that was listed or none."""

import os
from pathlib import Path

from botocore.exceptions import BotoCoreError, HTTPClientError, ResponseStreamingError

from controller.aws.call import translate
from controller.aws.clients import Aws
from controller.errors import PermanentFailure, TransientFailure

CHUNK = 1 << 20
REPLACED = "PreconditionFailed"
"""What S3 answers where the object has another ETag by now (S3, GetObject: If-Match)."""


def download(aws: Aws, bucket: str, key: str, etag: str, target: Path) -> None:
    """Writes the object with this ETag to `target`, which appears whole or not at all. Raises Failure."""
    about = f"s3://{bucket}/{key}"
    try:
        answer = aws.call("s3", "get_object", about=about, Bucket=bucket, Key=key, IfMatch=etag)
    except PermanentFailure as failure:
        if failure.code == REPLACED:
            raise TransientFailure(
                f"{about} was replaced while it was read", code=REPLACED, resource=about
            ) from failure
        raise
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            for chunk in answer["Body"].iter_chunks(CHUNK):
                out.write(chunk)
        part.replace(target)
    except (BotoCoreError, HTTPClientError, ResponseStreamingError) as error:
        raise translate(error, "s3:GetObject", about) from error
    finally:
        part.unlink(missing_ok=True)
