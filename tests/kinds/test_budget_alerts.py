"""The steps between sets of alerts and subscribers, for any two sets that AWS would take."""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.kinds.budget_alerts import alert_key, pair_moved, percent, subscriber_steps, to_notification

EMAILS = st.sets(st.sampled_from([f"email:{name}@acme.com" for name in "abcdefghijklmnopqrst"]), max_size=10)
TOPICS = st.sets(st.sampled_from([f"sns:arn:aws:sns:us-west-2:123456789012:{name}" for name in "abc"]), max_size=1)
SUBSCRIBERS = st.builds(lambda emails, topics: tuple(sorted(emails | topics)), EMAILS, TOPICS).filter(bool)
PERCENTS = st.decimals(min_value="0.01", max_value=1000, places=2)
KEYS = st.builds(alert_key, st.sampled_from(["ACTUAL", "FORECASTED"]), PERCENTS)
ALERTS = st.dictionaries(KEYS, st.just(()), max_size=10)


@settings(deadline=None, max_examples=300)
@given(SUBSCRIBERS, SUBSCRIBERS)
def test_no_step_between_subscribers_is_refused_or_removes_the_alert(
    there: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    """AWS takes 10 e-mails and one topic, each once, and removes an alert with its last subscriber."""
    now = set(there)
    for old, new in subscriber_steps(there, wanted):
        assert old is None or old in now
        assert new is None or new not in now
        now = (now - {old}) | ({new} if new else set())
        assert now
        assert sum(one.startswith("email:") for one in now) <= 10
        assert sum(one.startswith("sns:") for one in now) <= 1
    assert now == set(wanted)


@settings(deadline=None, max_examples=200)
@given(SUBSCRIBERS, SUBSCRIBERS)
def test_the_steps_are_as_few_as_can_be(there: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """Each protocol needs as many as it gains or loses, whichever is more: an exchange is one call."""
    gone, come = set(there) - set(wanted), set(wanted) - set(there)
    least = sum(
        max(sum(one.startswith(protocol) for one in gone), sum(one.startswith(protocol) for one in come))
        for protocol in ("email:", "sns:")
    )
    assert len(subscriber_steps(there, wanted)) == least


@settings(deadline=None, max_examples=300)
@given(ALERTS, ALERTS)
def test_moved_alerts_land_on_free_places_that_are_wanted(there: dict[str, Any], wanted: dict[str, Any]) -> None:
    """In whatever order: no alert is moved twice, none onto another, and only within its type."""
    now = set(there)
    for old, new in pair_moved(there, wanted):
        assert old in now
        assert old not in wanted
        assert new in wanted
        assert new not in now
        assert old.split(" ")[0] == new.split(" ")[0]
        now = (now - {old}) | {new}
    gone, come = now - set(wanted), set(wanted) - now
    assert {key.split(" ")[0] for key in gone}.isdisjoint({key.split(" ")[0] for key in come}), "all that can, move"
    assert len(now - gone) + len(come) <= 10, "those that go, go before those that come"


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["ACTUAL", "FORECASTED"]), PERCENTS)
def test_an_alert_reads_back_under_its_own_key(type_: str, threshold: Decimal) -> None:
    """AWS gives the threshold as a float and leaves out that it is a percentage."""
    key = alert_key(type_, threshold)
    sent = to_notification(key)
    assert percent(key) == threshold
    assert alert_key(sent["NotificationType"], sent["Threshold"]) == key
    assert (
        alert_key(sent["NotificationType"], sent["Threshold"], sent["ComparisonOperator"], sent["ThresholdType"]) == key
    )


def test_one_threshold_has_one_key() -> None:
    assert {alert_key("ACTUAL", value) for value in (Decimal(80), Decimal("80.00"), Decimal("8E+1"), 80, 80.0)} == {
        "ACTUAL > 80 %"
    }


def test_alerts_that_are_not_of_our_making_have_keys_of_their_own() -> None:
    keys = {
        alert_key("ACTUAL", 80),
        alert_key("FORECASTED", 80),
        alert_key("ACTUAL", 80, "LESS_THAN"),
        alert_key("ACTUAL", 80, "EQUAL_TO"),
        alert_key("ACTUAL", 80, "GREATER_THAN", "ABSOLUTE_VALUE"),
    }
    assert len(keys) == 5
