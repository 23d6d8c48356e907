"""`gate` and `listen` against the local AWS: what they print, how they exit, and what they leave behind."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from controller import bootstrap
from controller.aws.call import Retry
from controller.domain.settings import Settings
from controller.domain.usage import CustomerMonth, Spend
from controller.entrypoints.cli import run
from controller.manifests.files import load
from controller.manifests.settings_file import LoadedSettings
from controller.sandbox import Fault, Sandbox
from tests.conftest import NOW
from tests.entrypoints.conftest import manifest, write, writes
from tests.usage.test_alert_queue import envelope, mail

ACCOUNT = "123456789012"


@pytest.fixture
def applied(folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> Path:
    """Customers acme and beta, applied: 500 USD each, held over 100 %."""
    assert run(["--apply", "--yes"]) == 0
    capsys.readouterr()
    return folder


@pytest.fixture
def url(applied: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("controller.entrypoints.gating.GLANCE", 0)
    monkeypatch.setattr("controller.entrypoints.gating.LONG_POLL", 0)
    queue: str = sandbox.client("sqs").create_queue(QueueName="alerts")["QueueUrl"]
    return queue


def judge(actual: int | None, customer_id: str = "acme") -> None:
    """What the collection of usage does with what it found."""
    settings = Settings()
    customers = load([Path("customers")], LoadedSettings()).customers
    spend = Spend(Decimal(500), None if actual is None else Decimal(actual), None, NOW)
    months = {customer_id: CustomerMonth(customer_id, "2026-11", spend=spend)}
    keeper = bootstrap.gatekeeper(bootstrap.home_door(settings), settings, bootstrap.utc_now)
    keeper.judge([one for one in customers if one.customer_id == customer_id], months)


def spent(sandbox: Sandbox, customer_id: str, actual: str) -> None:
    sandbox.budgets.set_spend(ACCOUNT, f"daylily-{customer_id}-monthly", actual)


def send(sandbox: Sandbox, url: str, *bodies: str) -> None:
    for body in bodies:
        sandbox.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def alert(customer_id: str = "acme", **changes: str) -> str:
    return envelope(mail(name=f"daylily-{customer_id}-monthly", **changes))


def left(sandbox: Sandbox, url: str) -> int:
    """Messages that are in the queue, also those that are being dealt with."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sandbox.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def record(sandbox: Sandbox, customer_id: str = "acme") -> Any:
    key = {"customer_id": {"S": customer_id}}
    return sandbox.client("dynamodb").get_item(TableName="daylily-customers", Key=key)["Item"]


# gate


@pytest.mark.parametrize(
    ("actual", "code", "says"),
    [
        (100, 0, "acme: open, new worksets may start"),
        (300, 0, "acme: warned, new worksets may start"),
        (500, 0, "acme: warned, new worksets may start"),
        (501, 10, "acme: held, no new worksets"),
    ],
)
def test_the_exit_code_says_whether_new_worksets_may_start(
    applied: Path, capsys: pytest.CaptureFixture[str], actual: int, code: int, says: str
) -> None:
    judge(actual)

    assert run(["gate", "acme"]) == code

    assert says in capsys.readouterr().out


