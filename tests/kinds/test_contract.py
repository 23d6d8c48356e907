"""The promises that every kind keeps, and a new one gets to keep: see worlds.py."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from controller.domain.diff import diff
from controller.domain.resource import Absent, Present, Target, Unreadable
from controller.domain.state import comparable, pack, says_the_same, unpack
from controller.errors import PermanentFailure, TransientFailure
from controller.kinds import KINDS
from controller.sandbox import Sandbox
from tests.kinds.iam import ACTIONS
from tests.kinds.setting import Life, look
from tests.kinds.worlds import ALL_KINDS, WORLDS, World

Break = Callable[[World], None]

TROUBLES: list[tuple[Break, type[Exception]]] = [
    (lambda world: world.refuse(), PermanentFailure),
    (lambda world: world.throttle(), TransientFailure),
    (lambda world: world.cut(), TransientFailure),
]


@pytest.fixture(params=ALL_KINDS, ids=lambda kind: str(kind.name))
def world(request: pytest.FixtureRequest, local_environment: Sandbox) -> World:
    """The kind in a world where it can work and nothing of ours is there yet."""
    world = WORLDS[request.param](local_environment)
    world.prepare()
    world.forget_calls()
    return world


@pytest.fixture
def life(world: World) -> Life:
    return Life(world.kind)


def test_every_kind_of_the_registry_is_under_contract() -> None:
    assert set(WORLDS) >= set(KINDS)
    assert len({kind.name for kind in ALL_KINDS}) == len(ALL_KINDS)


# Looking


def test_absent_observes_as_absent(world: World, life: Life) -> None:
    seen = life.look(world.owner)
    assert seen
    assert all(isinstance(one, Absent) for one in seen.values())


def test_what_others_have_does_not_make_ours_present(world: World, life: Life) -> None:
    world.plant()
    assert all(isinstance(one, Absent) for one in life.look(world.owner).values())


def test_observe_returns_what_put_wrote(world: World, life: Life) -> None:
    for owner in (world.owner, world.changed, world.owner):
        life.put(owner)
        assert life.states(owner).items() >= world.kind.desired(owner).items()


def test_there_is_one_observation_for_each_target(world: World, life: Life) -> None:
    life.put(world.owner)
    wanted = world.kind.desired(world.owner)
    assert look(world.kind, *life.targets(world.owner)).keys() == wanted.keys()
    assert look(world.kind) == {}


def test_observe_never_writes(world: World, life: Life) -> None:
    life.look(world.owner)
    assert world.writes() == []
    life.put(world.owner)
    world.plant_on_ours()
    world.forget_calls()
    life.look(world.owner)
    life.look(world.changed)
    assert world.writes() == []


@pytest.mark.parametrize(("trouble", "failure"), TROUBLES, ids=["refused", "throttled without end", "cut off"])
@pytest.mark.parametrize("there", [False, True], ids=["absent", "present"])
def test_what_cannot_be_read_is_unreadable_and_never_absent(
    world: World, life: Life, trouble: Break, failure: type[Exception], there: bool
) -> None:
    if there:
        life.put(world.owner)
    trouble(world)
    for one in life.look(world.owner).values():
        assert isinstance(one, Unreadable)
        assert isinstance(one.failure, failure)
        assert str(one.failure)


def test_one_target_that_fails_leaves_the_others(world: World, life: Life) -> None:
    if world.bystander is None:
        pytest.skip("one request answers for all of them")
    broken, whole = world.kind.desired(world.owner), world.kind.desired(world.bystander)
    world.break_the_owner()
    seen = look(world.kind, *(Target(name, state) for name, state in {**broken, **whole}.items()))
    assert {name for name, one in seen.items() if isinstance(one, Unreadable)} == set(broken)


# Putting


def test_put_twice_is_put_once(world: World, life: Life) -> None:
    life.put(world.owner)
    fresh, wanted = life.states(world.owner), world.kind.desired(world.owner)
    assert fresh == wanted, "the flow sees no difference, so it would not even call"
    world.forget_calls()
    for name, desired in wanted.items():
        world.kind.put(name, desired, fresh[name])
    assert world.writes() == []
    assert life.states(world.owner) == wanted


def test_put_again_from_the_same_old_look_changes_nothing(world: World, life: Life) -> None:
    """A run that died between its write and its record does the same once more."""
    world.plant()
    for owner in (world.owner, world.changed):
        old = life.states(owner)
        wanted = world.kind.desired(owner)
        life.put(owner, observed=old)
        foreign = world.foreign()
        life.put(owner, observed=old)
        assert life.states(owner).items() >= wanted.items()
        assert world.foreign() == foreign


def test_put_from_an_old_look_converges(world: World, life: Life) -> None:
    """AWS moved on since: the write neither fails nor harms, and the next pass ends it."""
    absent = life.states(world.owner)
    life.put(world.owner)
    old = life.states(world.owner)
    life.put(world.changed)
    for past, owner in ((old, world.changed), (absent, world.owner)):
        life.put(owner, observed=past)
        life.put(owner)
        assert life.states(owner).items() >= world.kind.desired(owner).items()


@pytest.mark.parametrize("number", range(8))
def test_a_lost_answer_is_made_good(world: World, life: Life, number: int) -> None:
    """A call whose answer is lost is made again at once, though it took effect: whichever call of a pass it is."""
    for owner in (world.owner, world.changed, world.owner):
        world.lose_answer(number)
        life.put(owner)
        world.mend()
        assert life.states(owner).items() >= world.kind.desired(owner).items()
    world.lose_answer(number)
    life.delete()
    world.mend()
    assert all(isinstance(one, Absent) for one in life.look(world.owner).values())


# Deleting


def test_delete_removes_ours_and_may_be_repeated(world: World, life: Life) -> None:
    life.put(world.owner)
    there = life.states(world.owner)
    for _ in range(2):
        for name, state in there.items():
            world.kind.delete(name, state)
        assert all(isinstance(one, Absent) for one in life.look(world.owner).values())
        assert all(isinstance(one, Absent) for one in look(world.kind, *_let_go(life)).values())


def test_what_was_deleted_can_be_put_again(world: World, life: Life) -> None:
    life.put(world.owner)
    life.delete()
    life.applied.clear()
    life.put(world.changed)
    assert life.states(world.changed) == dict(world.kind.desired(world.changed))


# Others


def test_foreign_parts_survive_put_and_delete_byte_for_byte(world: World, life: Life) -> None:
    world.plant()
    before = world.foreign()
    life.put(world.owner)
    assert world.foreign() == before
    world.plant_on_ours()
    before = world.foreign()
    assert before
    for owner in (world.owner, world.changed, world.owner):
        life.put(owner)
        assert world.foreign() == before
    before = world.foreign_once_deleted()
    life.delete()
    assert world.foreign_once_deleted() == before


def test_foreign_parts_that_come_between_the_look_and_the_write_survive(world: World, life: Life) -> None:
    life.put(world.owner)
    old = life.states(world.changed)
    world.plant()
    world.plant_on_ours()
    before = world.foreign()
    life.put(world.changed, observed=old)
    assert world.foreign() == before


# What a kind says of itself


def test_permissions_are_declared_and_used(world: World, life: Life) -> None:
    """Every call maps to a permission that the kind declares, and no permission is declared for nothing."""
    life.look(world.owner)
    life.put(world.owner)
    life.put(world.changed)
    life.put(world.owner)
    life.delete()
    life.applied.clear()
    world.do_the_rest(life)
    assert {ACTIONS[call] for call in world.calls()} == world.kind.permissions


def test_states_survive_storage(world: World, life: Life) -> None:
    life.put(world.owner)
    world.plant_on_ours()
    states = [*life.states(world.owner).values(), *world.kind.desired(world.changed).values()]
    for state in states:
        stored = pack(state)
        loaded = unpack(world.kind.state, stored)
        assert loaded == state
        assert pack(loaded) == stored, "also what is not compared"
        assert says_the_same(stored, state)


def test_desired_is_pure_and_deterministic(world: World) -> None:
    desired = world.kind.desired(world.owner)
    assert desired == world.kind.desired(world.owner)
    assert [*desired] == [*world.kind.desired(world.owner)]
    assert all(isinstance(state, world.kind.state) for state in desired.values())
    assert world.calls() == []


def test_equal_states_show_no_differing_field(world: World, life: Life) -> None:
    """A plan shows fields as text: a number that AWS writes in another way must not look like a change."""
    life.put(world.owner)
    there = life.states(world.owner)
    for name, desired in world.kind.desired(world.owner).items():
        assert diff(comparable(there[name]), comparable(desired)) == ()


@pytest.mark.parametrize("which", ["owner", "changed"])
def test_every_field_of_a_create_has_a_source(world: World, which: str) -> None:
    owner: Any = getattr(world, which)
    for name, state in world.kind.desired(owner).items():
        fields = diff({}, comparable(state))
        assert fields
        for field in fields:
            source = world.kind.source(owner, name, field.path)
            assert re.fullmatch(r"(spec|billing|alerts)\.[a-zA-Z_.\[\]0-9]+", source), field.path


def test_notes_and_reports_are_pure(world: World, life: Life) -> None:
    life.put(world.owner)
    there = life.states(world.owner)
    world.forget_calls()
    for name, desired in world.kind.desired(world.changed).items():
        for pair in ((None, desired), (there.get(name), desired), (there.get(name), None)):
            assert list(world.kind.notes(name, *pair)) == list(world.kind.notes(name, *pair))
        assert all(isinstance(figure, str) for figure in world.kind.report(desired).values())
    assert world.calls() == []


def _let_go(life: Life) -> list[Target[Any]]:
    return [Target(name, None, one) for name, one in life.applied.items()]


def test_a_look_that_finds_it_says_present(world: World, life: Life) -> None:
    """Also where the manifest is gone: what we applied is found by what we remember of it."""
    life.put(world.owner)
    assert all(isinstance(one, Present) for one in look(world.kind, *_let_go(life)).values())
