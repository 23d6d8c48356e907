"""Budgets: one call to create, and after that only what differs; whatever others added stays."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.customer import Alert, Customer
from controller.domain.resource import Absent, Applied, Present, Target, Unreadable
from controller.errors import PermanentFailure, TransientFailure
from controller.kinds.alert_topic import AlertTopics
from controller.kinds.budget import Budgets
from controller.sandbox import Fault, Sandbox
from tests.conftest import NOW
from tests.kinds.setting import (
    ACCOUNT,
    ACME,
    OWN_ACCOUNT,
    TOPIC,
    Life,
    alert,
    context,
    door,
    look,
    with_budget,
    writes,
)

NAME = "daylily-cust_abc123-monthly"
SECOND_TOPIC = f"{TOPIC}-critical"


@pytest.fixture
def sandbox(local_environment: Sandbox) -> Sandbox:
    """With the account's topic, and a second one."""
    topics = Life(AlertTopics(context(local_environment)))
    topics.put(OWN_ACCOUNT)
    topics.put(replace(OWN_ACCOUNT, topic_name=SECOND_TOPIC.rpartition(":")[2]))
    local_environment.clear_requests()
    return local_environment


@pytest.fixture
def kind(sandbox: Sandbox) -> Budgets:
    return Budgets(context(sandbox))


@pytest.fixture
def life(kind: Budgets) -> Life:
    return Life(kind)


def budget(sandbox: Sandbox) -> Mapping[str, Any]:
    """The fields as AWS keeps them."""
    found = sandbox.budgets.find(ACCOUNT, NAME)
    assert found is not None
    return found.fields


def alerts(sandbox: Sandbox) -> dict[tuple[str, float], set[str]]:
    """The addresses of every alert, by type and threshold."""
    found = sandbox.budgets.find(ACCOUNT, NAME)
    assert found is not None
    return {(one.type, one.threshold): {to.address for to in subs} for one, subs in found.alerts.items()}


def ask(sandbox: Sandbox, operation: str, **parameters: Any) -> Any:
    """A call by somebody else, about our budget unless it says otherwise."""
    client = sandbox.client("budgets", "us-east-1")
    answer = getattr(client, operation)(AccountId=ACCOUNT, **parameters)
    sandbox.clear_requests()
    return answer


def by_hand(sandbox: Sandbox, **changed: Any) -> None:
    """Somebody changes fields of our budget in the console."""
    described = ask(sandbox, "describe_budget", BudgetName=NAME, ShowFilterExpression=True)["Budget"]
    whole = {k: v for k, v in described.items() if k not in ("CalculatedSpend", "LastUpdatedTime", "HealthStatus")}
    ask(sandbox, "update_budget", NewBudget={k: v for k, v in {**whole, **changed}.items() if v is not None})


def at(threshold: float, type_: str = "ACTUAL") -> dict[str, Any]:
    return {"NotificationType": type_, "ComparisonOperator": "GREATER_THAN", "Threshold": threshold}


def email(address: str) -> dict[str, str]:
    return {"SubscriptionType": "EMAIL", "Address": address}


def change(life: Life, sandbox: Sandbox, owner: Customer) -> list[str]:
    """Put the owner's budget, see that it is so, and tell the writing calls that it took."""
    sandbox.clear_requests()
    life.put(owner)
    calls = writes(sandbox)
    assert life.states(owner) == dict(life.kind.desired(owner))
    return calls


# Creating


def test_a_budget_is_created_whole_in_one_call(life: Life, sandbox: Sandbox) -> None:
    """Atomic: a budget is never there without the alerts that make it useful."""
    assert change(life, sandbox, ACME) == ["CreateBudget"]
    assert budget(sandbox)["BudgetLimit"] == {"Amount": "1000.0", "Unit": "USD"}
    assert budget(sandbox)["CostFilters"] == {"TagKeyValue": ["user:daylily:customer_id$cust_abc123"]}
    assert alerts(sandbox) == {
        ("ACTUAL", 50.0): {"billing@acme.com"},
        ("ACTUAL", 80.0): {"billing@acme.com", TOPIC},
    }


