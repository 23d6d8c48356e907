"""The floor: what a hand-written loop needs to look at N buckets. Two reads for each, in 8 threads, nothing else."""

import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

from benchmarks.fleet import REGION, bucket

THREADS = 8


def look(s3: object, name: str) -> None:
    for read in ("get_bucket_tagging", "get_bucket_lifecycle_configuration"):
        try:
            getattr(s3, read)(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchTagSet", "NoSuchLifecycleConfiguration"):
                raise


def main(customers: int) -> None:
    s3 = boto3.client("s3", region_name=REGION, config=Config(s3={"addressing_style": "path"}))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: look(s3, bucket(number)), range(customers)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
