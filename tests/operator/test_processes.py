"""The operator as the process that it is: killed, told to end, two of them at a time, and what it logs."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cluster import leader
from controller.sandbox import Fault, Sandbox
from tests.cluster import Cluster
from tests.cluster.server import FakeCluster
from tests.fakes import Clock
from tests.operator.conftest import StartInThread
from tests.operator.running import AsProcess, eventually
from tests.operator.world import ACCOUNT, BUDGET, World, budget, manifest

StartProcess = Callable[..., AsProcess]
FLEET = [f"customer{number:02}" for number in range(12)]


@pytest.fixture
def begin(
    aws: Sandbox, cluster: Cluster, standing_clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartProcess]:
    """Starts an operator as a process, on the clock of this machine, that applies one customer at a time."""
    standing_clock.now = datetime.now(UTC)
    monkeypatch.setenv("RECONCILE_CONCURRENCY", "1")
    with ExitStack() as stack:

        def begin_one(*arguments: str) -> AsProcess:
            log = tmp_path / f"operator-{len(list(tmp_path.glob('*.log')))}.log"
            running = AsProcess(log, "--namespace", cluster.namespace, "--collect", "0", *arguments)
            stack.callback(lambda: print(running.log))  # shown where the test fails
            stack.callback(running.stop)
            return running

        yield begin_one


def holder(world: World) -> str:
    """Who leads, as the Lease says; it begins with the host and the process."""
    found = world.cluster.list("leases")
    return str(found[0]["spec"].get("holderIdentity", "")) if found else ""


def is_of(process: AsProcess, identity: str) -> bool:
    return f"_{process.process.pid}_" in identity


def assert_made_once(world: World, names: list[str]) -> None:
    """What must be true after everything: all is there, none of it was made twice, and all of it is known."""
    for name in names:
        assert world.limit(name) == "500.0"
        assert set(world.sandbox.budgets.alerts_created(ACCOUNT, budget(name)).values()) == {1}
    assert world.stored() == set(names)


def test_after_a_kill_in_the_middle_of_an_apply_the_next_start_finishes_it(world: World, begin: StartProcess) -> None:
    for name in FLEET:
        world.add(name)
    first = begin()
    eventually(lambda: world.calls("CreateBudget"))
    world.sandbox.latency = 0.05
    eventually(lambda: len(world.calls("CreateBudget")) >= 4)
    first.kill()
    world.sandbox.latency = 0
    assert not all(world.limit(name) for name in FLEET)

    begin()
    world.wait_ready(*FLEET)
    assert_made_once(world, FLEET)


@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.exhaustive)])
def test_told_to_end_it_ends_what_is_in_flight_and_the_next_goes_on_at_once(
    world: World, begin: StartProcess, how: signal.Signals
) -> None:
    for name in FLEET:
        world.add(name)
    first = begin()
    eventually(lambda: first.leads)
    second = begin()
    eventually(lambda: world.calls("CreateBudget"))
    world.sandbox.latency = 0.05
    eventually(lambda: len(world.calls("CreateBudget")) >= 4)

    first.process.send_signal(how)
    assert first.process.wait(60) == 0
    assert not is_of(first, holder(world)), "the Lease is given back"
    assert not all(world.limit(name) for name in FLEET)
    assert "raceback" not in first.log
    world.sandbox.latency = 0

    world.wait_ready(*FLEET)
    assert_made_once(world, FLEET)
    assert second.leads
    assert "is under way" not in second.log, "the lease of the apply was given back, too"


def test_of_two_replicas_one_works_and_when_it_is_killed_the_other_does(world: World, begin: StartProcess) -> None:
    world.add("acme")
    replicas = [begin(), begin()]
    world.wait_ready("acme")
    eventually(lambda: all(one.probe("/readyz")[0] == 200 for one in replicas))
    assert sorted(one.leads for one in replicas) == [False, True]
    active, waiting = sorted(replicas, key=lambda one: not one.leads)
    assert is_of(active, holder(world))
    assert waiting.metric("aws_requests_total") == 0
    assert waiting.metric("reconcile_cluster_writes_total") == 0
    assert waiting.probe("/healthz")[0] == 200

    active.kill()
    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    world.wait_ready("acme")

    assert world.limit("acme") == "1000.0"
    assert waiting.leads
    assert is_of(waiting, holder(world))
    took = waiting_seconds(world)
    assert took < 20, "of which the Lease lives for 6"


def waiting_seconds(world: World) -> float:
    """From the last sign of life of the one that was killed to the first status after it."""
    lease = world.cluster.list("leases")[0]["spec"]
    taken = datetime.fromisoformat(lease["acquireTime"])
    told = [one for one in world.cluster.list("events") if "1000.00" in one["message"]]
    return (datetime.fromisoformat(told[0]["lastTimestamp"]) - taken).total_seconds()


def test_a_leader_that_loses_the_api_server_stops_writing_to_aws(
    world: World, start: StartInThread, fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Lease lives for a second here: after that another replica may be at work."""
    monkeypatch.setattr(leader, "DURATION", 1)
    monkeypatch.setenv("RECONCILE_CONCURRENCY", "1")
    for name in FLEET:
        world.add(name)
    start()
    eventually(lambda: world.calls("CreateBudget"))
    fake.down()
    world.sandbox.latency = 0.1
    world.eventually(lambda: not world.leases_held())
    world.sandbox.latency = 0
    made = len(world.calls("CreateBudget"))
    assert made < len(FLEET)

    world.sandbox.clear_requests()
    fake.up()
    world.wait_ready(*FLEET)
    assert len(world.calls("CreateBudget")) == len(FLEET) - made
    assert_made_once(world, FLEET)


def test_every_line_of_the_log_is_json_and_no_secret_is_among_them(
    world: World, begin: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"AWS_SECRET_ACCESS_KEY": "mellon-the-secret-key", "AWS_SESSION_TOKEN": "mellon-the-session-token"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    world.add("acme")
    world.sandbox.faults.add(
        Fault("budgets", "CreateBudget", "error", "AccessDeniedException", 400, times=None),
        Fault("s3", "GetBucketTagging", "cut_before"),
    )
    world.cluster.create(manifest("broken", account="unknown"))
    operator = begin("--verbose")
    world.wait_for("broken", "False", "InvalidSpec")
    world.wait_for("acme", "False")
    assert operator.terminate() == 0

    assert len(operator.lines) > 5
    assert all({"time", "level", "logger", "message", "pass"} <= line.keys() for line in operator.lines)
    assert {line["customer"] for line in operator.lines if "customer" in line} >= {
        f"{world.cluster.namespace}/acme", f"{world.cluster.namespace}/broken",
    }  # fmt: skip
    for secret in (*secrets.values(), "Bearer", "Authorization", "Signature="):
        assert secret not in operator.log


def test_a_log_of_text_is_for_people(world: World, begin: StartProcess) -> None:
    world.add("acme")
    operator = begin("--log-format", "text")
    world.wait_ready("acme")
    assert "INFO" in operator.log
    assert "acme: Applied: added customer_record acme" in operator.log
    assert not operator.log.startswith("{")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KUBECONFIG", "/nowhere/kubeconfig", "the kubeconfig cannot be used"),
        ("RECONCILE_CONCURRENCY", "many", "RECONCILE_CONCURRENCY"),
    ],
)
def test_what_cannot_be_started_says_why_and_ends(
    world: World, begin: StartProcess, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv(name, value)
    operator = begin()
    assert operator.process.wait(60) != 0
    assert words in operator.log
    assert "Traceback" not in operator.log