def test_no_end_is_ever_set_by_us(life: Life, sandbox: Sandbox) -> None:
    """AWS deletes a budget with its alerts when its End is over."""
    change(life, sandbox, ACME)
    assert budget(sandbox)["TimePeriod"]["End"] == datetime(2087, 6, 15, tzinfo=UTC).timestamp()
    assert "TimePeriod" not in life.kind.desired(ACME)[NAME].to_aws(NAME)


def test_an_alert_without_subscribers_is_not_created(life: Life, sandbox: Sandbox) -> None:
    """AWS takes none; such an alert exists for the gate only."""
    change(life, sandbox, with_budget(1000, alert(50, "a@acme.com"), alert(100, pause_worksets=True)))
    assert alerts(sandbox) == {("ACTUAL", 50.0): {"a@acme.com"}}


def test_a_lost_answer_to_the_creation_makes_no_second_budget_and_no_second_alert(life: Life, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("budgets", "CreateBudget", "cut_after"))
    assert change(life, sandbox, ACME) == ["CreateBudget", "CreateBudget"]
    assert set(sandbox.budgets.alerts_created(ACCOUNT, NAME).values()) == {1}


def test_a_create_that_meets_another_budget_makes_it_ours(life: Life, sandbox: Sandbox) -> None:
    """Somebody made it between our look and our write."""
    Life(life.kind).put(with_budget(7, alert(50, "a@acme.com"), alert(80, "billing@acme.com"), alert(99, "a@acme.com")))
    life.put(ACME, observed={})
    assert budget(sandbox)["BudgetLimit"]["Amount"] == "1000.0"
    assert alerts(sandbox) == {
        ("ACTUAL", 50.0): {"a@acme.com", "billing@acme.com"},
        ("ACTUAL", 80.0): {"billing@acme.com", TOPIC},
        ("ACTUAL", 99.0): {"a@acme.com"},
    }


def test_a_topic_of_others_in_the_only_place_is_told(life: Life, sandbox: Sandbox) -> None:
    """An alert has one topic at most, and this one is not ours to remove."""
    Life(life.kind).put(with_budget(1000, alert(80, sns=SECOND_TOPIC)))
    with pytest.raises(PermanentFailure, match="one notification can only have 1 subscribers with type of SNS"):
        life.put(with_budget(1000, alert(80, sns="")))
    assert alerts(sandbox) == {("ACTUAL", 80.0): {SECOND_TOPIC}}


def test_a_topic_that_budgets_may_not_use_is_told(life: Life, sandbox: Sandbox) -> None:
    with pytest.raises(PermanentFailure, match="Invalid SNS topic"):
        life.put(with_budget(5, alert(50, sns=f"{TOPIC}-nowhere")))
    assert sandbox.budgets.find(ACCOUNT, NAME) is None


# Changing


def test_a_changed_email_is_one_writing_call(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, with_budget(1000, alert(50, "old@acme.com")))
    assert change(life, sandbox, with_budget(1000, alert(50, "new@acme.com"))) == ["UpdateSubscriber"]
    assert alerts(sandbox) == {("ACTUAL", 50.0): {"new@acme.com"}}
    assert set(sandbox.budgets.alerts_created(ACCOUNT, NAME).values()) == {1}


