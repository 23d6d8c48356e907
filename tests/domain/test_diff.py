"""Field differences: everything that differs, nothing that does not."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.diff import FieldChange, diff, leaves

scalars = st.one_of(st.text(max_size=8), st.integers(), st.booleans())
names = st.text("abc.$[]'\" ", min_size=1, max_size=4)
lists = st.lists(st.text("xyz", max_size=3), unique=True, max_size=4)
states = st.dictionaries(
    names,
    st.one_of(scalars, st.none(), lists, st.dictionaries(names, scalars)),
    max_size=5,
)  # fmt: skip


def applied(changes: tuple[FieldChange, ...], before: Any) -> set[tuple[Any, str]]:
    """The scalars of `before` with the changes made to them."""
    found = set(leaves(before))
    for change in changes:
        if change.before is not None:
            found.remove((change.path, change.before))
        if change.after is not None:
            found.add((change.path, change.after))
    return found


@given(states)
def test_equal_states_have_no_difference(state: dict[str, Any]) -> None:
    assert diff(state, state) == ()


@given(states, states)
def test_the_changes_lead_from_the_one_state_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert applied(diff(before, after), before) == set(leaves(after))


@given(states, states)
def test_changes_are_sorted_and_never_say_the_same_thing_twice(before: dict[str, Any], after: dict[str, Any]) -> None:
    changes = diff(before, after)

    assert len(set(changes)) == len(changes)
    assert [change.path for change in changes] == sorted(change.path for change in changes)


def test_a_reordered_list_is_no_difference() -> None:
    assert diff({"alerts": {"80": ["a", "b"]}}, {"alerts": {"80": ["b", "a"]}}) == ()


def test_an_exchanged_list_element_is_one_removed_and_one_added() -> None:
    assert diff({"to": ["old", "kept"]}, {"to": ["kept", "new"]}) == (
        FieldChange(("to",), "old", None),
        FieldChange(("to",), None, "new"),
    )


def test_a_changed_scalar_is_one_change_with_both_values() -> None:
    assert diff({"limit": "500"}, {"limit": "1000"}) == (FieldChange(("limit",), "500", "1000"),)
