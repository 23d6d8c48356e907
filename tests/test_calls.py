"""How many calls a fleet costs: the figures of docs/performance.md that do not depend on a machine."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.fleet import manifest, write_manifests
from benchmarks.world import make_buckets
from controller.bootstrap import home_door
from controller.domain.settings import Settings
from controller.entrypoints.cli import run
from controller.sandbox import Sandbox
from controller.store import tables

CUSTOMERS = 120


@pytest.fixture
def fleet(local_environment: Sandbox, tmp_path: Path) -> Path:
    """The folder of the manifests of a fleet that has buckets, and nothing else yet."""
    for _ in tables.make(home_door(Settings()), Settings().tables):
        pass
    make_buckets(CUSTOMERS)
    write_manifests(tmp_path, CUSTOMERS)
    local_environment.clear_requests()
    return tmp_path


def test_calls_stay_few(fleet: Path, sandbox: Sandbox) -> None:
    """A first apply, a plan that finds nothing to do, one changed e-mail, and one customer alone."""
    assert run(["apply", "--yes", "-q", "-f", str(fleet)]) == 0
    assert sum(request.writes for request in sandbox.requests) <= 6 * CUSTOMERS

    sandbox.clear_requests()
    assert run(["plan", "-q", "--detailed-exitcode", "-f", str(fleet)]) == 0
    assert len(sandbox.requests) <= 1.1 * CUSTOMERS
    assert [request.operation for request in sandbox.requests if request.writes] == []

    sandbox.clear_requests()
    changed = fleet / "customer-00007.yaml"
    changed.write_text(manifest(7, chief="finance"))
    assert run(["apply", "--yes", "-q", "-f", str(fleet)]) == 0
    writes = Counter(f"{request.service}:{request.operation}" for request in sandbox.requests if request.writes)
    assert [name for name in writes if name.startswith(("budgets", "s3"))] == ["budgets:UpdateSubscriber"]
    assert writes["budgets:UpdateSubscriber"] == 1

    sandbox.clear_requests()
    assert run(["plan", "-q", "--detailed-exitcode", "-f", str(changed)]) == 0
    assert len(sandbox.requests) <= 12