@pytest.mark.parametrize(
    ("before", "after", "calls", "why"),
    [
        (
            alert(80, "a@acme.com"),
            alert(80, "a@acme.com", sns=""),
            ["CreateSubscriber"],
            "the topic comes beside the e-mail",
        ),
        (alert(80, "a@acme.com", sns=""), alert(80, "a@acme.com"), ["DeleteSubscriber"], "and goes"),
        (
            alert(80, sns=""),
            alert(80, sns=SECOND_TOPIC),
            ["UpdateSubscriber"],
            "one topic at most: it can only be exchanged",
        ),
        (
            alert(80, "a@acme.com"),
            alert(80, sns=""),
            ["CreateSubscriber", "DeleteSubscriber"],
            "never without a subscriber: AWS would remove the alert",
        ),
        (
            alert(80, "a@acme.com", "b@acme.com"),
            alert(80, "c@acme.com"),
            ["UpdateSubscriber", "DeleteSubscriber"],
            "an exchange first",
        ),
        (
            alert(80, "a@acme.com"),
            alert(90, "a@acme.com"),
            ["UpdateNotification"],
            "a threshold that moves keeps its subscribers",
        ),
        (
            alert(80, "a@acme.com"),
            alert(90, "b@acme.com"),
            ["UpdateNotification", "UpdateSubscriber"],
            "both at once",
        ),
        (
            alert(80, "a@acme.com"),
            alert(80, "a@acme.com", type="FORECASTED"),
            ["DeleteSubscriber", "CreateNotification"],
            "another type is another alert",
        ),
        (
            alert(80, *(f"a{number}@acme.com" for number in range(10))),
            alert(80, *(f"b{number}@acme.com" for number in range(10))),
            ["UpdateSubscriber"] * 10,
            "ten is the limit: exchanged, never exceeded",
        ),
    ],
)
def test_an_alert_changes_by_the_smallest_calls(
    life: Life, sandbox: Sandbox, before: Any, after: Any, calls: list[str], why: str
) -> None:
    rest = alert(40, "always@acme.com")
    change(life, sandbox, with_budget(1000, before, rest))
    assert change(life, sandbox, with_budget(1000, after, rest)) == calls, why
    created = sandbox.budgets.alerts_created(ACCOUNT, NAME)
    assert set(created.values()) == {1}, "no alert is ever made twice: it would be sent again"
    assert len(created) == (3 if "CreateNotification" in calls else 2)


def test_a_limit_changes_in_one_call_and_no_alert_is_touched(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, ACME)
    before = alerts(sandbox)
    assert change(life, sandbox, with_budget("2000.50", *_alerts_of(ACME))) == ["UpdateBudget"]
    assert budget(sandbox)["BudgetLimit"]["Amount"] == "2000.5"
    assert alerts(sandbox) == before


def test_the_period_is_echoed_by_an_update(life: Life, sandbox: Sandbox) -> None:
    """What UpdateBudget does not say goes back to its default: the Start would move to this month."""
    change(life, sandbox, ACME)
    by_hand(sandbox, TimePeriod={"Start": datetime(2026, 1, 1, tzinfo=UTC)})
    change(life, sandbox, with_budget(2000, *_alerts_of(ACME)))
    assert budget(sandbox)["TimePeriod"]["Start"] == datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("written", ["1000", "1000.0", "1000.00", "1E+3"])
def test_one_limit_has_many_spellings(life: Life, sandbox: Sandbox, written: str) -> None:
    change(life, sandbox, ACME)
    assert change(life, sandbox, with_budget(written, *_alerts_of(ACME))) == []


def test_ten_alerts_can_be_exchanged_for_ten_others(life: Life, sandbox: Sandbox) -> None:
    """Ten is all that AWS takes, so the old ones go before the new ones come."""
    actual = [alert(number, "a@acme.com") for number in range(1, 11)]
    mixed = [alert(number, "a@acme.com", type="FORECASTED" if number % 2 else "ACTUAL") for number in range(11, 21)]
    change(life, sandbox, with_budget(1000, *actual))
    change(life, sandbox, with_budget(1000, *mixed))
    assert len(alerts(sandbox)) == 10


