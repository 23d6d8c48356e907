"""Which saved plans were applied: one item for each in the billing table, written before its first change."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from controller.aws.clients import Aws
from controller.domain.saved_plan import AGAIN
from controller.errors import PermanentFailure, Refused
from controller.store.records import records

RECORD = "plan#"


class AppliedPlans:
    """The record of applied plans. It needs no permission that statuses do not need."""

    def __init__(self, aws: Aws, table: str) -> None:
        self._aws, self._table = aws, table

    def check(self, plan_id: str) -> None:
        """Raises Refused where the plan was ever begun, even if only half of it was done."""
        for item in records(self._aws, self._table, f"{RECORD}{plan_id}"):
            raise _applied(item)

    def begin(self, plan_id: str, controller_id: str, now: datetime) -> None:
        """Notes that the plan is being applied from now on. Raises Refused as `check` does, also in a race.

        A write whose answer was lost is made again and meets itself: known by its write id, it has succeeded.
        """
        write_id = uuid.uuid4().hex
        item = {
            "record": {"S": f"{RECORD}{plan_id}"},
            "owner": {"S": plan_id},
            "controller_id": {"S": controller_id},
            "begun_at": {"S": f"{now:%Y-%m-%dT%H:%M:%SZ}"},
            "write_id": {"S": write_id},
        }
        try:
            self._call(
                "put_item",
                plan_id,
                Item=item,
                ConditionExpression="attribute_not_exists(#owner)",
                ExpressionAttributeNames={"#owner": "owner"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except PermanentFailure as failure:
            if failure.code != "ConditionalCheckFailedException":
                raise
            if (failure.item or {}).get("write_id") != {"S": write_id}:
                raise _applied(failure.item or {}) from failure

    def _call(self, operation: str, plan_id: str, **parameters: Any) -> dict[str, Any]:
        about = f"{self._table}/{RECORD}{plan_id}"
        return self._aws.call("dynamodb", operation, about=about, TableName=self._table, **parameters)


def _applied(item: Mapping[str, Any]) -> Refused:
    when = item.get("begun_at", {}).get("S", "an unknown time")
    return Refused(
        f"nothing was done: this plan was applied already, from {when} on, to its end or not: a plan is applied once."
        f" {AGAIN}"
    )
