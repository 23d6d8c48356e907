"""Exports of AWS Data Exports as AWS lays them out, written from the line items of the sandbox's bill."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from controller.domain.services import AWS_CODES, EC2, EC2_CODE, EC2_COMPUTE, EC2_OTHER
from controller.sandbox import LineItem
from controller.usage.export_sql import CUR2, tag_spellings

Row = dict[str, Any]

CODES = {name: code for code, name in AWS_CODES.items()} | {EC2_COMPUTE: EC2_CODE, EC2_OTHER: EC2_CODE}

CUR_TYPES = {
    "identity_line_item_id": "VARCHAR",
    "identity_time_interval": "VARCHAR",
    "bill_billing_period_start_date": "TIMESTAMP",
    "bill_payer_account_id": "VARCHAR",
    "bill_invoice_id": "VARCHAR",
    "line_item_usage_account_id": "VARCHAR",
    "line_item_currency_code": "VARCHAR",
    "line_item_line_item_type": "VARCHAR",
    "line_item_product_code": "VARCHAR",
    "line_item_usage_type": "VARCHAR",
    "line_item_usage_start_date": "TIMESTAMP",
    "line_item_usage_amount": "DOUBLE",
    "line_item_unblended_cost": "DOUBLE",
    "line_item_net_unblended_cost": "DOUBLE",
    "line_item_blended_cost": "DOUBLE",
    "line_item_resource_id": "VARCHAR",
    "pricing_unit": "VARCHAR",
    "product": "MAP(VARCHAR, VARCHAR)",
    "resource_tags": "MAP(VARCHAR, VARCHAR)",
}
"""Some of the columns of CUR 2.0, with the types of AWS's Parquet."""

FOCUS_TYPES = {
    "BillingPeriodStart": "TIMESTAMP",
    "BillingAccountId": "VARCHAR",
    "SubAccountId": "VARCHAR",
    "BillingCurrency": "VARCHAR",
    "InvoiceId": "VARCHAR",
    "ChargeCategory": "VARCHAR",
    "BilledCost": "DOUBLE",
    "EffectiveCost": "DOUBLE",
    "ListCost": "DOUBLE",
    "ConsumedQuantity": "DOUBLE",
    "ConsumedUnit": "VARCHAR",
    "ServiceName": "VARCHAR",
    "x_ServiceCode": "VARCHAR",
    "x_UsageType": "VARCHAR",
    "ResourceId": "VARCHAR",
    "Tags": "MAP(VARCHAR, VARCHAR)",
}

FOCUS_OF = {
    "BillingPeriodStart": "bill_billing_period_start_date",
    "BillingAccountId": "bill_payer_account_id",
    "SubAccountId": "line_item_usage_account_id",
    "BillingCurrency": "line_item_currency_code",
    "InvoiceId": "bill_invoice_id",
    "BilledCost": "line_item_unblended_cost",
    "EffectiveCost": "line_item_unblended_cost",
    "ListCost": "line_item_unblended_cost",
    "ConsumedQuantity": "line_item_usage_amount",
    "ConsumedUnit": "pricing_unit",
    "x_ServiceCode": "line_item_product_code",
    "x_UsageType": "line_item_usage_type",
    "ResourceId": "line_item_resource_id",
}
CATEGORIES = {"Refund": "Adjustment", "Credit": "Credit", "Tax": "Tax", "Fee": "Purchase"}


def cur_row(item: LineItem, number: int = 0, *, invoice: str = "", **changed: Any) -> Row:
    """A line of CUR 2.0; its billing period is the month of its day."""
    first = item.date.replace(day=1)
    name = EC2 if item.service in (EC2_COMPUTE, EC2_OTHER) else item.service
    row: Row = {
        "identity_line_item_id": f"line{number:06}",
        "identity_time_interval": f"{item.date}T00:00:00Z/{item.date}T23:59:59Z",
        "bill_billing_period_start_date": f"{first} 00:00:00",
        "bill_payer_account_id": item.account,
        "bill_invoice_id": invoice,
        "line_item_usage_account_id": item.account,
        "line_item_currency_code": "USD",
        "line_item_line_item_type": item.record_type,
        "line_item_product_code": CODES.get(item.service, item.service.replace(" ", "")),
        "line_item_usage_type": item.usage_type,
        "line_item_usage_start_date": f"{item.date} 00:00:00",
        "line_item_usage_amount": item.quantity,
        "line_item_unblended_cost": item.amount,
        "line_item_net_unblended_cost": None,
        "line_item_blended_cost": item.amount,
        "line_item_resource_id": "",
        "pricing_unit": item.unit,
        "product": {"product_name": name},
        "resource_tags": {tag_spellings(key, CUR2)[0]: value for key, value in item.tags.items()},
    }
    return row | changed


def focus_row(item: LineItem, *, invoice: str = "", **changed: Any) -> Row:
    """The same as a line of FOCUS 1.2."""
    cur = cur_row(item, invoice=invoice)
    row = {name: cur[told] for name, told in FOCUS_OF.items()}
    return {
        **row,
        "ChargeCategory": CATEGORIES.get(item.record_type, "Usage"),
        "ServiceName": cur["product"]["product_name"],
        "Tags": dict(item.tags),
        **changed,
    }


@dataclass(frozen=True)
class Written:
    """An export in a folder, and ways to change what is in it."""

    folder: Path
    name: str = "costs"
    partition: str = "BILLING_PERIOD"

    def month(
        self, month: str, *files: Sequence[Row], types: Mapping[str, str] = CUR_TYPES, manifest: bool = True
    ) -> list[Path]:
        """Writes a month: each sequence of rows is a file. The manifest lists them all."""
        paths = [self.data(month) / f"{self.name}-{number:05}.snappy.parquet" for number in range(1, len(files) + 1)]
        for path, rows in zip(paths, files, strict=True):
            write(path, rows, types)
        if manifest:
            self.manifest(month, paths)
        return paths

    def data(self, month: str) -> Path:
        return self.folder / "data" / f"{self.partition}={month}"

    def metadata(self, month: str) -> Path:
        return self.folder / "metadata" / f"{self.partition}={month}"

    def manifest(self, month: str, paths: Iterable[Path], *, under: str = "") -> Path:
        """As AWS writes it, with the files' addresses in S3."""
        root = f"s3://bucket/prefix/{self.name}"
        files = [f"{root}/{path.relative_to(self.folder).as_posix()}" for path in paths]
        target = self.metadata(month) / under / f"{self.name}-Manifest.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"dataFiles": files, "columns": [], "executionId": "1"}))
        return target

    def items(self, items: Iterable[LineItem], *, closed: Iterable[str] = (), focus: bool = False) -> None:
        """A whole bill, month by month, in two files each. Closed months have invoices."""
        months: dict[str, list[LineItem]] = defaultdict(list)
        for item in items:
            months[f"{item.date:%Y-%m}"].append(item)
        for month, own in months.items():
            invoice = f"INV{month}" if month in set(closed) else ""
            if focus:
                rows = [focus_row(one, invoice=invoice) for one in own]
            else:
                rows = [cur_row(one, number, invoice=invoice) for number, one in enumerate(own)]
            half = (len(rows) + 1) // 2
            self.month(month, rows[:half], rows[half:], types=FOCUS_TYPES if focus else CUR_TYPES)


def write(path: Path, rows: Sequence[Row], types: Mapping[str, str]) -> None:
    """A file of Parquet with these columns; values of other columns are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    lines = path.with_suffix(".json")
    lines.write_text("".join(json.dumps({name: row.get(name) for name in types}, default=str) + "\n" for row in rows))
    source = f"read_json('{lines}', format = 'newline_delimited', columns = {{{columns}}})"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM {source}) TO '{path}' (FORMAT parquet, COMPRESSION snappy)")
    lines.unlink()