def test_a_budget_that_vanished_meanwhile_is_made_anew(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, ACME)
    seen = life.states(ACME)
    ask(sandbox, "delete_budget", BudgetName=NAME)
    life.put(with_budget(2000, *_alerts_of(ACME)), observed=seen)
    assert budget(sandbox)["BudgetLimit"]["Amount"] == "2000.0"


# Drift


@pytest.mark.parametrize(
    ("hand", "why"),
    [
        ({"BudgetLimit": {"Amount": "9", "Unit": "USD"}}, "another limit"),
        ({"CostFilters": {"TagKeyValue": ["daylily:customer_id$cust_abc123"]}}, "without user: AWS counts nothing"),
        ({"CostFilters": {}}, "no filter: everybody's cost"),
        ({"CostTypes": {"IncludeCredit": False}}, "credits hide or show spend"),
        ({"TimeUnit": "QUARTERLY"}, "a quarter is not a month"),
        ({"BudgetType": "USAGE", "BudgetLimit": {"Amount": "1000", "Unit": "GB"}}, "usage is not cost"),
    ],
)
def test_a_budget_changed_by_hand_is_a_difference_and_is_put_right(
    life: Life, sandbox: Sandbox, hand: dict[str, Any], why: str
) -> None:
    change(life, sandbox, ACME)
    by_hand(sandbox, **hand)
    assert life.states(ACME) != dict(life.kind.desired(ACME)), why
    assert change(life, sandbox, ACME) == ["UpdateBudget"]


def test_a_filter_expression_is_another_form_and_is_put_right(life: Life, sandbox: Sandbox) -> None:
    """AWS has a second generation of filters, which it shows on request only."""
    expression = {"Tags": {"Key": "user:daylily:customer_id", "Values": ["cust_abc123"]}}
    change(life, sandbox, ACME)
    by_hand(sandbox, CostFilters=None, CostTypes=None, FilterExpression=expression, Metrics=["UnblendedCost"])
    assert life.states(ACME)[NAME].form == "filter expression"
    assert change(life, sandbox, ACME) == ["UpdateBudget"]


def test_an_alert_removed_by_hand_comes_back(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, ACME)
    ask(sandbox, "delete_notification", BudgetName=NAME, Notification=at(50))
    assert change(life, sandbox, ACME) == ["CreateNotification"]


# Others


def test_alerts_and_subscribers_of_others_are_kept_and_named(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, ACME)
    theirs = {"Notification": at(400, "FORECASTED"), "Subscribers": [email("cfo@acme.com")]}
    ask(sandbox, "create_notification", BudgetName=NAME, **theirs)
    ask(sandbox, "create_subscriber", BudgetName=NAME, Notification=at(50), Subscriber=email("cfo@acme.com"))
    seen = Life(life.kind).look(ACME)[NAME]
    assert isinstance(seen, Present)
    assert seen.state == life.kind.desired(ACME)[NAME]
    assert seen.kept == ("alert FORECASTED > 400 %", "email:cfo@acme.com on alert ACTUAL > 50 %")
    change(life, sandbox, with_budget(2000, alert(50, "new@acme.com")))
    assert alerts(sandbox) == {
        ("ACTUAL", 50.0): {"new@acme.com", "cfo@acme.com"},
        ("FORECASTED", 400.0): {"cfo@acme.com"},
    }


def test_an_alert_that_others_listen_to_stays_theirs(life: Life, sandbox: Sandbox) -> None:
    """Ours leave it; AWS removes an alert only with its last subscriber."""
    change(life, sandbox, ACME)
    ask(sandbox, "create_subscriber", BudgetName=NAME, Notification=at(80), Subscriber=email("cfo@acme.com"))
    change(life, sandbox, with_budget(1000, alert(50, "billing@acme.com")))
    assert alerts(sandbox) == {("ACTUAL", 50.0): {"billing@acme.com"}, ("ACTUAL", 80.0): {"cfo@acme.com"}}


def test_room_is_made_before_it_is_taken(life: Life, sandbox: Sandbox) -> None:
    """Others hold three of the ten alerts; ours exchange one for one of another type."""
    seven = [alert(number, "a@acme.com") for number in range(1, 8)]
    change(life, sandbox, with_budget(1000, *seven))
    for number in range(3):
        theirs = {"Notification": at(500 + number), "Subscribers": [email("cfo@acme.com")]}
        ask(sandbox, "create_notification", BudgetName=NAME, **theirs)
    change(life, sandbox, with_budget(1000, *seven[1:], alert(90, "a@acme.com", type="FORECASTED")))
    assert len(alerts(sandbox)) == 10


def test_a_removal_takes_along_what_others_added_and_does_not_call_it_kept(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, ACME)
    ask(sandbox, "create_subscriber", BudgetName=NAME, Notification=at(50), Subscriber=email("cfo@acme.com"))
    seen = look(life.kind, Target(NAME, None, replace(life.applied[NAME])))[NAME]
    assert isinstance(seen, Present)
    assert seen.kept == ()
    assert "goes with the budget, not ours: email:cfo@acme.com on alert ACTUAL > 50 %" in [
        note.text for note in life.kind.notes(NAME, seen.state, None)
    ]


# Reading


def fleet_of(count: int) -> list[Customer]:
    return [replace(with_budget(10), customer_id=f"c{number:04}") for number in range(count)]


@pytest.mark.parametrize(("count", "reads"), [(1, 2), (3, 6), (4, 2), (40, 2)])
def test_a_few_budgets_are_read_one_by_one_and_many_in_pages(
    life: Life, sandbox: Sandbox, count: int, reads: int
) -> None:
    """Each alone costs the budget and its alerts; the whole account costs a page of either."""
    fleet = fleet_of(count)
    for owner in fleet:
        life.put(owner, observed={})
    sandbox.clear_requests()
    seen = look(life.kind, *(Target(name, state) for one in fleet for name, state in life.kind.desired(one).items()))
    assert all(isinstance(one, Present) for one in seen.values())
    assert len(seen) == count
    assert len(sandbox.requests) == reads


def test_a_thousand_budgets_and_more_are_three_calls(sandbox: Sandbox) -> None:
    """Two pages of budgets, and one of alerts: only one of the budgets has any."""
    aws = door()
    kind = Budgets(context(sandbox, aws=aws))
    fleet = [ACME, *fleet_of(1001)]
    desired = [one for owner in fleet for one in kind.desired(owner).items()]
    aws.each(lambda one: kind.put(*one, None), desired)
    sandbox.clear_requests()
    seen = look(kind, *(Target(name, state, Applied(state, NOW, NOW)) for name, state in desired))
    assert [one for one in seen.values() if not isinstance(one, Present)] == []
    assert len(seen) == 1002
    assert [request.operation for request in sandbox.requests] == [
        "DescribeBudgetNotificationsForAccount", "DescribeBudgets", "DescribeBudgets",
    ]  # fmt: skip


def test_subscribers_are_trusted_until_they_are_due(life: Life, sandbox: Sandbox) -> None:
    """AWS has no bulk call for them: one for each alert. Due between half the interval and all of it, by the name."""
    change(life, sandbox, ACME)
    life.remember(NAME, life.kind.desired(ACME)[NAME], NOW)
    moments = {}
    for hours in range(0, 30, 2):
        sandbox.clear_requests()
        seen = life.look(ACME)[NAME]
        assert isinstance(seen, Present)
        read = "DescribeSubscribersForNotification" in [request.operation for request in sandbox.requests]
        moments[hours] = read
        assert seen.verified_at == (sandbox.now() if read else NOW)
        sandbox.advance(timedelta(hours=2))
    assert not any(read for hours, read in moments.items() if hours < 12)
    assert all(read for hours, read in moments.items() if hours >= 24)


def test_the_fleet_is_not_verified_at_one_moment(sandbox: Sandbox, life: Life) -> None:
    sandbox.advance(timedelta(hours=18))
    targets = []
    for owner in fleet_of(30):
        whole = with_budget(10, alert(50, "a@acme.com"))
        [(name, state)] = life.kind.desired(replace(whole, customer_id=owner.customer_id)).items()
        life.kind.put(name, state, None)
        targets.append(Target(name, state, Applied(state, NOW, NOW)))
    fresh = [
        seen for seen in look(life.kind, *targets).values() if isinstance(seen, Present) and seen.verified_at != NOW
    ]
    assert 5 < len(fresh) < 25


def test_subscribers_are_read_when_something_else_is_wanted(life: Life, sandbox: Sandbox) -> None:
    """Before any write, everything is read."""
    change(life, sandbox, ACME)
    sandbox.clear_requests()
    life.look(with_budget(2000, *_alerts_of(ACME)))
    operations = [request.operation for request in sandbox.requests]
    assert operations.count("DescribeSubscribersForNotification") == 2


def test_a_full_run_trusts_nothing(sandbox: Sandbox, life: Life) -> None:
    change(life, sandbox, ACME)
    ask(sandbox, "update_subscriber", BudgetName=NAME, Notification=at(50), OldSubscriber=email("billing@acme.com"),
        NewSubscriber=email("thief@else.com"))  # fmt: skip
    full = Life(Budgets(context(sandbox, full=True)))
    full.applied = life.applied
    assert life.states(ACME) == dict(life.kind.desired(ACME)), "trusted"
    assert full.states(ACME)[NAME].alerts["ACTUAL > 50 %"] == ()
    assert change(full, sandbox, ACME) == ["CreateSubscriber"]


def test_no_alerts_are_read_as_none_in_either_answer_of_aws(life: Life, sandbox: Sandbox) -> None:
    """AWS answers NotFoundException or an empty list."""
    change(life, sandbox, with_budget(5))
    sandbox.faults.add(Fault("budgets", "DescribeNotificationsForBudget", "error", "NotFoundException", 400))
    assert life.states(with_budget(5))[NAME].alerts == {}


def test_one_budget_that_fails_leaves_the_others_also_in_bulk(life: Life, sandbox: Sandbox) -> None:
    owners = [replace(ACME, customer_id=f"c{number}") for number in range(5)]
    for owner in owners:
        life.put(owner, observed={})
    life.applied.clear()
    sandbox.faults.add(
        Fault("budgets", "DescribeSubscribersForNotification", "throttle", times=None, resource="daylily-c3-monthly")
    )
    seen = look(life.kind, *(Target(name, state) for one in owners for name, state in life.kind.desired(one).items()))
    assert {name for name, one in seen.items() if isinstance(one, Unreadable)} == {"daylily-c3-monthly"}


def test_throttling_in_the_middle_of_a_put_is_left_to_the_next_run(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, ACME)
    sandbox.faults.add(Fault("budgets", "UpdateNotification", "throttle", times=3))
    wanted = with_budget(2000, alert(60, "x@acme.com"))
    with pytest.raises(TransientFailure, match="throttled"):
        life.put(wanted)
    change(life, sandbox, wanted)
    assert alerts(sandbox) == {("ACTUAL", 60.0): {"x@acme.com"}}


# Spend


def test_spend_comes_with_the_budget_for_free(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, ACME)
    sandbox.budgets.set_spend(ACCOUNT, NAME, "450.256", "612.5")
    state = life.states(ACME)[NAME]
    assert (state.actual, state.forecast) == (Decimal("450.256"), Decimal("612.5"))
    assert life.kind.report(state) == {"limit": "1000.00", "actual": "450.26", "forecast": "612.50", "currency": "USD"}
    assert state == life.kind.desired(ACME)[NAME], "what AWS reports is never a difference"


