"""`python -m benchmarks.export`: month totals by customer and service from a large export, ours beside data frames.

The export is made by DuckDB from the number of each row, so it is the same on every machine. Each reader answers in a
process of its own. pandas and polars run where `make bench-frames` installed them, and read what they need only.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import duckdb

from benchmarks.measuring import CommandFailed, Taken, measure

FRAMES = Path(__file__).parent / ".venv-frames" / "bin" / "python"
ACCOUNT = "123456789012"
MONTH = "2024-01"
FILES = 4

ROWS = """
SELECT
  printf('%016x%016x', hash(i), hash(i + 1)) AS identity_line_item_id,
  '2024-01-' || printf('%02d', i % 31 + 1) || 'T00:00:00Z' AS identity_time_interval,
  TIMESTAMP '2024-01-01' AS bill_billing_period_start_date,
  '{account}' AS bill_payer_account_id,
  'Anniversary' AS bill_bill_type,
  'INV1' AS bill_invoice_id,
  '{account}' AS line_item_usage_account_id,
  'USD' AS line_item_currency_code,
  CASE WHEN i % 1000 = 0 THEN 'Credit' ELSE 'Usage' END AS line_item_line_item_type,
  list_value('AmazonEC2', 'AmazonEC2', 'AmazonS3', 'AmazonS3', 'AmazonFSx')[i % 5 + 1] AS line_item_product_code,
  list_value('BoxUsage:c6i.8xlarge', 'NatGateway-Bytes', 'TimedStorage-ByteHrs', 'Requests-Tier1', 'Lustre')[i % 5 + 1]
    AS line_item_usage_type,
  (hash(i) % 100000) / 1000.0::DOUBLE AS line_item_usage_amount,
  ((hash(i + 7) % 1000000) / 1000000.0)::DOUBLE AS line_item_unblended_cost,
  list_value('Hrs', 'GB', 'GB-Mo', 'Requests', 'GB-Mo')[i % 5 + 1] AS pricing_unit,
  'arn:aws:ec2:us-west-2:{account}:instance/i-' || printf('%016x', hash(i % 50000)) AS line_item_resource_id,
  MAP {{'product_name': list_value('Amazon Elastic Compute Cloud', 'Amazon Elastic Compute Cloud',
    'Amazon Simple Storage Service', 'Amazon Simple Storage Service', 'Amazon FSx')[i % 5 + 1],
    'region': 'us-west-2'}} AS product,
  CASE WHEN i % 7 = 0 THEN MAP {{'user_name': 'node'}}
    ELSE MAP {{'user_name': 'node', 'user_daylily_customer_id': 'cust_' || printf('%04d', hash(i + 3) % 1000)}} END
    AS resource_tags
FROM range({first}, {last}) AS numbers(i)
"""

OURS = """
import sys
from datetime import UTC, datetime
from controller.domain.customer import Account
from controller.domain.month import Month
from controller.domain.settings import DataExportSettings, UsageSettings
from controller.usage.data_export import DataExportReader
account = Account("default", "{account}", "us-west-2")
export = DataExportSettings(location={folder!r})
reader = DataExportReader(None, account, UsageSettings(), export, lambda: datetime.now(UTC))
reading = reader.read([Month.parse("{month}")], [])
total = sum(row.amount for row in (*reading.rows, *reading.excluded))
print("total", round(total, 6), file=open({told!r}, "w"))
"""

PANDAS = """
import glob
import pandas
columns = ["line_item_product_code", "line_item_unblended_cost", "resource_tags"]
frame = pandas.concat([pandas.read_parquet(one, columns=columns) for one in sorted(glob.glob({files!r}))])
frame["customer"] = [dict(tags).get("user_daylily_customer_id", "") for tags in frame.pop("resource_tags")]
sums = frame.groupby(["customer", "line_item_product_code"])["line_item_unblended_cost"].sum()
print("total", round(sums.sum(), 6), file=open({told!r}, "w"))
"""

POLARS = """
import polars
tag = polars.col("resource_tags").map.get("user_daylily_customer_id").fill_null("")
sums = (
    polars.scan_parquet({files!r})
    .group_by(tag.alias("customer"), "line_item_product_code")
    .agg(polars.col("line_item_unblended_cost").sum())
    .collect(engine="streaming")
)
print("total", round(sums["line_item_unblended_cost"].sum(), 6), file=open({told!r}, "w"))
"""


def generate(folder: Path, rows: int) -> int:
    """Writes the export without a manifest; the bytes of its files."""
    data = folder / "data" / f"BILLING_PERIOD={MONTH}"
    data.mkdir(parents=True)
    with duckdb.connect(config={"memory_limit": "2GB", "preserve_insertion_order": False}) as connection:
        for number in range(FILES):
            told = ROWS.format(account=ACCOUNT, first=rows * number // FILES, last=rows * (number + 1) // FILES)
            path = data / f"costs-{number:05}.snappy.parquet"
            connection.execute(f"COPY ({told}) TO '{path}' (FORMAT parquet, COMPRESSION snappy)")
    return sum(path.stat().st_size for path in data.iterdir())


def bench(rows: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="daylily-bench-") as name:
        folder = Path(name)
        size = generate(folder / "export", rows) / 1_000_000
        files = str(folder / "export" / "data" / "*" / "*.parquet")
        told = str(folder / "told")
        ours = OURS.format(account=ACCOUNT, folder=str(folder / "export"), month=MONTH, told=told)
        programs = (
            ("`DataExportReader`", Path(sys.executable), ours),
            ("pandas", FRAMES, PANDAS.format(files=files, told=told)),
            ("polars", FRAMES, POLARS.format(files=files, told=told)),
        )
        for what, python, program in programs:
            yield f"| {rows:,} | {size:,.0f} | {what} | {_figures(python, program, Path(told))} |"


def _figures(python: Path, program: str, told: Path) -> str:
    if not python.exists():
        return "skipped: not installed (make bench-frames) |  |  | "
    root = str(Path(__file__).parent.parent)
    try:
        taken: Taken = measure((str(python), "-c", program), {"PYTHONPATH": root, "PATH": os.environ["PATH"]})
    except CommandFailed as error:
        print(error, file=sys.stderr)
        return "failed |  |  | "
    return f"{taken.wall:.1f} | {taken.cpu:.1f} | {taken.peak:,.0f} | {told.read_text().split()[1]}"


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, duckdb {version('duckdb')}."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=[1_000_000, 10_000_000])
    asked = parser.parse_args(arguments)
    print(machine(), "", sep="\n")
    print("| rows | MB | reader | wall s | CPU s | peak MB | total |")
    print("| ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    for rows in asked.rows:
        for one in bench(rows):
            print(one, flush=True)


if __name__ == "__main__":
    main()
