"""The pull-request comment: it fits, it warns, and no text from outside can break out of its place."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.customer import Customer, Origin, Place
from controller.domain.kind import Note
from controller.domain.plan import Change, Plan, PlannedField, Unread
from controller.domain.resource import Key
from controller.errors import PermanentFailure
from controller.render import plan_markdown
from controller.render.markdown_text import code, prose
from tests.render.conftest import acme, customer, everything, fleet_plan, in_sync, locked_out, retained


def test_a_comment_with_one_of_each_reads_like_this(golden: Callable[[str, str], None]) -> None:
    golden("plan_markdown.txt", plan_markdown.render(everything()))


def test_without_changes_the_comment_says_so_and_shows_no_table() -> None:
    text = plan_markdown.render(fleet_plan([in_sync("eta", "cust_eta")]))
    assert "### Billing plan: no changes\n\nNo changes. 1 customer matches AWS." in text
    assert "|---" not in text


def test_the_first_line_is_the_marker_by_which_the_comment_is_found_again() -> None:
    assert plan_markdown.render(everything()).startswith("<!-- reconcile:plan:prod -->\n")
    assert plan_markdown.marker("x --> <b>") == "<!-- reconcile:plan:x_--___b_ -->"


@pytest.mark.parametrize("fleet", [30, 3000])
def test_a_comment_of_any_fleet_fits_and_says_what_is_missing(fleet: int) -> None:
    plans = [Plan(customer(f"c{n}", f"cust_{n}"), acme().changes) for n in range(fleet)]
    text = plan_markdown.render(fleet_plan([*plans, *(locked_out(n) for n in range(fleet))], [retained()] * fleet))
    assert len(text) <= plan_markdown.LIMIT
    assert f"<summary>{fleet:,} customers with changes</summary>" in text
    assert re.search(r"… and \d+ more, see the plan artifact", text)
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_a_customer_too_long_for_the_comment_is_counted_not_cut_in_the_middle() -> None:
    change = acme().changes[0]
    text = plan_markdown.render(fleet_plan([acme(), Plan(customer("b", "cust_b"), (change,) * 3000)]))
    assert "  … and 1 more, see the plan artifact\n```" in text


def test_only_lines_of_changes_have_a_sign_in_the_first_column() -> None:
    text = plan_markdown.render(everything())
    inside = text.split("```diff\n")[1].split("\n```")[0].splitlines()
    assert all(re.match(r"[+-]     \S|  ", one) for one in inside)


def test_a_suspended_customer_gives_no_warning_of_what_will_not_happen() -> None:
    text = plan_markdown.render(fleet_plan([Plan(customer("z", "cust_z", suspend=True), acme().changes)]))
    assert "[!CAUTION]" not in text
    assert "(suspended: not applied)" in text


hostile = st.text(
    st.sampled_from("`|<>@#[]()!*_~\\$&:/-+\n\r\u2028\x1b ab") | st.characters(codec=None), max_size=40
) | st.sampled_from(["``````", "<!--", "-->", "</details>", "@octocat", "| a | b |", "\n```\n", "![x](http://y)"])


@settings(deadline=None)
@given(hostile, hostile, hostile, hostile)
def test_no_text_from_outside_breaks_out_of_its_place(name: str, key: str, value: str, note: str) -> None:
    text = plan_markdown.render(fleet_plan([_hostile_plan(name, key, value, note), in_sync("eta", "cust_eta")]))
    lines = text.removesuffix("\n").split("\n")
    assert all(one.isprintable() for one in lines)
    calm = plan_markdown.render(fleet_plan([_hostile_plan("a", "b", "c", "d"), in_sync("eta", "cust_eta")])).split("\n")
    start = next(at for at, one in enumerate(lines) if re.fullmatch("`{3,}diff", one))
    fence = lines[start].removesuffix("diff")
    assert lines[start + 1 :].index(fence) == len(lines[start + 1 :]) - 5, "the first closing fence is ours"
    outside = "\n".join([*lines[:start], *lines[-4:]])
    assert _without_code(outside).count("<") == _without_code("\n".join(calm)).count("<"), "no tag but ours"
    rows = [one for one in lines[:start] if one.startswith("| ")]
    assert {one.count("|") for one in rows} == {8}, "no cell but ours"
    assert not re.search(r"@[A-Za-z0-9]", _without_code(outside)), "nobody is mentioned"


def _hostile_plan(name: str, key: str, value: str, note: str) -> Plan:
    owner = Customer(name, name, name, name, origin=Origin({"": Place(note, 1, 1)}))
    fields = (PlannedField((key,), value, note, "drift", key), PlannedField(("limit",), value, None))
    change = Change(Key("budget", value), "adopt", fields, (Note(note, "danger"),))
    failure = PermanentFailure(note, code=key, operation=value, resource=name, advice=note)
    return Plan(owner, (change,), unread=(Unread(Key(key, name), failure),))


def _without_code(text: str) -> str:
    return re.sub(r"<code>[^<>]*</code>|`[^`\n]*`", "", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("acme", "`acme`"),
        ("", '`""`'),
        ("a`b", "<code>a&#96;b</code>"),
        ("a|b", "<code>a&#124;b</code>"),
        ("<b>@x", "`<b>@x`"),
        ("a\nb", "`a\\nb`"),
    ],
)
def test_code_shows_any_text_as_it_is(text: str, shown: str) -> None:
    assert code(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see @octocat", "see @&#8203;octocat"),
        ("fixes #12", "fixes #&#8203;12"),
        ("https://evil.example", "https:&#8203;//evil.example"),
        ("<img>", "&#60;img&#62;"),
        ("*a* _b_ `c` | d", "\\*a\\* \\_b\\_ &#96;c&#96; &#124; d"),
    ],
)
def test_prose_takes_the_power_of_what_markdown_acts_on(text: str, shown: str) -> None:
    assert prose(text) == shown
