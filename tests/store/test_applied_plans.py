"""A saved plan is begun once, whoever tries, and an answer that is lost on the way changes nothing."""

import pytest

from controller.aws.clients import Aws
from controller.domain.settings import TableSettings
from controller.errors import Refused
from controller.sandbox import Fault, Sandbox
from controller.store import tables
from controller.store.applied_plans import AppliedPlans
from controller.store.statuses import Statuses
from tests.conftest import NOW


@pytest.fixture
def applied(local_environment: Sandbox) -> AppliedPlans:
    aws = Aws()
    for _ in tables.make(aws, TableSettings()):
        pass
    return AppliedPlans(aws, "daylily-billing")


def test_a_plan_is_begun_once(applied: AppliedPlans) -> None:
    applied.check("one")
    applied.begin("one", "default", NOW)

    with pytest.raises(Refused, match="applied already, from 2026-11-22T06:00:00Z on"):
        applied.check("one")
    with pytest.raises(Refused, match="applied already"):
        applied.begin("one", "green", NOW)


def test_another_plan_is_another_one(applied: AppliedPlans) -> None:
    applied.begin("one", "default", NOW)

    applied.check("two")
    applied.begin("two", "default", NOW)


def test_a_write_whose_answer_was_lost_is_one_write(applied: AppliedPlans, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "PutItem", "cut_after"))

    applied.begin("one", "default", NOW)


def test_it_is_no_status(applied: AppliedPlans) -> None:
    applied.begin("one", "default", NOW)

    assert Statuses(Aws(), "daylily-billing").load() == {}
