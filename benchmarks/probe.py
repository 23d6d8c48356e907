"""`python -m benchmarks.probe`: what becomes of foreign tags and rules, and of a run that meets a missing bucket.

Our command and each neighbouring tool that is installed, once each on a local AWS of its own: three customers, of whom
the first has a foreign tag and a foreign rule on the bucket, and the last has no bucket.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.__main__ import RECONCILE
from benchmarks.fleet import bucket, write_manifests
from benchmarks.measuring import CLEAN
from benchmarks.peers import PEERS, STEPS, client, tags
from benchmarks.world import World

CUSTOMERS = 3
FOREIGN = {"ID": "foreign", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 5}}


def rows() -> Iterator[str]:
    yield "| tool | foreign tag kept | foreign rule kept | other customer done | missing bucket: exit code | made |"
    yield "| --- | --- | --- | --- | ---: | --- |"
    for name in ("reconcile", *(tool.package for tool in PEERS if tool.version())):
        with TemporaryDirectory() as folder, World(CUSTOMERS - 1) as world:
            yield f"| {name} | {' | '.join(_probe(name, Path(folder), world.environment))} |"


def _probe(name: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    s3 = client(environment)
    s3.put_bucket_tagging(Bucket=bucket(0), Tagging={"TagSet": [{"Key": "foreign", "Value": "yes"}]})
    s3.put_bucket_lifecycle_configuration(Bucket=bucket(0), LifecycleConfiguration={"Rules": [FOREIGN]})
    code = _run(name, folder, environment)
    yield _yes("foreign" in _tags(s3, 0))
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket(0))["Rules"]
    yield _yes("foreign" in [rule["ID"] for rule in rules])
    yield _yes(tags(1).items() <= _tags(s3, 1).items())
    yield str(code)
    yield _yes(bucket(CUSTOMERS - 1) in [one["Name"] for one in s3.list_buckets()["Buckets"]])


def _run(name: str, folder: Path, environment: Mapping[str, str]) -> int:
    """The exit code of an apply for everybody."""
    command, variables = _apply(name, folder, environment)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(CLEAN)}
    return subprocess.run(command, env={**clean, **variables}, capture_output=True, check=False).returncode


def _apply(name: str, folder: Path, environment: Mapping[str, str]) -> tuple[list[str], Mapping[str, str]]:
    for tool in PEERS:
        if tool.package == name:
            peer = tool(folder, CUSTOMERS, environment)
            return peer.command(STEPS[0]), peer.environment
    write_manifests(folder, CUSTOMERS)
    return [*RECONCILE, "apply", "--yes", "-f", str(folder)], environment


def _tags(s3: Any, number: int) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket(number))["TagSet"]}


def _yes(true: bool) -> str:
    return "yes" if true else "no"


if __name__ == "__main__":
    print("\n".join(rows()))
