"""The money story of a budget change, case by case."""

from decimal import Decimal

import pytest

from controller.kinds.budget_state import BudgetState
from controller.kinds.budget_story import tell

LATER = "AWS shows a spend of 0 after this change until it has counted anew, for up to 12 hours"


def state(limit: int | str, spend: int | str | None = None, *percents: int, **more: tuple[str, ...]) -> BudgetState:
    alerts = {f"ACTUAL > {percent} %": ("email:a@acme.com",) for percent in percents}
    actual = None if spend is None else Decimal(spend)
    return BudgetState(Decimal(limit), "USD", {}, alerts, actual=actual, others=more.get("others", ()))


CASES = [
    ("a new budget has no spend yet", None, state(500), []),
    ("nothing changes", state(500, 450, 80), state(500, None, 80), []),
    (
        "raised: what was sent is armed again",
        state(500, 450, 80),
        state(1000, None, 80),
        [
            "spend so far 450.00 USD: 90.0 % of 500.00 USD -> 45.0 % of 1,000.00 USD",
            "alert ACTUAL > 80 % was sent, is armed again and fires at 800.00 USD",
            LATER,
        ],
    ),
    (
        "raised, but not enough: AWS may send it a second time",
        state(500, 450, 80),
        state(550, None, 80),
        [
            "spend so far 450.00 USD: 90.0 % of 500.00 USD -> 81.8 % of 550.00 USD",
            "alert ACTUAL > 80 % was sent and would fire again: spend is still over it (400.00 USD -> 440.00 USD)",
            LATER,
        ],
    ),
    (
        "lowered under the spend",
        state(1000, 450, 50, 80),
        state(500, None, 50, 80),
        [
            "spend so far 450.00 USD: 45.0 % of 1,000.00 USD -> 90.0 % of 500.00 USD",
            "alert ACTUAL > 50 % fires at once: spend is over it (500.00 USD -> 250.00 USD)",
            "alert ACTUAL > 80 % fires at once: spend is over it (800.00 USD -> 400.00 USD)",
            LATER,
        ],
    ),
    (
        "over means above, not at",
        state(1000, 400, 80),
        state(500, None, 80),
        ["spend so far 400.00 USD: 40.0 % of 1,000.00 USD -> 80.0 % of 500.00 USD", LATER],
    ),
    (
        "99.99 % is not shown as 100 %",
        state(1000, "499.99"),
        state(500),
        ["spend so far 499.99 USD: 50.0 % of 1,000.00 USD -> 99.9 % of 500.00 USD", LATER],
    ),
    (
        "unknown is not zero",
        state(500, None, 80),
        state(1000, None, 80),
        ["spend so far: unknown, AWS has not said", LATER],
    ),
    (
        "an alert that is new and over its threshold fires, though the limit stays",
        state(500, 450, 80),
        state(500, None, 50, 80),
        ["alert ACTUAL > 50 % fires at once: spend is over it (250.00 USD)"],
    ),
    ("an alert that is new and under its threshold waits", state(500, 100, 80), state(500, None, 50, 80), []),
    (
        "alerts are in the order of their thresholds",
        state(1000, 999, 100),
        state(100, None, 9, 80, 100),
        [
            "spend so far 999.00 USD: 99.9 % of 1,000.00 USD -> 999.0 % of 100.00 USD",
            "alert ACTUAL > 9 % fires at once: spend is over it (9.00 USD)",
            "alert ACTUAL > 80 % fires at once: spend is over it (80.00 USD)",
            "alert ACTUAL > 100 % fires at once: spend is over it (1,000.00 USD -> 100.00 USD)",
            LATER,
        ],
    ),
    (
        "a removal says what is lost",
        state(500, 450, 80),
        None,
        ["nobody is told about this customer's spend any more; spend this month: 450.00 USD"],
    ),
    (
        "and what others lose with it",
        state(500, None, others=("alert FORECASTED > 400",)),
        None,
        [
            "nobody is told about this customer's spend any more",
            "goes with the budget, not ours: alert FORECASTED > 400",
        ],
    ),
    (
        "a budget of 0 is all spent",
        state(0, 5),
        state(10),
        ["spend so far 5.00 USD: all of 0.00 USD -> 50.0 % of 10.00 USD", LATER],
    ),
]


@pytest.mark.parametrize(("why", "observed", "desired", "told"), CASES, ids=[case[0] for case in CASES])
def test_the_story_of_a_change(
    why: str, observed: BudgetState | None, desired: BudgetState | None, told: list[str]
) -> None:
    assert [note.text for note in tell(observed, desired)] == told, why
