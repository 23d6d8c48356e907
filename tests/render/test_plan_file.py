"""A saved plan is the file that was written, to the byte, or no plan at all."""

import json
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.domain.saved_plan import FORMAT, Basis, PlanOptions, SavedPlan, owner_digests
from controller.errors import Refused
from controller.fleet import FleetPlan
from controller.render import plan_file
from controller.render.json_text import json_text
from tests.render.conftest import NOW, everything


def saved(plan: FleetPlan) -> SavedPlan:
    basis = Basis("prod", {"default": "123456789012"}, "0123456789ab", "ba9876543210")
    digests = owner_digests(plan.touched())
    return SavedPlan(FORMAT, "5" * 32, NOW, NOW + timedelta(hours=24), basis, PlanOptions(("customers",)), digests)


PLAN = everything()
WRITTEN = plan_file.write(PLAN, saved(PLAN)).encode()


@pytest.mark.parametrize("redact", [False, True])
def test_what_was_written_is_read_back(redact: bool) -> None:
    text = plan_file.write(PLAN, saved(PLAN), redact=redact)

    assert plan_file.read(text.encode()) == saved(PLAN)
    assert json.loads(text)["has_changes"] is True


@given(st.integers(0, len(WRITTEN) - 1), st.integers(1, 255))
@example(len(WRITTEN) - 1, ord("\n") ^ ord(" "))
@example(0, 1)
def test_a_plan_with_any_byte_changed_is_refused(at: int, flip: int) -> None:
    content = bytearray(WRITTEN)
    content[at] ^= flip

    with pytest.raises(Refused, match="Make a new plan"):
        plan_file.read(bytes(content))


@given(st.integers(0, len(WRITTEN) - 1))
def test_a_plan_that_ends_early_is_refused(end: int) -> None:
    with pytest.raises(Refused):
        plan_file.read(WRITTEN[:end])


@given(st.binary(max_size=200))
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        plan_file.read(content)


def test_what_is_added_behind_a_plan_is_an_edit() -> None:
    for more in (b" ", b"\n", b"{}", WRITTEN):
        with pytest.raises(Refused):
            plan_file.read(WRITTEN + more)


def test_a_checksum_made_anew_over_an_edited_file_does_not_make_up_for_a_missing_part() -> None:
    document = {"saved": {"format": FORMAT}}
    text = json_text({**document, "checksum": plan_file._checksum(document)})

    with pytest.raises(Refused, match="that this version can read"):
        plan_file.read(text.encode())
