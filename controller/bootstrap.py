"""The only file that knows every concrete class: puts settings, AWS, kinds and the store together."""

import getpass
import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from controller.aws.clients import Aws, Role
from controller.domain.customer import Account, Origin
from controller.domain.safety import EMPTY
from controller.domain.settings import AccountSettings, Settings, UsageSettings
from controller.errors import AccountFailure, InvalidInput
from controller.estimates import BucketFates, Estimates
from controller.fleet import Fleet, Options, Site
from controller.kinds import ACCOUNT_KINDS, CUSTOMER_KINDS
from controller.kinds.bucket_lifecycle import BucketLifecycle, BucketRules
from controller.kinds.bucket_lifecycle import fates_of as fates_of_rules
from controller.kinds.context import Context
from controller.prices import prices
from controller.store.applied_plans import AppliedPlans
from controller.store.lease import LIFETIME, Leases, collect_lease, lease_name
from controller.store.statuses import Statuses
from controller.store.usage_months import UsageMonths

if TYPE_CHECKING:  # what only some commands need is imported where it is made: a plan should begin soon
    from controller.collect import Collector
    from controller.domain.collected import StoredGates, StoredUsage
    from controller.domain.inventory import Inventory
    from controller.gatekeeper import Gatekeeper
    from controller.invoicing import Invoicing
    from controller.listening import Listener
    from controller.sources import CostReader, Sources
    from controller.store.statements import Statements

Clock = Callable[[], datetime]

WRONG_ACCOUNT = "WrongAccount"
"""The code of settings that name another account than the credentials have."""
SOON = ("s3", "budgets", "resourcegroupstaggingapi")
"""Services that every plan asks, right after it has read the statuses."""
READS = 2
"""Reads at a time for each customer that is applied at a time: reading is mostly waiting."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class House:
    """Everything that one command works with."""

    fleet: Fleet
    statuses: Statuses
    leases: Leases
    lease_names: Mapping[str, str]
    """The lease of each account, by account name."""
    applied_plans: AppliedPlans
    accounts: Mapping[str, tuple[Account, Aws]]
    """Each account with its door, by account name."""
    estimates: Estimates
    """What changes of lifecycle rules save."""
    home: Aws
    """The door to where the tables are."""
    clock: Clock
    doors: tuple[Aws, ...]
    """The doors to AWS, one for each set of credentials; they count their calls."""

    @property
    def account_ids(self) -> dict[str, str]:
        """The id of each account, by account name."""
        return {name: account.account_id for name, (account, _) in self.accounts.items()}


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that a command works with that only tells what is stored."""

    statuses: Statuses
    usage: "StoredUsage"
    gates: "StoredGates"
    statements: "Statements"
    clock: Clock


def books(settings: Settings) -> Books:
    """What is stored for these settings. Asks AWS nothing yet."""
    from controller.store.gates import Gates
    from controller.store.statements import Statements

    home, table = home_door(settings), settings.tables.billing
    return Books(
        Statuses(home, table), usage_months(home, settings), Gates(home, table), Statements(home, table), utc_now
    )


def invoicing(settings: Settings, kept: Books) -> "Invoicing":
    """The flow of statements on these books; what it issues names this process."""
    from controller.invoicing import Invoicing

    return Invoicing(kept.statements, settings.statements, kept.clock, _who())


def usage_months(home: Aws, settings: Settings) -> UsageMonths:
    return UsageMonths(home, settings.tables.billing, settings.controller_id)


