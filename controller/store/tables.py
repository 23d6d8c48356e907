"""The two DynamoDB tables: what they look like, making them, and the same as CloudFormation.

On demand, encrypted with the AWS managed key, with point-in-time recovery and protected from deletion.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from controller.aws.clients import Aws
from controller.domain.settings import TableSettings
from controller.errors import PermanentFailure, TransientFailure

PERMISSIONS = frozenset(
    {
        "dynamodb:CreateTable",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:UpdateContinuousBackups",
    }
)

WAIT_SECONDS = 60
PROTECT_TRIES = 60
"""Tries to switch point-in-time recovery on, 10 s apart: AWS enables backups of a new table some minutes later."""


def keys(tables: TableSettings) -> dict[str, tuple[str, ...]]:
    """Each table with its key attributes: the partition key, then the sort key. All are strings."""
    return {tables.customers: ("customer_id",), tables.billing: ("record", "owner")}


def make(aws: Aws, tables: TableSettings, sleep: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """Makes the tables that are missing and tells what it did, a line for each. Never changes a table's data."""
    for name, attributes in keys(tables).items():
        there = _describe(aws, name)
        if there is None:
            aws.call("dynamodb", "create_table", about=name, **_definition(name, attributes))
            _wait(aws, name, sleep)
            yield f"{name}: created"
        else:
            _check_keys(name, attributes, there)
            yield f"{name}: exists"
    for name in keys(tables):
        if _protect(aws, name, sleep):
            yield f"{name}: point-in-time recovery switched on"


def cloudformation(tables: TableSettings) -> str:
    """A template that makes the same two tables, and keeps them when the stack is deleted."""
    resources = {
        _logical_id(name): {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                **_definition(name, attributes),  # CloudFormation spells the encryption differently
                "SSESpecification": {"SSEEnabled": True},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            },
        }
        for name, attributes in keys(tables).items()
    }
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Tables of the customer billing reconciler",
        "Resources": resources,
    }
    return yaml.safe_dump(template, sort_keys=False)


def _definition(name: str, attributes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in attributes],
        "KeySchema": [
            {"AttributeName": one, "KeyType": "RANGE" if position else "HASH"}
            for position, one in enumerate(attributes)
        ],
        "SSESpecification": {"Enabled": True},
    }


def _describe(aws: Aws, name: str) -> dict[str, Any] | None:
    try:
        table: dict[str, Any] = aws.call("dynamodb", "describe_table", about=name, TableName=name)["Table"]
    except PermanentFailure as failure:
        if failure.code == "ResourceNotFoundException":
            return None
        raise
    return table


def _check_keys(name: str, attributes: tuple[str, ...], there: dict[str, Any]) -> None:
    found = tuple(one["AttributeName"] for one in sorted(there["KeySchema"], key=lambda one: str(one["KeyType"])))
    if found != attributes:
        raise PermanentFailure(
            f"the table {name} exists with the key {', '.join(found)}; needed is {', '.join(attributes)}",
            resource=name,
            advice="Name another table in the settings, under `tables`.",
        )


def _wait(aws: Aws, name: str, sleep: Callable[[float], None]) -> None:
    for _ in range(WAIT_SECONDS):
        table = _describe(aws, name)
        if table and table["TableStatus"] == "ACTIVE":
            return
        sleep(1)
    raise TransientFailure(f"the table {name} is not active after {WAIT_SECONDS} s", resource=name)


def _protect(aws: Aws, name: str, sleep: Callable[[float], None]) -> bool:
    """Switches point-in-time recovery on; False where it is on already. A new table takes minutes to allow it."""
    answer = aws.call("dynamodb", "describe_continuous_backups", about=name, TableName=name)
    recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
        return False
    for patience in reversed(range(PROTECT_TRIES)):
        try:
            aws.call(
                "dynamodb",
                "update_continuous_backups",
                about=name,
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        except PermanentFailure as failure:
            if failure.code != "ContinuousBackupsUnavailableException" or not patience:
                raise
            sleep(10)
        else:
            return True
    raise AssertionError("the last try returns or raises")


def _logical_id(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("_", "-").replace(".", "-").split("-")) + "Table"
