"""What lifecycle rules save: the cost of what a bucket holds all in Standard, as it is now, and under rules. Pure.

What a bucket holds is told by cohorts: objects of one class, with sizes and ages. Rules say in which class an object of
an age is. In the steady state every object is where the rules have put it at its age; what it costs a month is storage,
what AWS adds to small and to archived objects, the objects that move each month, and what is charged beyond the stay of
those that leave a class before its minimum. Retrieval is not in it, nor are other requests.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from controller.domain.customer import Lifecycle
from controller.domain.money import ZERO
from controller.domain.prices import GIB, STANDARD, Prices

MONTH = Decimal(30)
"""Days of a month, wherever objects are counted by month."""
RETENTION = 240
"""How many days old objects get where nothing says it: what makes the design document's 8.50 of 23.00 USD."""
SMALL = 128 * 1024
"""Objects below so many bytes are not moved by a rule without a size filter: the default of S3 since September 2024,
`all_storage_classes_128K` (S3 User Guide, lifecycle-transition-general-considerations)."""

RANKS: Mapping[str, int] = {
    STANDARD: 0,
    "REDUCED_REDUNDANCY": 0,
    "STANDARD_IA": 1,
    "ONEZONE_IA": 1,
    "INTELLIGENT_TIERING": 1,
    "GLACIER_IR": 2,
    "GLACIER": 3,
    "DEEP_ARCHIVE": 4,
}
"""How cold a class is. A rule moves objects to a colder class only, never back (S3's waterfall of transitions)."""


# What rules do