def build(
    settings: Settings,
    origin: Origin,
    *,
    commit: str = "",
    full: bool = False,
    allow: Collection[str] = (),
    take_over: bool = False,
    clock: Clock | None = None,
    lease_lifetime: float = LIFETIME,
) -> House:
    """The house for these settings. Asks AWS only who we are, and that only where the settings do not say.

    `allow` comes on top of what the settings allow. Raises InvalidInput for a name that allows
    nothing, AccountFailure where the credentials are missing or refused, or belong to another account than configured.
    """
    clock = clock or utc_now
    home = home_door(settings)
    doors = _doors(settings, home)
    sites: dict[str, Site] = {}
    for one, door in doors:
        account = _account(one, door, settings, origin)
        context = Context(account, door, home, settings, clock, full)
        sites[one.name] = Site(
            account,
            tuple(kind(context) for kind in ACCOUNT_KINDS),
            tuple(kind(context) for kind in CUSTOMER_KINDS),
        )
    statuses = Statuses(home, settings.tables.billing)
    settle = timedelta(seconds=settings.settle_seconds)
    limits = settings.safety.model_copy(update={"allow": _allowed(settings, allow)})
    options = Options(settings.controller_id, settings.concurrency, settle, commit, limits, take_over)
    names = {name: lease_name(site.account.account_id, settings.controller_id) for name, site in sites.items()}
    return House(
        fleet=Fleet(sites, statuses, clock, options),
        statuses=statuses,
        leases=leases(home, settings, clock, lease_lifetime),
        lease_names=names,
        applied_plans=AppliedPlans(home, settings.tables.billing),
        accounts={one.name: (sites[one.name].account, door) for one, door in doors},
        estimates=Estimates(usage_months(home, settings), {BucketLifecycle.name: _fates}, prices, clock),
        home=home,
        clock=clock,
        doors=_distinct(home, doors),
    )


def listener(settings: Settings, house: House) -> "Listener":
    """Who hears the alerts of the accounts of this house."""
    from controller.listening import Listener
    from controller.usage.budget_spend import SpendReader

    spends = {name: SpendReader(door, account, house.clock) for name, (account, door) in house.accounts.items()}
    keeper = gatekeeper(house.home, settings, house.clock)
    return Listener(keeper, spends, usage_months(house.home, settings), house.clock)


@dataclass(frozen=True, slots=True)
class CollectHouse:
    """Everything that `collect` works with."""

    collector: "Collector"
    leases: Leases
    lease: str
    """The name of the lease that a collect holds."""
    doors: tuple[Aws, ...]


def collect_house(settings: Settings, origin: Origin, clock: Clock | None = None) -> CollectHouse:
    """The house for collecting. Asks AWS, and raises, as `build` does."""
    from controller.collect import Collector
    from controller.sources import Library
    from controller.usage.worksets import WorksetReader

    clock = clock or utc_now
    home = home_door(settings)
    doors = _doors(settings, home)
    usage = settings.usage
    sources = {one.name: _sources(_account(one, door, settings, origin), door, settings, clock) for one, door in doors}
    ledger = WorksetReader(home, settings.tables.worksets, clock)
    library = Library(sources, ledger, forecasts=usage.forecast == "cost_explorer", cluster_tag=usage.cluster_tag)
    months, statuses = usage_months(home, settings), Statuses(home, settings.tables.billing)
    keeper = gatekeeper(home, settings, clock)
    return CollectHouse(
        collector=Collector(library, months, statuses, usage, clock, settings.controller_id, keeper),
        leases=leases(home, settings, clock),
        lease=collect_lease(settings.controller_id),
        doors=_distinct(home, doors),
    )


def _sources(account: Account, door: Aws, settings: Settings, clock: Clock) -> "Sources":
    """The readers of one account."""
    from controller.sources import Sources
    from controller.usage.budget_spend import SpendReader
    from controller.usage.cost_explorer import ForecastReader
    from controller.usage.storage_metrics import StorageReader

    return Sources(
        account=account,
        costs=_costs(account, door, settings.usage, clock),
        forecasts=ForecastReader(door, account, settings.usage, clock),
        spends=SpendReader(door, account, clock),
        storage=StorageReader(door, clock),
    )


def _costs(account: Account, door: Aws, usage: UsageSettings, clock: Clock) -> "CostReader":
    """Cost Explorer, or the export that the settings name. In a cluster no disk outlives a run: nothing is kept."""
    if usage.cost_source == "cost_explorer" or usage.data_export is None:
        from controller.usage.cost_explorer import CostReader

        return CostReader(door, account, usage, clock)
    from controller.usage.data_export import DataExportReader

    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ
    export = usage.data_export.model_copy(update={"cache_folder": None}) if in_cluster else usage.data_export
    return DataExportReader(door, account, usage, export, clock)


def read_inventory(files: Sequence[Path], prefixes: Collection[str], now: datetime) -> "Inventory":
    """What an S3 Inventory says. Raises InvalidInput where the files are none."""
    from controller.usage import inventory

    return inventory.read_inventory(files, prefixes, now)


