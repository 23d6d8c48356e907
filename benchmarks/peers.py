"""Neighbouring tools on the tags and the lifecycle rules of the same fleets: what they share with us, and no budgets.

They pin other versions of boto3 than we do, so each lives in a virtual environment of its own (`make bench-peers`).
Each does the work of our default settings: six tags that differ by customer, and three lifecycle rules. An exit code of
0 is not believed, as both tools end with it after failures too: every bucket is looked at after every command.
"""

import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.client import Config

from benchmarks.fleet import REGION, bucket
from benchmarks.measuring import CommandFailed

HERE = Path(__file__).parent
STEPS = ("first apply", "no-op dry run", "no-op apply")

RULES: list[dict[str, Any]] = [
    {
        "ID": "daylily-CleanupIncomplete",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {
        "ID": "daylily-DeleteOldLogs",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/"},
        "Expiration": {"Days": 90},
    },
    {
        "ID": "daylily-TransitionToIA",
        "Status": "Enabled",
        "Filter": {"Prefix": "results/"},
        "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}],
    },
]


def tags(number: int) -> dict[str, str]:
    """The tags of one customer's bucket."""
    return {
        "daylily:billing_account": "123456789012",
        "daylily:cost_center": f"CC-{number:05}",
        "daylily:customer_id": f"cust_{number:05}",
        "daylily:customer_name": f"Customer {number:05}",
        "daylily:environment": "production",
        "daylily:service": "daylily-worksets",
    }


class Peer(ABC):
    """A tool, at work in `folder` on this many customers, against the AWS that `environment` names."""

    package: ClassVar[str]
    venv: ClassVar[Path]
    program: ClassVar[Path]

    def __init__(self, folder: Path, customers: int, environment: Mapping[str, str]) -> None:
        self._folder, self._customers = folder, customers
        self.environment = {**environment, "HOME": str(folder)}
        self._write()

    @classmethod
    def version(cls) -> str | None:
        """None: not installed."""
        if not cls.program.exists():
            return None
        ask = f"from importlib.metadata import version; print(version('{cls.package}'))"
        return subprocess.run(
            [str(cls.venv / "bin" / "python"), "-c", ask], check=True, capture_output=True, text=True
        ).stdout.strip()

    @abstractmethod
    def _write(self) -> None:
        """The documents that ask for the tags and the rules."""

    @abstractmethod
    def command(self, step: str) -> list[str]:
        """What carries out one of STEPS."""


class Custodian(Peer):
    """A pair of policies for each customer, since tags differ: one tags the bucket where they do, one puts the rules.

    Tuned in its favour: of the ten documents that it reads of a bucket by default only the needed ones, the same for
    all policies, so that its cache serves all but the first. The cache does not outlive a command, as it would hide
    what changed in AWS for 15 minutes. Its lifecycle action compares nothing: it always writes.
    """

    package = "c7n"
    venv = HERE / ".venv-custodian"
    program = venv / "bin" / "custodian"

    def _write(self) -> None:
        policies = [policy for number in range(self._customers) for policy in self._policies(number)]
        (self._folder / "policies.json").write_text(json.dumps({"policies": policies}))

    @staticmethod
    def _policies(number: int) -> list[dict[str, Any]]:
        common = {"resource": "aws.s3", "query": [{"augment-keys": ["Lifecycle"]}]}
        mine, wanted = {"Name": bucket(number)}, tags(number)
        differs = [{"type": "value", "key": f"tag:{key}", "op": "ne", "value": text} for key, text in wanted.items()]
        return [
            {
                **common,
                "name": f"tags-{number:05}",
                "filters": [mine, {"or": differs}],
                "actions": [{"type": "tag", "tags": wanted}],
            },
            {
                **common,
                "name": f"lifecycle-{number:05}",
                "filters": [mine],
                "actions": [{"type": "configure-lifecycle", "rules": RULES}],
            },
        ]

    def command(self, step: str) -> list[str]:
        cache, out = self._folder / f"{step}.cache", self._folder / "out"
        dry = ["--dryrun"] if step == "no-op dry run" else []
        where = ["--region", REGION, "--cache", str(cache), "--output-dir", str(out)]
        return [str(self.program), "run", *dry, *where, str(self._folder / "policies.json")]


class Idem(Peer):
    """A bucket state and a lifecycle state for each customer in one SLS file. What it did it keeps in a local file.

    The buckets exist, so their states name them; the lifecycle states do not at first, as it fails where one is named
    that has no rules yet.
    """

    package = "idem-aws"
    venv = HERE / ".venv-idem"
    program = venv / "bin" / "idem"

    def _write(self) -> None:
        states = {name: state for number in range(self._customers) for name, state in self._states(number).items()}
        (self._folder / "fleet.sls").write_text(json.dumps(states))
        profile = {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
            "endpoint_url": self.environment["AWS_ENDPOINT_URL"],
            "region_name": REGION,
        }
        (self._folder / "accounts.yaml").write_text(json.dumps({"aws": {"default": profile}}))

    @staticmethod
    def _states(number: int) -> dict[str, Any]:
        name = bucket(number)
        there = [{"name": name}, {"resource_id": name}, {"tags": tags(number)}]
        rules = [{"name": f"{name}-rules"}, {"bucket": name}, {"lifecycle_configuration": {"Rules": RULES}}]
        return {name: {"aws.s3.bucket.present": there}, f"{name}-rules": {"aws.s3.bucket_lifecycle.present": rules}}

    def command(self, step: str) -> list[str]:
        dry = ["--test"] if step == "no-op dry run" else []
        account = ["--acct-file", str(self._folder / "accounts.yaml"), "--acct-profile", "default"]
        where = ["--root-dir", str(self._folder), "--log-file", str(self._folder / "log"), "--esm-plugin", "local"]
        states = str(self._folder / "fleet.sls")
        return [str(self.program), "state", states, "--no-progress-bar", *dry, *account, *where]


PEERS: tuple[type[Peer], ...] = (Custodian, Idem)


def check(environment: Mapping[str, str], customers: int) -> None:
    """Looks at every bucket. Raises CommandFailed where one has other tags or rules than asked for."""
    s3 = client(environment)
    for number in range(customers):
        try:
            found = s3.get_bucket_tagging(Bucket=bucket(number))["TagSet"]
            rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket(number))["Rules"]
        except s3.exceptions.ClientError as error:
            raise CommandFailed(f"{bucket(number)} is not as asked for: {error}") from error
        if {tag["Key"]: tag["Value"] for tag in found} != tags(number):
            raise CommandFailed(f"{bucket(number)} has other tags than asked for: {found}")
        if sorted(rules, key=lambda rule: str(rule["ID"])) != RULES:
            raise CommandFailed(f"{bucket(number)} has other rules than asked for: {rules}")


def client(environment: Mapping[str, str]) -> Any:
    """A plain S3 client of the AWS that `environment` names."""
    return boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )
