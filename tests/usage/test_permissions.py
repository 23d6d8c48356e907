"""The readers declare the IAM actions that they use, no more and no less, and only reading ones."""

from collections.abc import Callable

import pytest

from controller.aws.clients import Aws
from controller.domain.customer import Bucket
from controller.domain.month import Month
from controller.domain.settings import UsageSettings
from controller.kinds.iam_policy import READERS, READING
from controller.sandbox import Sandbox
from controller.sandbox.seed import seed
from controller.usage.budget_spend import SpendReader
from controller.usage.cost_explorer import CostReader, ForecastReader
from controller.usage.storage_metrics import StorageReader
from controller.usage.worksets import WorksetReader
from tests.kinds.iam import ACTIONS
from tests.kinds.setting import OWN_ACCOUNT, REGION, door
from tests.usage.items import TABLE, make_table

NOVEMBER = Month(2026, 11)
ACME = Bucket("daylily-customer-acme-genomics", REGION)
MANY = ["cust_abc123", "cust_beta01", "cust_gamma7", "cust_delta3"]


def read_costs(aws: Aws, sandbox: Sandbox) -> None:
    CostReader(aws, OWN_ACCOUNT, UsageSettings(), sandbox.now).read([NOVEMBER], [])


def read_forecasts(aws: Aws, sandbox: Sandbox) -> None:
    ForecastReader(aws, OWN_ACCOUNT, UsageSettings(), sandbox.now).read(MANY, NOVEMBER)


def read_spend(aws: Aws, sandbox: Sandbox) -> None:
    for ids in (MANY, MANY[:1]):
        SpendReader(aws, OWN_ACCOUNT, sandbox.now).read(ids)


def read_storage(aws: Aws, sandbox: Sandbox) -> None:
    StorageReader(aws, sandbox.now).read([ACME])


def read_worksets(aws: Aws, sandbox: Sandbox) -> None:
    """With the index, then without."""
    WorksetReader(aws, TABLE, sandbox.now).read(MANY)
    sandbox.client("dynamodb").delete_table(TableName=TABLE)
    make_table(sandbox)
    WorksetReader(aws, TABLE, sandbox.now).read(MANY)


READS: dict[type, Callable[[Aws, Sandbox], None]] = {
    CostReader: read_costs,
    ForecastReader: read_forecasts,
    SpendReader: read_spend,
    StorageReader: read_storage,
    WorksetReader: read_worksets,
}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: str(reader.__name__))
def test_declared_permissions_are_those_used_and_only_read(reader: type, local_environment: Sandbox) -> None:
    seed(local_environment)
    aws = door()
    READS[reader](aws, local_environment)
    declared = reader.permissions  # type: ignore[attr-defined]
    assert {ACTIONS.get(call, call) for call in aws.calls} == declared
    assert all(action.partition(":")[2].startswith((*READING, "Scan")) for action in declared)
