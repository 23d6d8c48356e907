"""The owners: a customer and an account, as everything below the manifest sees them.

A manifest says what a person wrote; a Customer is what it means once the settings' defaults are filled in.
Kinds read only these values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from controller.domain.gate import Wish

AlertType = Literal["ACTUAL", "FORECASTED"]
DeletionPolicy = Literal["Retain", "Delete"]

ACCOUNT_PREFIX = "account/"
"""How the ids of accounts begin in the status store; no customer id can contain the slash."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person wrote something: a file and a position in it, counted from 1.

    Line 0: not a position in a file, but what `file` names as a whole, for example an environment variable.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the values of an owner were written: places by dotted path, e.g. `spec.budget.alerts[1].atPercent`.

    `borrowed` are the paths that, when the owner does not write them, stand elsewhere under another path: they are
    looked up in `lender`, and so are paths that are the lender's own (`billing.budgets.alert_thresholds[1]`).
    """

    places: Mapping[str, Place] = field(default_factory=dict)
    borrowed: Mapping[str, str] = field(default_factory=dict)
    lender: "Origin | None" = None

    def locate(self, path: str) -> Place | None:
        """The place of `path`, or of the nearest thing written around it; None where nothing is known."""
        while path:
            place = self.places.get(path) or self._borrow(path)
            if place:
                return place
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get("")

    def _borrow(self, path: str) -> Place | None:
        return self.lender.places.get(self.borrowed.get(path, path)) if self.lender else None


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    region: str
    source: str = field(default="", compare=False, repr=False)
    """Dotted path of what asks for this, in the manifest or the settings; `Origin.locate` takes it."""


@dataclass(frozen=True, slots=True)
class Billing:
    """Who pays, and how. `discount_percent` is None where none was agreed."""

    account_id: str | None = None
    cost_center: str | None = None
    email: str | None = None
    payment_terms: str | None = None
    discount_percent: Decimal | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Transition:
    """Objects under `prefix` move to Standard-IA and to Glacier at these ages in days; None: they do not."""

    prefix: str
    to_ia_days: int | None
    to_glacier_days: int | None
    source: str = field(default="", compare=False, repr=False)
    """Dotted path of what asks for this, in the manifest or the settings; `Origin.locate` takes it."""


@dataclass(frozen=True, slots=True)
class Expiration:
    """Objects under `prefix` are deleted at this age in days."""

    prefix: str
    days: int
    source: str = field(default="", compare=False, repr=False)
    """Dotted path of what asks for this, in the manifest or the settings; `Origin.locate` takes it."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    transitions: tuple[Transition, ...] = ()
    expirations: tuple[Expiration, ...] = ()
    abort_incomplete_uploads_days: int | None = None
    source: str = field(default="", compare=False, repr=False)
    """Dotted path of what asks for this, in the manifest or the settings; `Origin.locate` takes it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Fires once spend is over `at_percent` of the budget. `topic_arn` None with `sns` True: the account's topic."""

    at_percent: Decimal
    type: AlertType = "ACTUAL"
    emails: tuple[str, ...] = ()
    sns: bool = False
    topic_arn: str | None = None
    pause_worksets: bool = False
    source: str = field(default="", compare=False, repr=False)
    """Dotted path of what asks for this, in the manifest or the settings; `Origin.locate` takes it."""


@dataclass(frozen=True, slots=True)
class Budget:
    monthly_limit: Decimal
    alerts: tuple[Alert, ...] = ()
    source: str = field(default="", compare=False, repr=False)
    """Dotted path of what asks for this, in the manifest or the settings; `Origin.locate` takes it."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer, complete. `lifecycle` or `budget` None: no rules, no budget of ours are wanted."""

    name: str
    customer_id: str
    display_name: str
    email: str
    environment: str = "production"
    account: str = "default"
    suspend: bool = False
    deletion_policy: DeletionPolicy = "Retain"
    billing: Billing = Billing()
    quota_gib: int | None = None
    buckets: tuple[Bucket, ...] = ()
    lifecycle: Lifecycle | None = None
    budget: Budget | None = None
    attribution: tuple[tuple[str, str], ...] = ()
    """Tag keys and values that tie cost to this customer, beside daylily:customer_id."""
    wish: Wish = field(default=Wish())
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    generation: str = ""
    """Digest of the spec as written: changes when, and only when, the manifest asks for something else."""
    origin: Origin = field(default=Origin(), compare=False, repr=False)

    @property
    def id(self) -> str:
        """The key of this owner in the status store."""
        return self.customer_id

    @property
    def file(self) -> str:
        """The file of the manifest; empty where it was not read from one."""
        return _file(self.origin)


@dataclass(frozen=True, slots=True)
class Account:
    """One AWS account: what customers in it share. `payer` False: cost allocation tags are managed elsewhere."""

    name: str
    account_id: str
    region: str
    payer: bool = True
    topic_name: str = "daylily-budget-alerts"
    tag_keys: tuple[str, ...] = ()
    controller_id: str = "default"
    suspend: bool = False
    deletion_policy: DeletionPolicy = "Retain"
    generation: str = ""
    origin: Origin = field(default=Origin(), compare=False, repr=False)

    @property
    def id(self) -> str:
        """The key of this owner in the status store."""
        return f"{ACCOUNT_PREFIX}{self.controller_id}/{self.name}"

    @property
    def account(self) -> str:
        """Its own name: what customers in it have in `account`."""
        return self.name

    @property
    def file(self) -> str:
        """The file of the settings; empty where there is none."""
        return _file(self.origin)

    @property
    def topic_arn(self) -> str:
        return f"arn:aws:sns:{self.region}:{self.account_id}:{self.topic_name}"


Owner = Customer | Account


def _file(origin: Origin) -> str:
    place = origin.locate("")
    return place.file if place else ""
