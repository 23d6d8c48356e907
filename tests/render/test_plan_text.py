"""The text plan: every golden file is a promise about what a person sees."""

import io
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from controller.domain.customer import Customer, Origin, Place
from controller.domain.kind import Note
from controller.domain.plan import Change, Kept, Plan, PlannedField, Unread
from controller.domain.resource import Key
from controller.errors import AccountFailure, PermanentFailure
from controller.render import plan_text
from controller.render.page import Line
from tests.render.conftest import (
    acme,
    beta,
    budget,
    customer,
    deleted,
    everything,
    fleet_plan,
    gamma,
    in_sync,
    locked_out,
    retained,
    tags,
)

Golden = Callable[[str, str], None]


def test_a_plan_with_one_of_each_reads_like_this(golden: Golden) -> None:
    golden("plan_everything.txt", str(plan_text.render(everything())))


def test_a_verbose_plan_cuts_no_list_and_gives_every_field_its_line(golden: Golden) -> None:
    golden("plan_verbose.txt", str(plan_text.render(fleet_plan([acme(), beta()]), verbose=True)))


def test_a_pruning_plan_counts_the_orphans(golden: Golden) -> None:
    golden("plan_prune.txt", str(plan_text.render(fleet_plan([], [retained(), deleted()]), prune=True)))


def test_nothing_pending_is_one_line() -> None:
    plan = fleet_plan(in_sync(f"c{n}", f"cust_{n:03}") for n in range(12))
    assert str(plan_text.render(plan)) == "No changes. 12 customers match AWS.\n"


def test_what_could_not_be_read_does_not_match() -> None:
    plan = fleet_plan([in_sync("eta", "cust_eta"), locked_out(1)])
    assert str(plan_text.render(plan)).endswith(
        "No changes. 1 of 2 customers match AWS; 1 could not be read completely.\n"
    )


def test_the_summary_is_the_last_line_and_the_only_one() -> None:
    lines = str(plan_text.render(everything())).splitlines()
    assert [at for at, text in enumerate(lines) if text.startswith(("Plan:", "No changes."))] == [len(lines) - 1]


def test_expired_credentials_are_told_once_for_a_thousand_customers() -> None:
    text = str(plan_text.render(fleet_plan(locked_out(number) for number in range(1000))))
    assert text.count("the token has expired") == 1
    assert "for 1,000 owners" in text


def test_a_failed_kind_is_told_once_for_all_its_customers() -> None:
    denied = PermanentFailure("AccessDenied: no", code="AccessDenied", operation="budgets:DescribeBudgets")
    plans = [Plan(customer(f"c{n}", f"cust_{n}"), unread=(Unread(budget(f"cust_{n}"), denied),)) for n in range(5)]
    text = str(plan_text.render(fleet_plan(plans)))
    assert text.count("AccessDenied: no") == 1
    assert "for 5 owners" in text


def test_a_customer_with_changes_says_which_keys_the_shared_failure_left_unread() -> None:
    failure = AccountFailure("expired", code="ExpiredToken")
    owner = customer("acme-genomics", "cust_abc123", account="second")
    plan = Plan(owner, acme().changes, unread=(Unread(Key("extra", "thing"), failure),))
    text = str(plan_text.render(fleet_plan([plan, locked_out(1, failure)])))
    assert "thing  for the reason given below" in text
    assert text.count("ExpiredToken: expired") == 1


def test_an_owner_in_sync_is_only_counted() -> None:
    text = str(plan_text.render(fleet_plan([acme(), in_sync("eta", "cust_eta")])))
    assert "eta" not in text.replace("beta", "")
    assert "1 of 2 customers; 1 unchanged" in text


def test_a_suspended_owner_is_shown_and_not_counted() -> None:
    plan = Plan(customer("zeta", "cust_zeta", suspend=True), acme().changes)
    text = str(plan_text.render(fleet_plan([plan])))
    assert "suspended: shown, not applied" in text
    assert text.endswith("No changes. 0 of 1 customer matches AWS; 1 suspended.\n")


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [("a", "b", "changed in AWS by hand"), (None, "b", "removed in AWS by hand"), ("a", None, "added in AWS by hand")],
)
def test_drift_says_what_the_hand_did(before: str | None, after: str | None, word: str) -> None:
    field = PlannedField(("tags", "x"), before, after, "drift")
    plan = Plan(customer("a", "cust_a"), (Change(tags("a"), "update", (field,)),))
    row = str(plan_text.render(fleet_plan([plan]))).splitlines()[2]
    assert row.strip().startswith("! ")
    assert row.endswith(word)


