"""The IAM policy that the tool needs, from what the kinds, the store and the readers of usage declare.

Statements of their own: what a plan needs, what an apply needs on top, what `collect` reads and writes, what it reads
instead of Cost Explorer with `usage.cost_source: data_export`, what `listen` needs for its queue, what whoever
issues statements needs, what `init --aws` needs once, and what accounts with a `role_arn` need.
"""

import json

from controller.kinds import KINDS
from controller.store import gates, lease, pauses, statements, statuses, tables, usage_months
from controller.usage.alert_queue import AlertQueue
from controller.usage.budget_spend import SpendReader
from controller.usage.cost_explorer import CostReader, ForecastReader
from controller.usage.data_export import DataExportReader
from controller.usage.storage_metrics import StorageReader
from controller.usage.worksets import WorksetReader

READERS = (CostReader, ForecastReader, SpendReader, StorageReader, WorksetReader)

READING = ("Get", "List", "Describe", "View", "Query", "Scan", "BatchGet")
"""How the actions begin that change nothing."""


def iam_policy() -> str:
    """The policy as JSON. Resources are open: narrow them to your buckets, tables and topic."""
    used = {action for kind in KINDS for action in kind.permissions} | statuses.PERMISSIONS | lease.PERMISSIONS
    used |= {"sts:GetCallerIdentity"}
    collecting = {action for reader in READERS for action in reader.permissions}
    collecting |= usage_months.PERMISSIONS | gates.PERMISSIONS | pauses.PERMISSIONS | lease.PERMISSIONS
    collecting |= {"sts:GetCallerIdentity"}
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            _statement("PlanReadsOnly", _reading(used)),
            _statement("ApplyWrites", used - _reading(used)),
            _statement("CollectReads", _reading(collecting)),
            _statement("CollectWrites", collecting - _reading(collecting)),
            _statement("ReadDataExport", set(DataExportReader.permissions)),
            _statement("StatementsAreIssued", set(statements.PERMISSIONS)),
            _statement("ListenToAlerts", set(AlertQueue.permissions)),
            _statement("InitMakesTables", set(tables.PERMISSIONS)),
            _statement("AssumeRolesOfOtherAccounts", {"sts:AssumeRole"}),
        ],
    }
    return json.dumps(policy, indent=2) + "\n"


def _reading(actions: set[str]) -> set[str]:
    return {action for action in actions if action.partition(":")[2].startswith(READING)}


def _statement(sid: str, actions: set[str]) -> dict[str, object]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
