"""The benchmark is fair: neighbours are asked for what we do, and nothing is believed that was not looked at."""

import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import Missing, Row, bench_peer, figures
from benchmarks.fleet import bucket, write_manifests
from benchmarks.measuring import CommandFailed
from benchmarks.peers import Custodian, Peer, check
from benchmarks.world import make_buckets
from controller.bootstrap import home_door
from controller.domain.settings import Settings
from controller.entrypoints.cli import run
from controller.sandbox import Sandbox
from controller.store import tables


class Lazy(Peer):
    """Says that all is well, and does nothing."""

    package = "click"
    venv = Path(sys.prefix)
    program = Path(sys.executable)

    def _write(self) -> None:
        pass

    def command(self, step: str) -> list[str]:
        return [str(self.program), "-c", "pass"]


class Absent(Custodian):
    program = Path("/nowhere/custodian")


@pytest.fixture
def fleet(local_environment: Sandbox, tmp_path: Path) -> Path:
    """The folder of the manifests of two customers, whose buckets have neither tags nor rules yet."""
    for _ in tables.make(home_door(Settings()), Settings().tables):
        pass
    make_buckets(2)
    write_manifests(tmp_path, 2)
    return tmp_path


def test_what_the_peers_are_asked_for_is_what_we_make(fleet: Path, sandbox: Sandbox) -> None:
    with pytest.raises(CommandFailed, match="NoSuchTagSet"):
        check(sandbox.environment(), 2)

    assert run(["apply", "--yes", "-q", "-f", str(fleet)]) == 0

    check(sandbox.environment(), 2)


def test_other_tags_and_other_rules_are_seen(fleet: Path, sandbox: Sandbox) -> None:
    run(["apply", "--yes", "-q", "-f", str(fleet)])
    s3 = sandbox.client("s3")

    s3.delete_bucket_lifecycle(Bucket=bucket(1))
    with pytest.raises(CommandFailed, match=bucket(1)):
        check(sandbox.environment(), 2)

    s3.put_bucket_tagging(Bucket=bucket(0), Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    with pytest.raises(CommandFailed, match="other tags"):
        check(sandbox.environment(), 2)


def test_a_tool_that_is_not_installed_has_a_row_that_says_so(tmp_path: Path) -> None:
    [row] = bench_peer(Absent, 1, "plain", tmp_path)
    assert row == Missing(1, "plain", "c7n", "skipped: not installed (make bench-peers installs it)")
    assert cells([row])[2:4] == ["c7n", row.why]


def test_a_tool_that_did_nothing_has_no_figures_but_the_reason(tmp_path: Path) -> None:
    [row] = bench_peer(Lazy, 1, "plain", tmp_path)
    assert isinstance(row, Missing)
    assert row.what.endswith(": first apply")
    assert row.why.startswith(f"failed: {bucket(0)} is not as asked for")


def cells(rows: list[Row]) -> list[str]:
    """What stands in the one row of the table."""
    head, _, line = figures(rows)
    assert head.count("|") == line.count("|")
    return [cell.strip() for cell in line.strip("|").split("|")]
