"""The JSON plan: documents keep the published schema, and the same plan is the same text."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.customer import Customer
from controller.domain.plan import Action, Change, Plan, PlannedField
from controller.domain.resource import Key
from controller.fleet import FleetPlan
from controller.render import plan_document
from controller.render.tally import tally
from tests.render.conftest import NOW, deleted, everything, fleet_plan, in_sync, retained

SCHEMA = Path(__file__).parents[2] / "schemas" / "plan.schema.json"

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))

texts = st.text(max_size=12)
fields = st.builds(
    PlannedField,
    st.tuples(texts),
    texts,
    st.none() | texts,
    st.sampled_from(["intent", "drift"]),
)
actions: st.SearchStrategy[Action] = st.sampled_from(["create", "update", "adopt", "delete"])
changes = st.builds(Change, st.builds(Key, texts, texts), actions, st.lists(fields, max_size=2).map(tuple))


@st.composite
def plans(draw: st.DrawFn) -> FleetPlan:
    ids = draw(st.lists(texts, max_size=4, unique=True))
    owners = [Customer(one, one, one, one, suspend=draw(st.booleans())) for one in ids]
    return fleet_plan([Plan(owner, tuple(draw(st.lists(changes, max_size=3)))) for owner in owners])


def test_the_published_schema_is_fresh() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == plan_document.schema()


def test_the_schema_is_a_valid_one_and_describes_every_document() -> None:
    schema = json.loads(plan_document.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert all(made["description"] for made in schema["$defs"].values())


@pytest.mark.parametrize("prune", [False, True])
def test_a_plan_with_one_of_each_keeps_the_schema(prune: bool) -> None:
    document = json.loads(plan_document.to_json(everything(), prune=prune))
    VALIDATOR.validate(document)


@settings(deadline=None)
@given(plans())
def test_every_plan_keeps_the_schema_and_agrees_with_its_summary(plan: FleetPlan) -> None:
    text = plan_document.to_json(plan)
    document = json.loads(text)
    VALIDATOR.validate(document)
    summary = document["summary"]
    assert document["has_changes"] == bool(sum(summary[word] for word in ("create", "update", "delete", "adopt")))
    assert document["has_changes"] == any(one.to_apply for one in plan.plans)
    assert document["has_changes"] == (not tally(plan).summary.startswith("No changes."))
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def test_the_order_in_which_owners_come_changes_no_document() -> None:
    plan = everything()
    shuffled = list(plan.plans)
    random.Random(7).shuffle(shuffled)
    other = replace(plan, plans=tuple(shuffled), orphans=plan.orphans[::-1])
    documents = [replace(plan_document.to_document(one), digest="") for one in (plan, other)]
    assert documents[0] == documents[1]


def test_the_time_is_no_part_of_the_digest() -> None:
    plan = everything()
    later = replace(plan, made_at=NOW.replace(year=2027))
    documents = [plan_document.to_document(one) for one in (plan, later)]
    assert documents[0].digest == documents[1].digest
    assert documents[0].made_at != documents[1].made_at


def test_orphans_are_changes_only_when_they_are_to_be_pruned() -> None:
    for orphan in (retained(), deleted()):
        plan = fleet_plan([in_sync("eta", "cust_eta")], [orphan])
        assert not plan_document.to_document(plan).has_changes
        assert plan_document.to_document(plan, prune=True).has_changes


def test_an_orphan_that_is_let_go_of_shows_no_removals() -> None:
    document = plan_document.to_document(fleet_plan([], [retained()]))
    assert document.orphans[0].changes == ()
    assert len(document.orphans[0].inventory) == 3


def test_rendering_json_imports_no_rich() -> None:
    code = (
        "import sys; from controller.render import plan_document, result_document, status_document;"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