def test_a_spend_that_a_write_zeroed_is_unknown_and_not_0(life: Life, sandbox: Sandbox) -> None:
    """ "The calculatedSpend drops to zero until AWS has new usage data" (UpdateBudget)."""
    change(life, sandbox, ACME)
    sandbox.budgets.set_spend(ACCOUNT, NAME, 450)
    change(life, sandbox, with_budget(2000, *_alerts_of(ACME)))
    state = life.states(ACME)[NAME]
    assert state.actual is None
    assert "actual" not in life.kind.report(state)
    sandbox.budgets.refresh()
    assert life.states(ACME)[NAME].actual == 450


def test_a_spend_of_0_is_0_once_aws_has_had_the_time_to_count(life: Life, sandbox: Sandbox) -> None:
    change(life, sandbox, ACME)
    assert life.states(ACME)[NAME].actual is None
    sandbox.advance(timedelta(hours=12))
    assert life.states(ACME)[NAME].actual == 0


def test_no_budget_is_wanted_where_the_manifest_disables_it(life: Life, sandbox: Sandbox) -> None:
    assert life.kind.desired(replace(ACME, budget=None)) == {}
    change(life, sandbox, ACME)
    life.delete()
    assert look(life.kind, Target(NAME)) == {NAME: Absent()}


def _alerts_of(owner: Customer) -> tuple[Any, ...]:
    assert owner.budget
    return owner.budget.alerts


# Half done, and done by hand in ways that are dangerous


def fail_then_forget(life: Life, owner: Customer, sandbox: Sandbox, operation: str) -> None:
    """A put that is refused half-way, remembered as the flow remembers it."""
    sandbox.faults.add(Fault("budgets", operation, "error", code="AccessDeniedException", status=400))
    before = life.applied[NAME]
    with pytest.raises(PermanentFailure):
        life.put(owner)
    life.applied[NAME] = replace(before, tried=life.kind.desired(owner)[NAME])


def test_an_interrupted_move_of_an_alert_leaves_no_old_recipient_behind(life: Life, sandbox: Sandbox) -> None:
    life.put(with_alerts(Alert(Decimal(50), emails=("leaver@acme.com",))))
    moved = with_alerts(Alert(Decimal(60), emails=("new@acme.com",)))
    fail_then_forget(life, moved, sandbox, "UpdateSubscriber")

    life.put(moved)

    assert alerts(sandbox) == {("ACTUAL", 60.0): {"new@acme.com"}}


def test_what_a_failed_change_had_begun_is_ours_to_take_back(life: Life, sandbox: Sandbox) -> None:
    first = with_alerts(Alert(Decimal(50), emails=("a@acme.com",)))
    life.put(first)
    wider = with_alerts(Alert(Decimal(50), emails=("b@acme.com", "c@acme.com")))
    fail_then_forget(life, wider, sandbox, "CreateSubscriber")

    life.put(first)

    assert alerts(sandbox) == {("ACTUAL", 50.0): {"a@acme.com"}}


def test_an_end_set_by_hand_is_found_and_not_sent_back(life: Life, sandbox: Sandbox) -> None:
    """AWS deletes a budget after its End."""
    life.put(ACME)
    start = budget(sandbox)["TimePeriod"]["Start"]
    by_hand(sandbox, TimePeriod={"Start": start, "End": NOW + timedelta(days=40)})
    (state,) = life.states(ACME).values()
    assert state.form == "with an end, after which AWS deletes it"

    life.put(ACME)

    (state,) = life.states(ACME).values()
    assert state.form is None


def test_an_absurd_limit_set_by_hand_is_a_difference_and_no_crash(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    by_hand(sandbox, BudgetLimit={"Amount": "1" + "0" * 30, "Unit": "USD"})

    (state,) = life.states(ACME).values()

    assert state.limit == Decimal(10) ** 30


def with_alerts(*wanted: Alert) -> Customer:
    assert ACME.budget is not None
    return replace(ACME, budget=replace(ACME.budget, alerts=wanted))