@dataclass(frozen=True, slots=True)
class Stage:
    """An object is in this class from one age up to another, in days; None: for ever."""

    storage_class: str
    begin: Decimal
    end: Decimal | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What all rules together do to an object: `steps` are ages and classes, ascending in both."""

    steps: tuple[tuple[int, str], ...] = ()
    expires: int | None = None

    def stages(self, gone: Decimal | None = None) -> list[Stage]:
        """The life of an object, which begins in Standard; it ends as the rules say, or when it is `gone` otherwise."""
        end = min((one for one in (self.expires, gone) if one is not None), default=None)
        starts = [(ZERO, STANDARD), *((Decimal(days), name) for days, name in self.steps)]
        starts = [one for one in starts if end is None or one[0] < end]
        ends: list[Decimal | None] = [begin for begin, _ in starts[1:]]
        ends.append(None if end is None else Decimal(end))
        stages = (Stage(name, begin, until) for (begin, name), until in zip(starts, ends, strict=True))
        return [stage for stage in stages if stage.begin != stage.end]


Fates = Mapping[str, Fate]
"""What happens to objects by the longest of these prefixes that their keys begin with. Always has the empty one."""


def fates(transitions: Iterable[tuple[str, Mapping[str, int]]], expirations: Iterable[tuple[str, int]]) -> Fates:
    """From rules as prefix and age in days by class, and prefix and age. Where rules meet, the colder class and the
    earlier deletion win (S3 User Guide, lifecycle-conflicts)."""
    moves, ends = list(transitions), list(expirations)
    prefixes = {"", *(prefix for prefix, _ in moves), *(prefix for prefix, _ in ends)}
    return {prefix: _fate(prefix, moves, ends) for prefix in sorted(prefixes)}


def fates_of(lifecycle: Lifecycle | None) -> Fates:
    """Of the rules that a customer wants."""
    if lifecycle is None:
        return fates((), ())
    moves = []
    for one in lifecycle.transitions:
        days = {"STANDARD_IA": one.to_ia_days, "GLACIER": one.to_glacier_days}
        moves.append((one.prefix, {name: count for name, count in days.items() if count is not None}))
    return fates(moves, [(one.prefix, one.days) for one in lifecycle.expirations])


def classes_of(rules: Fates) -> set[str]:
    """The storage classes that they move objects into."""
    return {name for fate in rules.values() for _, name in fate.steps}


def _fate(prefix: str, moves: Collection[tuple[str, Mapping[str, int]]], ends: Collection[tuple[str, int]]) -> Fate:
    found = sorted(
        (days, RANKS.get(name, 0), name)
        for where, ages in moves
        if prefix.startswith(where)
        for name, days in ages.items()
    )
    steps: list[tuple[int, str]] = []
    rank = 0
    for days, colder, name in found:
        if colder > rank:
            steps = [step for step in steps if step[0] < days] + [(days, name)]
            rank = colder
    return Fate(tuple(steps), min((days for where, days in ends if prefix.startswith(where)), default=None))


# What there is


@dataclass(frozen=True, slots=True)
class Cohort:
    """Objects of one class, spread evenly over the ages from `young` up to `old`, in days. `size` is in bytes.

    `prefix` is the longest one of the rules that their keys begin with. `objects` None: nobody counted them. `small`:
    each is below the size that rules move. `current` False: versions that newer ones replaced, which our rules leave.
    """

    storage_class: str
    young: Decimal
    old: Decimal
    size: Decimal
    objects: Decimal | None = None
    prefix: str = ""
    small: bool = False
    current: bool = True

    def part(self, share: Decimal) -> "Cohort":
        return replace(self, size=self.size * share, objects=None if self.objects is None else self.objects * share)

    def between(self, begin: Decimal, end: Decimal | None) -> "Cohort":
        """Those of it that are of these ages; some are."""
        top = self.old if end is None else min(self.old, end)
        return replace(self.part(self.share_between(begin, end)), young=max(self.young, begin), old=top)

    def share_between(self, begin: Decimal, end: Decimal | None) -> Decimal:
        """How much of it is of these ages."""
        top = self.old if end is None else min(self.old, end)
        return max(top - max(self.young, begin), ZERO) / (self.old - self.young)

    def monthly_share(self, age: Decimal) -> Decimal:
        """How much of it reaches an age in a month: as much as is as old, or became so in the last month."""
        if self.old - self.young >= MONTH:
            return MONTH / (self.old - self.young) if self.young <= age < self.old else ZERO
        return self.share_between(age, age + MONTH)


@dataclass(frozen=True, slots=True)
class Stock:
    """What one bucket holds. `by_prefix` False: nobody knows what is under which prefix.

    `gone`: the age at which objects are assumed to be deleted by whoever made them. `versioned`: an expiration only
    puts a marker on an object, and frees nothing.
    """

    bucket: str
    region: str
    cohorts: tuple[Cohort, ...] = ()
    by_prefix: bool = False
    gone: Decimal | None = None
    versioned: bool = False
    assumptions: tuple[str, ...] = ()

    @property
    def size(self) -> Decimal:
        return sum((one.size for one in self.cohorts), ZERO)

    @property
    def objects(self) -> Decimal | None:
        """None where they were not counted."""
        counted = [one.objects for one in self.cohorts if one.objects is not None]
        return sum(counted, ZERO) if len(counted) == len(self.cohorts) else None

    def placed(self, shares: Mapping[str, Decimal]) -> "Stock":
        """With so much of it under each prefix, the shares being 1 together."""
        cohorts = (
            replace(one.part(share), prefix=prefix) for one in self.cohorts for prefix, share in shares.items() if share
        )
        return replace(self, cohorts=tuple(cohorts), by_prefix=True)

    def anew(self) -> "Stock":
        """As if all of it came under rules from its first day: what a stock is in the long run."""
        return replace(self, cohorts=tuple(replace(one, storage_class=STANDARD) for one in self.cohorts))


def uniform(
    sizes: Mapping[str, int], objects: int | None, retention: Decimal, *, bucket: str = "", region: str = ""
) -> Stock:
    """A stock by bytes in each storage class alone, evenly aged up to `retention` days: the colder, the older."""
    total = Decimal(sum(sizes.values()))
    counted = None if objects is None else Decimal(objects)
    cohorts, young = [], ZERO
    for name, size in sorted(sizes.items(), key=lambda item: (RANKS.get(item[0], 0), item[0])):
        if size <= 0:
            continue
        share = Decimal(size) / total
        old = young + retention * share
        count = None if counted is None else counted * share
        small = counted is not None and total < counted * SMALL
        cohorts.append(Cohort(name, young, old, Decimal(size), count, small=small))
        young = old
    return Stock(bucket, region, tuple(cohorts), gone=retention)


# What it costs


@dataclass(frozen=True, slots=True)
class Cost:
    """USD a month. `overhead` is what archived objects have on top, `requests` the objects that rules move, `early`
    what is charged for less than the minimum stay. None: objects were not counted, so it is not known."""

    storage: Decimal = ZERO
    overhead: Decimal | None = ZERO
    requests: Decimal | None = ZERO
    early: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Of what is known."""
        return self.storage + (self.overhead or ZERO) + (self.requests or ZERO) + self.early

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.storage + other.storage,
            _sum(self.overhead, other.overhead),
            _sum(self.requests, other.requests),
            self.early + other.early,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """One stock under rules: the steady state, and the way there.

    `moving` is what the requests cost once that move what is due already, `moved` how many objects that are, and
    `monthly` how many move each month after.
    """

    steady: Cost
    moving: Decimal | None = ZERO
    moved: Decimal | None = ZERO
    monthly: Decimal | None = ZERO


