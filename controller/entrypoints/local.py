"""The commands `sandbox` and `demo`: the local AWS, for looking around and for a first impression."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from rich.text import Text

from controller.bootstrap import home_door
from controller.domain.customer import Customer
from controller.domain.settings import Settings
from controller.entrypoints import exit_codes, inputs, terminal
from controller.errors import ReconcileError
from controller.sandbox import Sandbox
from controller.sandbox.seed import seed
from controller.sandbox.seed_costs import BETA
from controller.store import tables

LOCAL = {"RECONCILE_SETTLE_SECONDS": "0", "RECONCILE_VERIFY__SUBSCRIBERS_HOURS": "0"}
"""The local AWS answers at once and for free: nothing has to settle, and nothing is taken on trust."""

COUNTS_EVERY = 5.0
"""Seconds after which the local AWS counts spend anew; the real one does it three times a day."""


def sandbox(port: int) -> int:
    """Serves until Ctrl-C or SIGTERM. Prints what to export, and nothing else, to stdout."""
    misleading = sorted(filter(_misleads, os.environ))
    with _seeded(port) as local:
        for name in misleading:
            terminal.write(f"unset {name}")
        for name, value in {**local.environment(), **LOCAL}.items():
            terminal.write(f"export {name}={value}")
        terminal.say(f"Local AWS on {local.url}, nothing leaves this machine. Ctrl-C stops it.")
        stop = threading.Event()
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, lambda *_: stop.set())
        while not stop.wait(COUNTS_EVERY):
            local.budgets.refresh()
    return exit_codes.OK


def demo(paths: Sequence[Path], run: Callable[[list[str]], int]) -> int:
    """The main job from nothing to healed drift, by the commands that `run` takes. Fails when a step does not do it."""

    def step(why: str, arguments: list[str], expected: int) -> None:
        _title(why)
        terminal.say(Text(f"$ reconcile {' '.join(arguments)}", style="cyan"))
        code = run(arguments)
        if code != expected:
            raise ReconcileError(f"the demo expected exit code {expected} and got {code}")

    files = [part for path in paths for part in ("-f", str(path))]
    with _seeded(0) as local, _environment({**local.environment(), **LOCAL, "RECONCILE_SETTINGS": os.devnull}):
        _title(f"A local AWS on {local.url}: no account is needed, nothing leaves this machine")
        step("What would change? (exit code 2: something would)", ["--plan", "--detailed-exitcode", *files], 2)
        step("Make it so", ["--apply", "--yes", *files], 0)
        step("Plan again: AWS agrees with the manifests", ["--plan", "--detailed-exitcode", *files], 0)
        _title("Someone changes things by hand")
        for told in _meddle(local, paths):
            terminal.say(f"  {told}")
        step("The plan finds each of them", ["--plan", "--detailed-exitcode", *files], 2)
        step("Apply puts them back, and nothing else", ["--apply", "--yes", *files], 0)
        step("Plan again", ["--plan", "--detailed-exitcode", *files], 0)
        _title("AWS counts the month's spend, as it does three times a day")
        local.budgets.refresh()
        step("Nothing to do, but the spend is written back", ["--apply", "--yes", *files], 0)
        _show_usage(step, inputs.read(paths, None, {}, keep_going=False).manifests.customers, files)
        step("What is known of everybody", ["status"], 0)
    _title("That was it. Next: README.md, or `reconcile sandbox` to try your own manifests")
    return exit_codes.OK


def _show_usage(step: Callable[[str, list[str], int], None], customers: Sequence[Customer], files: list[str]) -> None:
    """What the first customer used, what all cost, and the gate of the one that the local AWS bills over its budget."""
    step("Collect what everybody used and cost, and decide the gates", ["collect", *files], 0)
    step("What a customer used this month", ["usage", customers[0].name], 0)
    step("What it all cost, and what of it nobody is charged for", ["costs", "--by", "service"], 0)
    if over := next((one for one in customers if one.customer_id == BETA), None):
        step("May this one submit new worksets? (exit code 10: the gate is held)", ["gate", over.name], exit_codes.HELD)


@contextmanager
def _seeded(port: int) -> Iterator[Sandbox]:
    """A sandbox with the example customers' buckets and costs, and with our tables."""
    if find_spec("moto") is None:
        raise ReconcileError("the local AWS needs moto: pip install 'daylily-reconcile[sandbox]'")
    with _environment({}), Sandbox(port) as local:
        seed(local)
        with _environment(local.environment()):
            settings = Settings()
            for _ in tables.make(home_door(settings), settings.tables):
                pass
        yield local


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """These variables, and no other that leads AWS or us somewhere else."""
    before = dict(os.environ)
    for name in filter(_misleads, before):
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _misleads(name: str) -> bool:
    """Variables that would take calls, credentials or settings from elsewhere than the local AWS."""
    return name.upper().startswith(("AWS_", "RECONCILE_")) or name.upper().endswith("_PROXY")


def _title(text: str) -> None:
    terminal.say(Text(f"\n{text}", style="bold"))


def _meddle(local: Sandbox, paths: Sequence[Path]) -> Iterator[str]:
    """Changes a tag, a lifecycle rule and a budget of the first customer, with plain boto3."""
    customers = inputs.read(paths, None, {}, keep_going=False).manifests.customers
    customer = next(one for one in customers if one.budget and one.lifecycle)
    bucket = customer.buckets[0]
    s3 = local.client("s3", region=bucket.region)

    tags = s3.get_bucket_tagging(Bucket=bucket.name)["TagSet"]
    for tag in tags:
        tag["Value"] = "CC-SOMEONE-ELSE" if tag["Key"] == "daylily:cost_center" else tag["Value"]
    s3.put_bucket_tagging(Bucket=bucket.name, Tagging={"TagSet": tags})
    yield f"{bucket.name}: the tag daylily:cost_center is set to CC-SOMEONE-ELSE"

    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    kept = [rule for rule in rules if rule["ID"] != "daylily-CleanupIncomplete"]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": kept})
    yield f"{bucket.name}: the lifecycle rule daylily-CleanupIncomplete is deleted"

    budgets = local.client("budgets", region="us-east-1")
    account = local.client("sts").get_caller_identity()["Account"]
    name = f"daylily-{customer.customer_id}-monthly"
    budget = budgets.describe_budget(AccountId=account, BudgetName=name)["Budget"]
    raised = {key: value for key, value in budget.items() if key not in ("CalculatedSpend", "LastUpdatedTime")}
    raised["BudgetLimit"] = {"Amount": "9999", "Unit": "USD"}
    budgets.update_budget(AccountId=account, NewBudget=raised)
    yield f"{name}: the limit is raised to 9,999 USD"
