"""When things are due: once each, however often they are woken, and later after each failure."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from controller.agenda import FIRST_RETRY, LONGEST_RETRY, Agenda


@dataclass
class Seconds:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def agenda(clock: Seconds, spread: float = 1.0) -> Agenda[str]:
    return Agenda(clock, lambda: spread)


def test_what_is_woken_many_times_is_taken_once() -> None:
    due = agenda(Seconds())
    for _ in range(200):
        due.now("acme")
    assert due.take() == ("acme",)
    assert due.take() == ()


def test_what_waits_is_taken_when_its_time_has_come() -> None:
    clock = Seconds()
    due = agenda(clock)
    due.after("acme", 30)
    assert (due.take(), due.next_at()) == ((), 130.0)
    clock.now = 130.0
    assert due.take() == ("acme",)


def test_waking_brings_forward_and_never_puts_off() -> None:
    clock = Seconds()
    due = agenda(clock)
    due.after("acme", 30)
    due.now("acme")
    due.after("acme", 60)
    assert due.take() == ("acme",)
    assert due.next_at() is None


def test_each_failure_waits_longer_up_to_a_limit_and_health_starts_anew() -> None:
    due = agenda(Seconds())
    waits = [due.failed("acme") for _ in range(12)]
    assert waits[:3] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]
    assert waits[-1] == LONGEST_RETRY
    due.healed("acme")
    assert due.failed("acme") == FIRST_RETRY


def test_jitter_shortens_a_wait_by_half_at_most() -> None:
    assert agenda(Seconds(), spread=0.0).failed("acme") == FIRST_RETRY / 2


def test_what_is_gone_is_not_due_any_more() -> None:
    due = agenda(Seconds())
    due.now("acme")
    due.forget("acme")
    assert (due.take(), due.next_at(), len(due)) == ((), None, 0)


def test_it_tells_how_many_are_due_and_how_long_the_first_has_waited() -> None:
    clock = Seconds()
    due = agenda(clock)
    due.now("acme")
    due.after("beta", 5)
    due.after("gamma", 500)
    clock.now += 8
    assert (len(due), due.oldest) == (2, 8.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["now", "after", "failed", "healed", "forget", "pass"]), st.integers(0, 4), st.integers(0, 50)
    )
)


@given(STEPS)
def test_nothing_that_is_due_is_ever_lost_nor_taken_twice(steps: list[tuple[str, int, int]]) -> None:
    clock = Seconds()
    due, model = agenda(clock), dict[str, float]()
    for what, key_number, seconds in steps:
        key = f"key{key_number}"
        match what:
            case "now":
                due.now(key)
                model[key] = min(model.get(key, clock.now), clock.now)
            case "after":
                due.after(key, seconds)
                model[key] = min(model.get(key, clock.now + seconds), clock.now + seconds)
            case "failed":
                at = clock.now + due.failed(key)
                model[key] = min(model.get(key, at), at)
            case "healed":
                due.healed(key)
            case "forget":
                due.forget(key)
                model.pop(key, None)
            case _:
                clock.now += seconds
                expected = {name for name, at in model.items() if at <= clock.now}
                assert set(due.take()) == expected
                model = {name: at for name, at in model.items() if name not in expected}
        assert due.next_at() == min(model.values(), default=None)