def in_standard(stock: Stock, prices: Prices) -> Cost:
    """All of it in Standard, for as long as it is there."""
    return Cost(prices.in_standard(stock.size))


def standing(cohorts: Iterable[Cohort], prices: Prices) -> Cost:
    """A month of cohorts that stay where they are. A class without a price counts as Standard."""
    standard, storage = ZERO, ZERO
    overhead: Decimal | None = ZERO
    for one in cohorts:
        price = prices.classes.get(one.storage_class)
        if price is None:
            standard += one.size
            continue
        billed = one.size if one.objects is None else max(one.size, one.objects * price.least_bytes)
        storage += billed / GIB * price.price
        own, beside = Decimal(price.own_overhead), Decimal(price.standard_overhead)
        if own or beside:
            rate = own / GIB * price.price + beside / GIB * prices.standard[0].price
            overhead = _sum(overhead, None if one.objects is None else one.objects * rate)
    return Cost(prices.in_standard(standard) + storage, overhead)


def under(stock: Stock, rules: Fates, prices: Prices) -> Outcome:
    """A stock whose prefixes are known, under rules."""
    cost = standing(_settled(stock, rules), prices)
    moved: Decimal | None = ZERO
    monthly: Decimal | None = ZERO
    due: Decimal | None = ZERO
    for one in stock.cohorts:
        for stage in _stages(one, stock, rules)[1:]:
            if _moves(one, stage.storage_class):
                count = _times(one.objects, one.share_between(stage.begin, stage.end))
                moved, due = _sum(moved, count), _sum(due, _requests(count, stage, prices))
        for stage in _passes(one, stock, rules):
            count = _times(one.objects, one.monthly_share(stage.begin))
            monthly = _sum(monthly, count)
            cost += Cost(requests=_requests(count, stage, prices), early=_early(one, stage, prices))
    return Outcome(cost, due, moved, monthly)


def _settled(stock: Stock, rules: Fates) -> Iterator[Cohort]:
    """What there is in the steady state, where it is."""
    for one in stock.cohorts:
        for stage in _stages(one, stock, rules):
            if one.share_between(stage.begin, stage.end):
                name = stage.storage_class if _moves(one, stage.storage_class) else one.storage_class
                yield replace(one.between(stage.begin, stage.end), storage_class=name)


def _stages(one: Cohort, stock: Stock, rules: Fates) -> list[Stage]:
    """The life of these objects under the rules, where they begin in Standard."""
    if not one.current:
        return [Stage(STANDARD, ZERO, None)]
    fate = _nearest(rules, one.prefix)
    return Fate(() if one.small else fate.steps, None if stock.versioned else fate.expires).stages()


def _passes(one: Cohort, stock: Stock, rules: Fates) -> list[Stage]:
    """The stages that such objects come into by a rule, when they were put into the bucket as most are: in Standard."""
    stages = _stages(one, stock, rules)
    if RANKS.get(one.storage_class, 0) > max(RANKS.get(stage.storage_class, 0) for stage in stages):
        return []
    end = stages[-1].end
    gone = min((age for age in (end, stock.gone) if age is not None), default=None)
    alive = [stage for stage in stages[1:] if gone is None or stage.begin < gone]
    return [*alive[:-1], replace(alive[-1], end=gone)] if alive else []


def _moves(one: Cohort, storage_class: str) -> bool:
    return RANKS.get(storage_class, 0) > RANKS.get(one.storage_class, 0)