def test_the_source_of_a_long_field_follows_two_spaces_behind() -> None:
    field = PlannedField(("tags", "x"), "v" * 50, "w" * 50, "intent", "a.yaml:7")
    plan = Plan(customer("a", "cust_a"), (Change(tags("a"), "update", (field,)),))
    assert f"{'w' * 50}  a.yaml:7\n" in str(plan_text.render(fleet_plan([plan])))


def test_rich_prints_the_same_text_without_wrapping_or_reading_markup() -> None:
    plan = Plan(customer("[red]a[/red] :smile: {x}", "cust_a"), (Change(tags("[bold]" + "x" * 300), "adopt"),))
    page = plan_text.render(fleet_plan([plan]))
    out = io.StringIO()
    Console(file=out, markup=False, emoji=False, highlight=False, soft_wrap=True, width=80).print(page)
    assert [text.rstrip() for text in out.getvalue().splitlines()] == str(page).splitlines()


def test_colours_only_repeat_what_the_words_say() -> None:
    coloured = io.StringIO()
    Console(file=coloured, force_terminal=True, color_system="standard", soft_wrap=True).print(
        plan_text.render(everything())
    )
    assert "\x1b[" in coloured.getvalue()
    plain = str(plan_text.render(everything()))
    assert all(
        word in plain for word in ("+ add", "~ change", "- remove", "> adopt", "! tags", "? unread", "!! CAREFUL")
    )


hostile = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    ["\x1b[31mred", "a\nb", "\u202etxt", "\x9b1m", "a\r", "\u2028", "\ud800", "\x7f", "```", "a|b"]
)


@settings(deadline=None)
@given(hostile, hostile, hostile, hostile)
def test_no_text_from_outside_reaches_the_terminal_as_a_control(name: str, key: str, value: str, note: str) -> None:
    owner = Customer(name, name, name, name, origin=Origin({"": Place(note, 1, 1)}))
    fields = (PlannedField((key,), value, note, "drift", key), PlannedField((key, value), None, value))
    changes = tuple(Change(Key(key, value), action, fields, (Note(note, "danger"),)) for action in ("create", "update"))
    failure = PermanentFailure(note, code=key, operation=value, resource=name, advice=note)
    plan = Plan(owner, changes, kept=(Kept(Key(key, value), (note,)),), unread=(Unread(Key(key, name), failure),))
    for verbose in (False, True):
        page = plan_text.render(fleet_plan([plan]), verbose=verbose)
        assert all(text.isprintable() for text in map(str, page.lines))
        assert all(one.__rich__().plain.isprintable() for one in page.lines)


def test_lines_are_made_as_they_are_shown_and_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of a fleet would take more memory than the fleet."""
    made: list[str] = []
    header = plan_text._header

    def noted(name: str, file: str, standing: str) -> Line:
        made.append(name)
        return header(name, file, standing)

    monkeypatch.setattr(plan_text, "_header", noted)
    changes = (Change(Key("budget", "b"), "create"),)
    owners = [Customer(name, name, name, name) for name in ("a", "b", "c")]
    page = plan_text.render(fleet_plan([Plan(owner, changes) for owner in owners]))

    assert made == []
    next(iter(page.lines))
    assert len(made) == 1
    assert str(page) == str(page)
    assert len(made) == 1 + 2 * 3


def test_the_work_grows_no_faster_than_the_fleet() -> None:
    def calls(size: int) -> int:
        plans = [Plan(customer(f"c{n}", f"cust_{n}"), acme().changes) for n in range(size)]
        plan = fleet_plan([*plans, *(locked_out(n) for n in range(size))], [retained()] * size)
        counted = Counter[str]()
        sys.setprofile(lambda _frame, event, _what: counted.update((event,)))
        try:
            str(plan_text.render(plan))
        finally:
            sys.setprofile(None)
        return counted.total()

    assert calls(800) < 5 * calls(200)


def test_waiting_settling_and_unread_keys_give_their_reasons() -> None:
    text = str(plan_text.render(fleet_plan([gamma()])))
    assert "billing has not seen this key yet" in text
    assert "until 06:00:30 UTC" in text
    assert "AccessDenied: not allowed to see it (in s3:GetBucketTagging on daylily-customer-gamma)" in text
    assert "See schemas/iam-policy.json" in text


def test_an_orphan_that_was_suspended_is_not_said_to_be_pruned() -> None:
    orphan = deleted()
    suspended = replace(orphan, plan=replace(orphan.plan, owner=replace(orphan.plan.owner, suspend=True)))

    text = str(plan_text.render(fleet_plan((), (suspended,)), prune=True))

    assert "suspended when its manifest went: --prune leaves it alone" in text
    assert "would remove" not in text
