"""What a collect tells of gates: those that turned, also back, and those that nobody can see."""

from dataclasses import replace
from typing import Any

import pytest

from controller.collect import Collected, MonthResult
from controller.domain.gate import Gate
from controller.domain.month import Month
from controller.gatekeeper import Verdict
from controller.render.collected_text import page
from tests.domain.gate_cases import WAS_HELD, WAS_OPEN

WARNED = replace(WAS_OPEN, state="warned", reason="OverAlert")
RESULT = MonthResult(Month(2026, 11), "default", 1, 0, 0, asked=True)


def told(gate: Gate, before: Gate | None, **more: Any) -> str:
    text = str(page(Collected((RESULT,), 0, (), (Verdict("acme", gate, before, **more),))))
    return text.partition("Gates: ")[2].partition("\n")[2]


@pytest.mark.parametrize(
    ("gate", "before", "says", "why"),
    [
        (WAS_HELD, None, "acme: is now held", "a first gate that holds"),
        (WAS_HELD, WAS_OPEN, "acme: is now held", "it turned"),
        (WARNED, WAS_HELD, "acme: is now warned", "it turned back"),
        (WAS_OPEN, WAS_HELD, "acme: is now open", "who waits for it wants to know"),
    ],
)
def test_a_gate_that_turned_is_told(gate: Gate, before: Gate | None, says: str, why: str) -> None:
    assert told(gate, before).startswith(says), why


@pytest.mark.parametrize(
    ("gate", "before", "why"),
    [
        (WAS_OPEN, None, "all of a new fleet are"),
        (WAS_OPEN, WAS_OPEN, "nothing has turned"),
        (WAS_HELD, WAS_HELD, "the same"),
    ],
)
def test_no_other_is(gate: Gate, before: Gate | None, why: str) -> None:
    assert told(gate, before) == "", why


def test_a_held_gate_that_no_record_tells_of_is_told_every_time() -> None:
    text = told(WAS_HELD, WAS_HELD, record="missing")

    assert "acme: stays held" in text
    assert "it has no record in the table of customers" in text
