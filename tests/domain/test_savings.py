"""What lifecycle rules save: the design document's example, each effect alone, and what holds for all stocks."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.customer import Expiration, Lifecycle, Transition
from controller.domain.money import ZERO, cents, percent_of
from controller.domain.savings import (
    SMALL,
    Cohort,
    Fate,
    Fates,
    Stock,
    _settled,
    difference,
    fates,
    fates_of,
    savings,
    scenarios,
    under,
    uniform,
)
from controller.errors import InvalidInput
from controller.prices import prices, regions

GIB = 2**30
ALL = {"results/": Decimal(1)}
SEED = fates([("results/", {"STANDARD_IA": 30, "GLACIER": 90})], [])
LIST_PRICES, SEED_PRICES = prices("us-west-2"), prices("us-west-2", "seed")


def tb(days: int, objects: int | None = None) -> Stock:
    """The typical customer of the design document: 1,000 GB."""
    return uniform({"STANDARD": 1000 * GIB}, objects, Decimal(days))


def dollars(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{cents(amount)}"


@pytest.mark.parametrize(
    ("days", "objects", "set_", "cost", "percent", "why"),
    [
        (240, None, "seed", "8.50", "63.0", "the design document's example"),
        (240, None, "list", "8.25", "64.1", "the same at today's price of Glacier"),
        (180, None, "list", "9.80", "57.4", "younger data moves less"),
        (365, None, "list", "6.66", "71.1", "older data moves more"),
        (730, None, "list", "5.13", "77.7", "two years of it"),
        (240, 10_000, "list", "8.30", "63.9", "objects of 100 MB: 2,500 requests and 40 KB each hardly count"),
        (240, 100_000, "list", "8.77", "61.9", "objects of 10 MB"),
        (240, 1_000_000, "list", "13.43", "41.6", "objects of 1 MB: moving them costs 5 USD every month"),
    ],
)
def test_a_terabyte_evenly_aged(days: int, objects: int | None, set_: str, cost: str, percent: str, why: str) -> None:
    found = savings(tb(days, objects), SEED, prices("us-west-2", set_), ALL)

    assert dollars(found.all_standard.total) == "23.00"
    assert dollars(found.most.steady.total) == cost, why
    saved = found.all_standard.total - found.most.steady.total
    assert str(percent_of(saved, found.all_standard.total)) == percent


def day(age: int, **more: object) -> Cohort:
    given = {"storage_class": "STANDARD", "size": Decimal(GIB), "objects": Decimal(1000), "prefix": "results/", **more}
    return Cohort(young=Decimal(age), old=Decimal(age + 1), **given)  # type: ignore[arg-type]


def of(*cohorts: Cohort, versioned: bool = False) -> Stock:
    return Stock("b", "us-west-2", cohorts, by_prefix=True, versioned=versioned)


LOGS = fates([("results/", {"STANDARD_IA": 30, "GLACIER": 90})], [("logs/", 90)])


@pytest.mark.parametrize(
    ("cohort", "storage", "moving", "why"),
    [
        (day(29), "0.0230", "0.00", "younger than any rule"),
        (day(30), "0.0125", "0.01", "at its age it moves to Standard-IA: 1,000 requests for 0.01"),
        (day(90), "0.0036", "0.03", "old enough for Glacier it goes there at once, not by Standard-IA"),
        (day(90, storage_class="STANDARD_IA"), "0.0036", "0.03", "from Standard-IA it is one move as well"),
        (day(90, storage_class="GLACIER"), "0.0036", "0.00", "there already"),
        (day(40, storage_class="GLACIER"), "0.0036", "0.00", "no rule moves back to a warmer class"),
        (day(90, storage_class="DEEP_ARCHIVE"), "0.00099", "0.00", "nor up from the coldest"),
        (day(90, prefix=""), "0.0230", "0.00", "under no rule's prefix"),
        (day(90, small=True), "0.0230", "0.00", "below 128 KB no rule moves it"),
        (day(90, current=False), "0.0230", "0.00", "our rules leave versions that were replaced"),
        (day(89, prefix="logs/"), "0.0230", "0.00", "not yet deleted"),
        (day(90, prefix="logs/"), "0.0000", "0.00", "deleted"),
        (day(90, prefix="logs/", small=True), "0.0000", "0.00", "small objects are deleted as others are"),
        (day(90, prefix="logs/", current=False), "0.0230", "0.00", "but replaced versions are not"),
        (day(90, storage_class="OUTPOSTS"), "0.0036", "0.03", "a class that we do not know counts as Standard"),
    ],
)
def test_where_objects_end(cohort: Cohort, storage: str, moving: str, why: str) -> None:
    outcome = under(of(cohort), LOGS, LIST_PRICES)

    assert outcome.steady.storage == Decimal(storage), why
    assert dollars(outcome.moving) == moving, why


def test_a_deletion_frees_nothing_where_versions_are_kept() -> None:
    assert under(of(day(90, prefix="logs/"), versioned=True), LOGS, LIST_PRICES).steady.storage == Decimal("0.023")


def test_small_objects_in_standard_ia_are_billed_as_128_kb() -> None:
    one = day(40, storage_class="STANDARD_IA", size=Decimal(1000 * 1024), small=True)
    assert savings(of(one), LOGS, LIST_PRICES).now.storage == Decimal(1000 * SMALL) / GIB * Decimal("0.0125")


def test_an_archived_object_takes_40_kb_more() -> None:
    found = savings(of(day(100, storage_class="GLACIER", objects=Decimal(GIB) / 1024)), LOGS, LIST_PRICES)
    assert found.now.overhead == 32 * Decimal("0.0036") + 8 * Decimal("0.023")


@pytest.mark.parametrize(
    ("rules", "early", "why"),
    [
        (fates([("", {"STANDARD_IA": 30, "GLACIER": 90})], []), "0", "60 days in Standard-IA, and Glacier for good"),
        (
            fates([("", {"STANDARD_IA": 30})], [("", 40)]),
            "0.0083333",
            "20 of 30 days of Standard-IA are paid for nothing",
        ),
        (fates([("", {"GLACIER": 10})], [("", 40)]), "0.0072", "60 of 90 days of Glacier"),
        (fates([("", {"GLACIER": 10})], [("", 100)]), "0", "just the 90 days"),
    ],
)
def test_the_minimum_stay(rules: Fates, early: str, why: str) -> None:
    """One GB reaches each age in a month."""
    stock = Stock("b", "us-west-2", (Cohort("STANDARD", ZERO, Decimal(300), Decimal(10 * GIB), Decimal(10)),), True)
    assert round(under(stock, rules, LIST_PRICES).steady.early, 7) == Decimal(early), why


def test_data_that_is_gone_before_it_moves_moves_never() -> None:
    assert under(tb(80, 1000).placed(ALL), SEED, LIST_PRICES).monthly == 375, "into Standard-IA alone"


@pytest.mark.parametrize(
    ("rules", "prefix", "fate", "why"),
    [
        (LOGS, "results/", Fate(((30, "STANDARD_IA"), (90, "GLACIER"))), "its own rule"),
        (LOGS, "logs/", Fate((), 90), "its own rule"),
        (LOGS, "", Fate(), "no rule is for everything"),
        (fates([("", {"GLACIER": 10}), ("a/", {"STANDARD_IA": 30})], [("a/b/", 5)]), "a/b/",
         Fate(((10, "GLACIER"),), 5), "rules of shorter prefixes hold too, and the colder class wins"),
        (fates([("", {"STANDARD_IA": 30, "GLACIER": 30})], []), "", Fate(((30, "GLACIER"),)), "the colder of two"),
    ],
)  # fmt: skip
def test_rules_meet(rules: Fates, prefix: str, fate: Fate, why: str) -> None:
    assert rules[prefix] == fate, why


def test_the_rules_of_a_customer() -> None:
    lifecycle = Lifecycle((Transition("results/", 30, 90),), (Expiration("logs/", 90),), 7)
    assert fates_of(lifecycle) == LOGS
    assert fates_of(None) == {"": Fate()}


def test_without_a_count_of_objects_what_hangs_on_it_is_unknown() -> None:
    found = savings(tb(240), SEED, LIST_PRICES)
    steady = found.most.steady
    assert [found.moving, found.monthly, steady.requests, steady.overhead] == [None] * 4


def test_nobody_knows_what_is_under_the_prefix_so_it_is_all_and_none() -> None:
    found = savings(tb(240, 10_000), LOGS, LIST_PRICES)
    assert len(found.outcomes) == 3
    assert (dollars(found.least.steady.total), dollars(found.most.steady.total)) == ("23.00", "8.30")
    assert found.moving == (ZERO, Decimal("0.2125"))


def test_what_is_cold_is_old() -> None:
    stock = uniform({"GLACIER": GIB, "STANDARD": GIB, "STANDARD_IA": 2 * GIB}, None, Decimal(240))
    ages = [(one.storage_class, int(one.young), int(one.old)) for one in stock.cohorts]
    assert ages == [("STANDARD", 0, 60), ("STANDARD_IA", 60, 180), ("GLACIER", 180, 240)]


# A change of rules


def test_new_rules_save_and_their_removal_costs_the_same() -> None:
    none, stock = fates([], []), tb(240, 10_000)
    new, gone = difference(stock, none, SEED, LIST_PRICES), difference(stock, SEED, none, LIST_PRICES)
    assert (dollars(new.low), dollars(new.high), dollars(new.moving)) == ("0.00", "14.70", "0.21")
    assert (gone.low, gone.high, gone.moving) == (-new.high, -new.low, ZERO)


def test_a_change_counts_only_what_it_changes() -> None:
    earlier = fates([("results/", {"STANDARD_IA": 30, "GLACIER": 60})], [])
    found = difference(tb(240, 10_000), SEED, earlier, LIST_PRICES)
    assert dollars(found.high) == dollars(Decimal(125) * (Decimal("0.0125") - Decimal("0.0036")))
    assert found.moving == 10_000 / Decimal(8) * Decimal("0.03") / 1000, "an eighth is between 60 and 90 days old"
    assert difference(tb(240), SEED, SEED, LIST_PRICES) == type(found)(ZERO, ZERO, ZERO)


# Prices


def test_standard_is_cheaper_by_the_mass() -> None:
    tb_of = 1024 * GIB
    assert LIST_PRICES.in_standard(Decimal(50 * tb_of)) == Decimal("1177.6")
    assert LIST_PRICES.in_standard(Decimal(500 * tb_of)) == Decimal("1177.6") + Decimal(450 * 1024) * Decimal("0.022")
    assert LIST_PRICES.in_standard(Decimal(501 * tb_of)) - LIST_PRICES.in_standard(Decimal(500 * tb_of)) == Decimal(
        "21.504"
    )


@pytest.mark.parametrize("region", regions())
def test_every_table_says_where_its_prices_are_from(region: str) -> None:
    table = prices(region)
    assert table.region == region
    assert "http" in table.source
    assert table.as_of.year >= 2025
    assert set(table.classes) == {"STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}
    assert prices(region, "seed").classes["GLACIER"].price == Decimal("0.004")


def test_a_region_without_prices_is_refused_with_those_that_have_some() -> None:
    with pytest.raises(
        InvalidInput, match=r"no prices for the region 'eu-central-1', only for us-east-1, us-west-2: to add"
    ):
        prices("eu-central-1")
    with pytest.raises(InvalidInput, match=r"no set 'cheap', only list, seed"):
        prices("us-east-1", "cheap")


# All stocks

classes = st.sampled_from(["STANDARD", "STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"])
large = st.integers(2**24, 2**36).map(Decimal)


@st.composite
def stocks(draw: st.DrawFn, names: st.SearchStrategy[str] = classes) -> Stock:
    """Objects of 128 MB and more, known by their prefixes."""
    cohorts = []
    for _ in range(draw(st.integers(0, 6))):
        young = Decimal(draw(st.integers(0, 800)))
        objects = Decimal(draw(st.integers(1, 10_000)))
        span = draw(st.sampled_from([1, 1, 7, 30, 365]))
        prefix = draw(st.sampled_from(["", "results/", "logs/"]))
        cohorts.append(Cohort(draw(names), young, young + span, objects * 2**27, objects, prefix))
    return Stock("b", "us-west-2", tuple(cohorts), by_prefix=True)


@st.composite
def rules(draw: st.DrawFn) -> Fates:
    """Rules as manifests allow them."""
    ia = draw(st.none() | st.integers(30, 200))
    glacier = draw(st.none() | st.integers((ia or 0) + 30, 500))
    ages = {name: days for name, days in (("STANDARD_IA", ia), ("GLACIER", glacier)) if days is not None}
    return fates([(draw(st.sampled_from(["", "results/"])), ages)], [("logs/", draw(st.integers(1, 500)))])


@given(stocks(), rules())
def test_parts_add_up(stock: Stock, given_: Fates) -> None:
    """Two halves of a stock cost what the whole does, but for the tiers of Standard."""
    half = len(stock.cohorts) // 2
    one, other = (Stock("b", "r", part, True) for part in (stock.cohorts[:half], stock.cohorts[half:]))
    whole = under(stock, given_, LIST_PRICES)
    parts = [under(part, given_, LIST_PRICES) for part in (one, other)]
    assert abs(sum((part.steady.total for part in parts), ZERO) - whole.steady.total) < Decimal("1e-15")
    cost = whole.steady
    assert cost.total == cost.storage + (cost.overhead or 0) + (cost.requests or 0) + cost.early


@given(stocks(st.just("STANDARD")), rules())
def test_of_large_objects_rules_store_no_dearer(stock: Stock, given_: Fates) -> None:
    found = savings(stock, given_, LIST_PRICES)
    cost = found.most.steady
    assert cost.storage <= found.all_standard.total + Decimal("1e-15")
    assert cost.total <= found.all_standard.total + (cost.overhead or 0) + (cost.requests or 0) + cost.early + Decimal(
        "1e-15"
    )


@given(stocks(), rules())
def test_ranges_are_in_order(stock: Stock, given_: Fates) -> None:
    unplaced = Stock("b", "us-west-2", stock.cohorts)
    found = savings(unplaced, given_, LIST_PRICES)
    assert found.most.steady.total <= found.least.steady.total
    assert found.moving is not None
    assert 0 <= found.moving[0] <= found.moving[1]
    change = difference(unplaced, fates([], []), given_, LIST_PRICES)
    assert change.low <= change.high
    assert sum(len(one.cohorts) for one in scenarios(unplaced, given_)) == len(given_) * len(stock.cohorts)


@given(stocks(), rules())
def test_a_steady_state_has_nothing_left_to_move(stock: Stock, given_: Fates) -> None:
    settled = replace(stock, cohorts=tuple(_settled(stock, given_)))
    again = under(settled, given_, LIST_PRICES)
    assert again.moved == again.moving == 0
    assert abs(again.steady.storage - under(stock, given_, LIST_PRICES).steady.storage) < Decimal("1e-15")
