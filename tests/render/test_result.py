"""What an apply did: every failure with its reason, the summary last, the same order every time."""

import json
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.domain.outcome import Outcome
from controller.domain.plan import Plan
from controller.errors import AccountFailure, TransientFailure
from controller.fleet import Result
from controller.render import result_document, result_text
from tests.render.conftest import acme, customer, everything, fleet_plan, in_sync, results, retained

EXPIRED = AccountFailure("the token has expired", code="ExpiredToken", advice="Renew it.")


def test_an_apply_with_one_of_each_reads_like_this(golden: Callable[[str, str], None]) -> None:
    plan = everything()
    golden("result_everything.txt", str(result_text.render(plan, results(plan))))


def test_nothing_to_do_is_one_line() -> None:
    plan = fleet_plan(in_sync(f"c{n}", f"cust_{n:03}") for n in range(12))
    done = [Result(one) for one in plan.plans]
    assert str(result_text.render(plan, done)) == "Nothing to do: 12 customers match AWS.\n"
    assert result_document.exit_reason(done) == "nothing_to_do"


def test_a_complete_apply_says_how_much_it_did() -> None:
    plan = fleet_plan([acme()])
    done = [Result(one, tuple(Outcome(change) for change in one.changes)) for one in plan.plans]
    assert str(result_text.render(plan, done)).endswith("\n\nApplied 4 of 4 changes.\n")
    assert result_document.exit_reason(done) == "done"


def test_credentials_that_expire_on_the_way_are_told_once() -> None:
    plans = [Plan(customer(f"c{n}", f"cust_{n}"), acme().changes) for n in range(50)]
    done = [
        Result(
            one,
            (
                Outcome(one.changes[0], EXPIRED),
                *(Outcome(change, TransientFailure("not begun"), tried=False) for change in one.changes[1:]),
            ),
        )
        for one in plans
    ]
    text = str(result_text.render(fleet_plan(plans), done))
    assert text.count("the token has expired") == 1
    assert "Applied 0 of 200 changes. 50 failed. 150 not begun." in text
    assert result_document.exit_reason(done) == "failed"


def test_a_customer_that_could_not_be_let_go_of_is_not_said_to_be() -> None:
    orphan = retained()
    plan = fleet_plan([], [orphan])
    kept = Result(replace(orphan.plan, changes=()), unsaved=TransientFailure("no answer"), released=True)
    text = str(result_text.render(plan, [kept]))
    assert "NOT let go of" in text
    assert "Let go of 1 customer" not in text
    assert "no answer" in text


@pytest.mark.parametrize("interrupted", [True, False])
def test_the_document_counts_what_the_text_says(interrupted: bool) -> None:
    plan = everything()
    document = json.loads(result_document.to_json(plan, results(plan), interrupted=interrupted))
    assert document["exit_reason"] == ("interrupted" if interrupted else "partly_failed")
    told = [change["result"] for one in document["results"] for change in one["changes"]]
    assert document["summary"]["done"] == told.count("done") == 10
    assert document["summary"]["failed"] == told.count("failed") == 1
    assert document["summary"]["not_begun"] == told.count("not_begun") == 1
    released = next(one for one in document["results"] if one["released"])
    assert released["stays"] == ["bucket_tags daylily-customer-delta", "budget daylily-cust_delta-monthly"]


def test_the_order_in_which_results_come_changes_nothing() -> None:
    plan = everything()
    done = list(results(plan))
    shuffled = done[:]
    random.Random(3).shuffle(shuffled)
    assert result_document.to_json(plan, done) == result_document.to_json(plan, shuffled)
    assert str(result_text.render(plan, done)) == str(result_text.render(plan, shuffled))