def test_everything_that_decided_it_is_shown_with_its_age(
    applied: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(512)
    monkeypatch.setattr("controller.bootstrap.utc_now", lambda: NOW + timedelta(hours=3))

    run(["gate", "acme", "--history"])

    out = capsys.readouterr().out
    assert "BudgetExceeded: 512.00 of 500.00 USD is spent, as of 2026-11-22 06:00 UTC, over 100 %" in out
    assert "512.00 of 500.00 USD, 102.4 %" in out
    assert "2026-11-22 06:00 UTC, 3 hours old" in out
    assert "2026-12-01 00:00 UTC" in out
    assert "unknown  held  BudgetExceeded" in out


def test_the_same_as_json(applied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judge(512)

    assert run(["gate", "acme", "-o", "json", "--history"]) == 10

    document = json.loads(capsys.readouterr().out)
    assert (document["state"], document["may_submit"], document["spent_usd"]) == ("held", False, 512.0)
    assert (document["as_of"], document["age_hours"]) == ("2026-11-22T06:00:00Z", 0)
    assert [(one["from"], one["to"]) for one in document["history"]] == [("unknown", "held")]


@pytest.mark.parametrize(
    ("name", "says"), [("nobody", 'no gate of a customer "nobody"'), ("acme", "the gate of acme was never decided")]
)
def test_a_gate_that_nobody_knows_is_neither_open_nor_held(
    applied: Path, capsys: pytest.CaptureFixture[str], name: str, says: str
) -> None:
    assert run(["gate", name, "-o", "json"]) == 1

    out, err = capsys.readouterr()
    assert says in err
    assert (json.loads(out)["state"], json.loads(out)["may_submit"]) == ("unknown", None)


def test_a_gate_that_cannot_be_read_says_so(
    applied: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    item = {"record": {"S": "gate"}, "owner": {"S": "acme"}, "gate": {"S": "{}"}}
    sandbox.client("dynamodb").put_item(TableName="daylily-billing", Item=item)

    assert run(["gate", "acme"]) == 1

    assert "is not one that this tool wrote" in capsys.readouterr().err


def test_a_gate_of_a_newer_version_is_unknown_and_no_other(
    applied: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(512)
    judge(100, "beta")
    sandbox.client("dynamodb").update_item(
        TableName="daylily-billing",
        Key={"record": {"S": "gate"}, "owner": {"S": "acme"}},
        UpdateExpression="SET #format = :newer",
        ExpressionAttributeNames={"#format": "format"},
        ExpressionAttributeValues={":newer": {"N": "2"}},
    )

    assert run(["gate", "beta"]) == 0
    capsys.readouterr()
    assert run(["gate", "acme", "-o", "json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["state"] == "unknown"
    assert "the gate of acme was written by a newer version of this tool" in err
    assert run(["status"]) == 5
    out, err = capsys.readouterr()
    assert "beta" in out
    assert "the gate of acme was written by a newer version" in err
    assert run(["status", "acme"]) == 5
    assert run(["status", "beta"]) == 0


def test_no_text_from_the_table_acts_on_a_terminal(
    applied: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does it look like a line of ours."""
    evil = "\x1b[2Jevil\nError: all is lost"
    for record in ("gate", "usage/2026-11", "audit/acme"):
        item = {"record": {"S": record}, "owner": {"S": evil}}
        sandbox.client("dynamodb").put_item(TableName="daylily-billing", Item=item)
    judge(100)

    for command in (["status"], ["costs"], ["gate", evil], ["gate", "acme", "--history"], ["usage", evil], ["collect"]):
        capsys.readouterr()
        run(command)
        _, err = capsys.readouterr()
        assert "\x1b" not in err, command
        assert "\\x1b[2Jevil\\nError: all is lost" in err, command


def test_a_customer_is_known_by_name_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = manifest("acme", "acme-bucket")
    write(folder, {**document, "metadata": {"name": "acme-genomics"}}, name="acme")
    run(["--apply", "--yes"])
    judge(512)

    assert run(["gate", "acme-genomics"]) == 10


def test_it_asks_the_table_and_writes_nothing(applied: Path, sandbox: Sandbox) -> None:
    judge(512)
    sandbox.clear_requests()

    run(["gate", "acme"])

    assert [(one.service, one.operation) for one in sandbox.requests] == [("dynamodb", "GetItem")]


def test_what_the_record_says_is_no_drift(applied: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    judge(512)
    before = record(sandbox)
    assert before["worksets_paused"] == {"BOOL": True}

    assert run(["--plan", "--detailed-exitcode"]) == 0
    run(["--apply", "--yes"])

    assert record(sandbox) == before


# listen


def test_an_alert_that_is_confirmed_holds_at_once(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(200)
    spent(sandbox, "acme", "512.30")
    send(sandbox, url, alert())

    assert run(["listen", "--queue", url, "--once"]) == 0

    assert "acme: is now held: BudgetExceeded: 512.30 of 500.00 USD is spent" in capsys.readouterr().out
    assert run(["gate", "acme"]) == 10
    assert record(sandbox)["worksets_paused"] == {"BOOL": True}
    assert left(sandbox, url) == 0


def test_a_forged_alert_leaves_the_gate_open(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    spent(sandbox, "acme", "200")
    send(sandbox, url, alert(), alert())

    assert run(["listen", "--queue", url, "--once"]) == 0

    assert run(["gate", "acme"]) == 0
    assert left(sandbox, url) == 0


def test_an_alert_that_cannot_be_checked_holds(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults.add(Fault("budgets", "", "error", code="AccessDeniedException", status=400, times=None))
    send(sandbox, url, alert())

    assert run(["listen", "--queue", url, "--once"]) == 0

    assert "acme: is now held: AlertReceived: AWS sent an alert" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("garbage", "it is no alert of AWS Budgets"),
        (envelope(mail(), TopicArn="arn:aws:sns:us-west-2:666666666666:daylily-budget-alerts"), "none of ours"),
        (alert(account="666666666666"), "none of ours"),
        (alert("stranger"), "'stranger' is no customer"),
    ],
)
def test_what_is_none_of_ours_is_thrown_away_and_told(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], body: str, says: str
) -> None:
    send(sandbox, url, body)
    before = len(writes(sandbox))

    assert run(["listen", "--queue", url, "--once"]) == 0

    assert says in capsys.readouterr().err
    assert left(sandbox, url) == 0
    assert {one for one in writes(sandbox)[before:] if not one.startswith("sqs:")} == set()


def test_a_customer_that_fails_keeps_its_message_and_stops_no_other(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    item = {"record": {"S": "gate"}, "owner": {"S": "acme"}, "gate": {"S": "{}"}}
    sandbox.client("dynamodb").put_item(TableName="daylily-billing", Item=item)
    spent(sandbox, "beta", "600")
    send(sandbox, url, alert("acme"), alert("beta"))

    assert run(["listen", "--queue", url, "--once"]) == 5

    assert "acme: FAILED: the gate of acme" in capsys.readouterr().out
    assert run(["gate", "beta"]) == 10
    assert left(sandbox, url) == 1


def test_a_message_that_cannot_be_deleted_is_told_stops_no_other_and_comes_again(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.aws.clients.PATIENT", Retry(attempts=1))
    spent(sandbox, "acme", "600")
    send(sandbox, url, alert("acme"), alert("beta"), "garbage")
    sandbox.faults.add(Fault("sqs", "DeleteMessage", "error", code="InternalError", status=500))

    assert run(["listen", "--queue", url, "--once"]) == 5

    out, err = capsys.readouterr()
    assert "acme: is now held" in out
    assert err.count("sqs:DeleteMessage") == 1
    assert left(sandbox, url) == 1


def test_a_customer_of_another_controller_is_left_to_it(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    spent(sandbox, "acme", "600")
    send(sandbox, url, alert())

    assert run(["listen", "--queue", url, "--once", "--controller-id", "green"]) == 0

    assert run(["gate", "acme"]) == 1


def test_manifests_count_as_they_are_when_the_alert_comes(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spent(sandbox, "acme", "600")
    worksets = {"gate": "Open", "gateReason": "clinical samples"}
    lives = [lambda: write(applied, manifest("acme", "acme-bucket", worksets=worksets)), lambda: None]
    with stopping(monkeypatch, *lives):
        send(sandbox, url, alert())
        assert run(["listen", "--queue", url]) == 130

    assert "acme: is now open: Override: the manifest says Open: clinical samples" in capsys.readouterr().out


def test_manifests_that_broke_leave_the_last_valid_ones(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spent(sandbox, "acme", "600")
    with stopping(monkeypatch, lambda: (applied / "customers" / "acme.yaml").write_text("spec: ["), lambda: None):
        send(sandbox, url, alert())
        assert run(["listen", "--queue", url]) == 130

    out, err = capsys.readouterr()
    assert "going on with the manifests as they were" in err
    assert "acme: is now held" in out


def test_ctrl_c_ends_it_after_the_batch_in_flight(
    applied: Path, url: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent(sandbox, "acme", "600")
    send(sandbox, url, alert(), alert("beta"))

    with stopping(monkeypatch, lambda: None):
        assert run(["listen", "--queue", url]) == 130

    assert left(sandbox, url) == 0
    assert run(["gate", "acme"]) == 10


def test_a_queue_that_cannot_be_asked_for_a_while_is_asked_again(
    applied: Path, url: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("controller.entrypoints.gating.time.sleep", slept.append)
    monkeypatch.setattr("controller.aws.clients.PATIENT", Retry(attempts=1))
    sandbox.faults.add(Fault("sqs", "ReceiveMessage", "throttle"))
    spent(sandbox, "acme", "600")
    send(sandbox, url, alert())

    with stopping(monkeypatch, lambda: None, lambda: None):
        assert run(["listen", "--queue", url]) == 130

    assert "throttled by AWS" in capsys.readouterr().err
    assert 5.0 in slept
    assert run(["gate", "acme"]) == 10


def test_a_queue_that_is_not_there_is_an_error(
    applied: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["listen", "--queue", "https://sqs.us-west-2.amazonaws.com/123456789012/none", "--once"]) == 1

    assert "NonExistentQueue" in capsys.readouterr().err


@contextmanager
def stopping(monkeypatch: pytest.MonkeyPatch, *lives: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C after so many batches; each is begun with what happens before it."""
    left = list(lives)

    def stopped() -> bool:
        if not left:
            return True
        left.pop(0)()
        return False

    @contextmanager
    def stoppable() -> Iterator[Callable[[], bool]]:
        yield stopped

    with monkeypatch.context() as patch:
        patch.setattr("controller.entrypoints.terminal.stoppable", stoppable)
        yield
