"""What a customer used and what it cost in a month, and what of an account's cost nobody is charged for. Values only.

Everything here is stored as it stands, one item for each customer and month. Every figure says where it comes from, as
of when, and whether it is actual, an estimate, or unknown; unknown is None and never zero. Costs are in the currency
that AWS bills in, exact as AWS or the ledger gave them; `Line.amount` alone is rounded, once, to whole cents, and
everything that is shown or added up is made of lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from controller.domain.money import ZERO
from controller.errors import Failure

FORMAT = 1

DOLLARS = "USD"
"""What limits of budgets and the ledger are in."""

Source = Literal["cost_explorer", "budgets", "cloudwatch", "ledger", "split", "run_rate", "manifest"]
"""`split`: the written rule by which a shared cost is divided. `run_rate`: our own arithmetic. `manifest`: what it said
when the month was collected."""
Certainty = Literal["actual", "estimated", "unknown"]
"""`estimated`: AWS may still change it, or it was never measured."""
Part = Literal["storage", "compute", "data_transfer", "other"]
"""The parts of the seed document's usage response; together they are the whole."""


@dataclass(frozen=True, slots=True)
class CostRow:
    """Cost of one service in a month by AWS, as it is tagged. `service` is the name that people are shown.

    `tag_value` is empty for untagged cost. `record_type` is set for what is kept out of the cost (credits and so on).
    """

    month: str
    tag_key: str
    tag_value: str
    service: str
    part: Part
    amount: Decimal
    quantity: Decimal | None = None
    unit: str = ""
    record_type: str = ""