def _requests(count: Decimal | None, stage: Stage, prices: Prices) -> Decimal | None:
    return _times(count, prices.classes[stage.storage_class].transition / 1000)


def _early(one: Cohort, stage: Stage, prices: Prices) -> Decimal:
    """What AWS charges in a month for the rest of the minimum stay of those that leave too soon."""
    price = prices.classes[stage.storage_class]
    if stage.end is None or stage.end - stage.begin >= price.least_days:
        return ZERO
    missing = price.least_days - (stage.end - stage.begin)
    return one.size * one.monthly_share(stage.begin) / GIB * price.price * missing / MONTH


def _times(count: Decimal | None, factor: Decimal) -> Decimal | None:
    """Nothing of an unknown number is nothing."""
    if count is None:
        return None if factor else ZERO
    return count * factor


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


# What rules save


@dataclass(frozen=True, slots=True)
class Savings:
    """What rules save on one bucket. `outcomes`: one where it is known what lies where, else what is possible; by what
    the steady state costs, the dearest first."""

    stock: Stock
    all_standard: Cost
    now: Cost
    outcomes: tuple[Outcome, ...]

    @property
    def least(self) -> Outcome:
        return self.outcomes[0]

    @property
    def most(self) -> Outcome:
        return self.outcomes[-1]

    @property
    def moving(self) -> tuple[Decimal, Decimal] | None:
        """What moving costs once, from and to; None: objects were not counted."""
        return _range(one.moving for one in self.outcomes)

    @property
    def monthly(self) -> tuple[Decimal, Decimal] | None:
        """How many objects move each month, from and to."""
        return _range(one.monthly for one in self.outcomes)


def savings(stock: Stock, rules: Fates, prices: Prices, shares: Mapping[str, Decimal] | None = None) -> Savings:
    """`shares` is how much lies under which prefix, the rest under none; None: that is not known."""
    found = [under(one, rules, prices) for one in scenarios(stock, rules, shares)]
    found.sort(key=lambda one: -one.steady.total)
    return Savings(stock, in_standard(stock, prices), standing(stock.cohorts, prices), tuple(found))


def scenarios(stock: Stock, rules: Fates, shares: Mapping[str, Decimal] | None = None) -> list[Stock]:
    """The stock with its prefixes known; where they are not, once with all of it under each."""
    if stock.by_prefix:
        return [stock]
    if shares is not None:
        rest = 1 - sum(shares.values(), ZERO)
        return [stock.placed({**shares, "": shares.get("", ZERO) + rest})]
    return [stock.placed({prefix: Decimal(1)}) for prefix in rules]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change of rules saves a month in the long run, from `low` to `high`; below zero: what it costs.

    `moving` is what it costs once at the most; None: objects were not counted.
    """

    low: Decimal
    high: Decimal
    moving: Decimal | None


def difference(stock: Stock, before: Fates, after: Fates, prices: Prices) -> Difference:
    """Compares two steady states of what the bucket holds, as if each had come under its rules on its first day."""
    prefixes = sorted({*before, *after})
    old, new = ({prefix: _nearest(rules, prefix) for prefix in prefixes} for rules in (before, after))
    saved, due = [], []
    for one in scenarios(stock, new):
        fresh = one.anew()
        saved.append(under(fresh, old, prices).steady.total - under(fresh, new, prices).steady.total)
        due.append(_newly_due(one, old, new, prices))
    moving = _range(due)
    return Difference(min(saved), max(saved), moving[1] if moving else None)


def _newly_due(stock: Stock, before: Fates, after: Fates, prices: Prices) -> Decimal | None:
    """What moves because of the new rules alone: the old ones would have moved the rest anyhow."""
    settled = replace(stock, cohorts=tuple(_settled(stock, before)))
    return under(settled, after, prices).moving


def _nearest(rules: Fates, prefix: str) -> Fate:
    return rules[max((one for one in rules if prefix.startswith(one)), key=len)]


def _range(found: Iterable[Decimal | None]) -> tuple[Decimal, Decimal] | None:
    known = list(found)
    counted = [one for one in known if one is not None]
    return (min(counted), max(counted)) if counted and len(counted) == len(known) else None