def powers() -> dict[str, str]:
    """All that is done only where it is allowed by name, in words."""
    empty = {EMPTY: "a folder without any manifest means that every customer is gone"}
    return empty | {name: words for kind in (*ACCOUNT_KINDS, *CUSTOMER_KINDS) for name, words in kind.powers.items()}


def _allowed(settings: Settings, allow: Collection[str]) -> tuple[str, ...]:
    allowed = tuple(sorted({*settings.safety.allow, *allow}))
    for name in allowed:
        if name not in powers():
            raise InvalidInput(f"--allow or safety.allow: {name!r} is none of {', '.join(sorted(powers()))}")
    return allowed


def leases(home: Aws, settings: Settings, clock: Clock | None = None, lifetime: float = LIFETIME) -> Leases:
    """The leases of this settings' table, held in the name of this process."""
    return Leases(home, settings.tables.billing, _who(), clock or utc_now, time.monotonic, time.sleep, lifetime)


def _fates(state: BucketRules) -> BucketFates:
    return BucketFates(state.region, fates_of_rules(state))


def gatekeeper(home: Aws, settings: Settings, clock: Clock) -> "Gatekeeper":
    """The keeper of the gates in this settings' tables; the audit trail names this process."""
    from controller.domain.gate import Policy
    from controller.gatekeeper import Gatekeeper
    from controller.store.gates import Gates
    from controller.store.pauses import Pauses

    gates, records = Gates(home, settings.tables.billing), Pauses(home, settings.tables.customers)
    policy = Policy(**settings.gate.model_dump())
    return Gatekeeper(gates, records, policy, clock, _who(), settings.concurrency)


def _who() -> str:
    """This process in words, with the CI run where it is one."""
    run = os.environ.get("GITHUB_RUN_ID") or os.environ.get("CI_JOB_URL")
    return f"{_user()} on {socket.gethostname()}, process {os.getpid()}" + (f", CI run {run}" if run else "")


def _user() -> str:
    """By name, or by number in a container whose user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the former before Python 3.13
        return f"user {os.getuid()}"


def home_door(settings: Settings) -> Aws:
    """The door to where the tables are: the credentials as they are."""
    return Aws(region=settings.tables.region, concurrency=READS * settings.concurrency)


def _doors(settings: Settings, home: Aws) -> list[tuple[AccountSettings, Aws]]:
    """The accounts of the settings, each with its door: the home door where the same credentials serve."""
    return [
        (one, home if one.role_arn is None and one.region in (None, home.region) else _door(one, settings))
        for one in settings.accounts or (AccountSettings(name="default"),)
    ]


def _distinct(home: Aws, doors: list[tuple[AccountSettings, Aws]]) -> tuple[Aws, ...]:
    return (home, *(door for _, door in doors if door is not home))


def _door(account: AccountSettings, settings: Settings) -> Aws:
    role = Role(account.role_arn, account.external_id) if account.role_arn else None
    return Aws(region=account.region, role=role, concurrency=READS * settings.concurrency)


def _account(one: AccountSettings, door: Aws, settings: Settings, origin: Origin) -> Account:
    return Account(
        name=one.name,
        account_id=_account_id(one, door),
        region=one.region or door.region,
        payer=one.payer,
        topic_name=settings.alerts.topic_name,
        tag_keys=settings.billing.cost_allocation_tags if settings.billing.enabled else (),
        controller_id=settings.controller_id,
        generation=settings.digest(),
        origin=origin,
    )


def _account_id(one: AccountSettings, door: Aws) -> str:
    """From the settings where a role is assumed in it; otherwise the credentials' own, which must agree."""
    found = one.role_account or door.account_id()
    if one.id and one.id != found:
        whose = "the role_arn" if one.role_arn else "the credentials belong to the account"
        raise AccountFailure(
            f"{whose} {found}, but the settings say {one.id} for {one.name!r}",
            code=WRONG_ACCOUNT,
            advice="Use other credentials, or name a role_arn for this account.",
        )
    return found


def count_calls(doors: tuple[Aws, ...]) -> Iterator[tuple[str, int]]:
    """How often each operation was called, over all doors."""
    totals: dict[str, int] = {}
    for door in doors:
        for name, count in door.calls.items():
            totals[name] = totals.get(name, 0) + count
    yield from sorted(totals.items())