@dataclass(frozen=True, slots=True)
class CostReading:
    """What Cost Explorer, or a data export, says of some months of one account.

    `rows` together are the account's whole cost but the excluded record types, which are in `excluded`. `estimated`:
    the months whose bill AWS has not closed. `currency` is the unit that AWS counts in. `refused`: months that it was
    asked about and did not tell, with the reason; they are not in `months`. `notes`: what else people should know.
    `account` is the account's name, `account_id` its 12 digits.
    """

    account: str
    months: tuple[str, ...]
    rows: tuple[CostRow, ...]
    excluded: tuple[CostRow, ...]
    estimated: frozenset[str]
    as_of: AwareDatetime
    pages: int
    currency: str = "USD"
    refused: Mapping[str, Failure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class BucketStorage:
    """One bucket by CloudWatch's daily metrics: bytes by storage type, e.g. `StandardStorage`. No type: an empty
    bucket, or one too young to be measured, so then `as_of` is None and nothing is known."""

    bucket: str
    bytes_by_type: Mapping[str, int] = field(default_factory=dict)
    objects: int | None = None
    as_of: AwareDatetime | None = None

    @property
    def total(self) -> int | None:
        return sum(self.bytes_by_type.values()) if self.bytes_by_type else None


@dataclass(frozen=True, slots=True)
class Workset:
    """One workset of the ledger. `month` is the one that it counts in: that of its last completion, else of its end.

    None where it has not ended: it counts in the month that is running. `cost` is USD, None where nothing says it;
    `vcpu_hours` are threads times hours, over all benchmark rows. `kept`: the ledger has it no more, or in another
    month, and it stays as it was recorded. `charged`: its cost is in the line of compute; allocation says so.
    """

    workset_id: str
    state: str
    outcome: Literal["completed", "failed", "pending", "other"]
    month: str | None = None
    name: str = ""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    minutes: Decimal | None = None
    samples: int | None = None
    vcpu_hours: Decimal | None = None
    cost: Decimal | None = None
    certainty: Certainty = "unknown"
    per_sample: Mapping[str, Decimal] = field(default_factory=dict)
    results_bytes: int | None = None
    kept: bool = False
    charged: bool = False
    cluster: str = ""
    """The name of the one that it ran on, where the ledger tells it."""

    @property
    def has_ended(self) -> bool:
        return self.month is not None


@dataclass(frozen=True, slots=True)
class Spend:
    """A budget as AWS Budgets tells it. `actual` None: AWS has not counted, e.g. since the budget was written.

    `as_of` None: AWS told nothing; `limit` is that of the manifest.
    """

    limit: Decimal | None
    actual: Decimal | None
    forecast: Decimal | None
    as_of: AwareDatetime | None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the whole month is expected to cost; `low` and `high` only where the source gives an interval."""

    amount: Decimal
    source: Source
    as_of: AwareDatetime
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what a customer is charged for, or of what nobody is. `amount` is in whole cents.

    `exact` is the amount before rounding; `quantity` and `unit` are what AWS or the ledger counted.
    """

    service: str
    part: Part
    amount: Decimal
    exact: Decimal
    source: Source
    certainty: Certainty
    quantity: Decimal | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a customer pays, as its manifest said when the month was collected."""

    email: str | None = None
    account_id: str | None = None
    payment_terms: str | None = None
    discount_percent: Decimal | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class CustomerMonth:
    """All that is known of one customer and month.

    `lines` add up to the cost. `tagged` is AWS's cost as it is tagged, before compute was chosen from tags or ledger
    (`compute_source`); `excluded` are credits, refunds and the like, which are in no line. `absorbed` and `flagged`:
    ledger cost of failed worksets that is not charged, by setting. `costs_as_of` None: AWS was never asked, or did not
    answer, so the cost is not known, whatever the lines say. `payer` is the account whose bill the cost is on; empty:
    its own.
    """

    customer_id: str
    month: str
    name: str = ""
    display_name: str = ""
    account: str = "default"
    payer: str = ""
    cost_center: str | None = None
    currency: str = "USD"
    lines: tuple[Line, ...] = ()
    tagged: tuple[CostRow, ...] = ()
    excluded: tuple[CostRow, ...] = ()
    compute_source: Source | None = None
    absorbed: Decimal = ZERO
    flagged: Decimal = ZERO
    costs_as_of: AwareDatetime | None = None
    costs_estimated: bool = True
    storage: tuple[BucketStorage, ...] | None = None
    quota_gib: int | None = None
    worksets: tuple[Workset, ...] = ()
    worksets_as_of: AwareDatetime | None = None
    spend: Spend | None = None
    forecast: Forecast | None = None
    problems: tuple[str, ...] = ()
    """What could not be read, in words: the figures that come from it are unknown or of an earlier reading."""
    remarks: tuple[str, ...] = ()
    """What people should know of the figures, all of which could be read."""
    terms: Terms = Terms()
    format: int = FORMAT

    @property
    def total(self) -> Decimal | None:
        """The cost in whole cents; None while nothing is known."""
        return sum((line.amount for line in self.lines), ZERO) if self.is_known else None

    @property
    def paid_by(self) -> str:
        """The account whose bill the cost is on."""
        return self.payer or self.account

    @property
    def is_known(self) -> bool:
        return self.costs_as_of is not None or (self.worksets_as_of is not None and bool(self.lines))

    def part(self, part: Part) -> Decimal | None:
        if not self.is_known:
            return None
        return sum((line.amount for line in self.lines if line.part == part), ZERO)


@dataclass(frozen=True, slots=True)
class AccountMonth:
    """What an account that pays cost in a month beside its customers.

    `lines` are what nobody is charged for: untagged, tagged with a value that is no customer's (`mistagged`, by
    value, and `mistagged_services`, by service), shared and not split, and what rounding leaves over. One is below zero
    where the ledger counts more compute than AWS bills. Together with the lines of all customers that it pays for they
    are the account's cost, to the cent. `totals` is that cost by service, exact; `excluded` is what is kept out of it,
    by record type. `clusters` is cost that goes by a cluster's name; of one that is a customer's alone it is among its
    lines, too. `asked_at` is when Cost Explorer was last paid for it, and `pages` how many that were, for all
    months that it was asked about together. `settled`: AWS has closed the bill and the ledger was read since, so
    nothing of this month is read any more.
    """

    account: str
    month: str
    lines: tuple[Line, ...] = ()
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    mistagged: Mapping[str, Decimal] = field(default_factory=dict)
    mistagged_services: Mapping[str, Decimal] = field(default_factory=dict)
    excluded: Mapping[str, Decimal] = field(default_factory=dict)
    estimated: bool = True
    settled: bool = False
    asked_at: AwareDatetime | None = None
    pages: int = 0
    currency: str = "USD"
    account_id: str = ""
    clusters: tuple[CostRow, ...] = ()
    format: int = FORMAT

    @property
    def unallocated(self) -> Decimal:
        return sum((line.amount for line in self.lines), ZERO)
