"""`reconcile savings` over a large S3 Inventory: seconds and peak memory, for Parquet and for CSV.

`python -m benchmarks.inventory --rows 10000000` makes the files with DuckDB in a folder of its own, and removes them.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from benchmarks.measuring import measure

BUCKET = "acme-bucket"
MADE = "2026-11-22 06:00:00"
COLUMNS = "Bucket, Key, Size, LastModifiedDate, StorageClass"
MANIFEST = f"""\
apiVersion: billing.daylily.io/v1alpha1
kind: Customer
metadata: {{name: acme}}
spec:
  customerId: acme
  displayName: Acme
  email: a@acme.example
  storage:
    buckets:
      - {{name: {BUCKET}, region: us-west-2}}
"""


def make(folder: Path, rows: int) -> list[Path]:
    """The same objects as Parquet and as AWS writes CSV: seven of ten are results, aged up to 400 days."""
    parquet, listed, manifest = folder / "inventory.parquet", folder / "inventory.csv.gz", folder / "manifest.json"
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW objects AS SELECT '{BUCKET}' AS bucket, "
            "CASE WHEN i % 10 < 7 THEN 'results/run-' || (i // 1000) || '/sample ' || i || '.bam' "
            "WHEN i % 10 = 7 THEN 'logs/' || i || '.txt' ELSE 'raw/' || i END AS key, "
            "(hash(i) % 200_000_000)::BIGINT AS size, "
            f"TIMESTAMP '{MADE}' - to_seconds((hash(i + 7) % (400 * 86_400))::BIGINT) AS last_modified_date, "
            "CASE hash(i + 3) % 10 WHEN 0 THEN 'GLACIER' WHEN 1 THEN 'STANDARD_IA' ELSE 'STANDARD' END "
            f"AS storage_class FROM range({rows}) numbers(i)"
        )
        connection.execute(f"COPY objects TO '{parquet}' (FORMAT parquet)")
        connection.execute(
            "COPY (SELECT bucket, replace(url_encode(key), '%2F', '/'), size, "
            "strftime(last_modified_date, '%Y-%m-%dT%H:%M:%S.000Z'), storage_class FROM objects) "
            f"TO '{listed}' (FORMAT csv, HEADER false, FORCE_QUOTE *)"
        )
    told = {
        "sourceBucket": BUCKET,
        "creationTimestamp": "1795327200000",
        "fileFormat": "CSV",
        "fileSchema": COLUMNS,
        "files": [{"key": listed.name, "size": listed.stat().st_size}],
    }
    manifest.write_text(json.dumps(told))
    return [parquet, manifest]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "acme.yaml").write_text(MANIFEST)
        print(f"{rows:,} rows")
        for path in make(folder, rows):
            command = [str(Path(sys.executable).with_name("reconcile")), "savings", "-f", str(folder / "acme.yaml")]
            taken = measure([*command, "--inventory", str(path)], {"AWS_DEFAULT_REGION": "us-west-2", **_home()})
            print(f"{path.suffix:<10} {taken.wall:5.1f} s  {taken.cpu:5.1f} s CPU  {taken.peak:5.0f} MB")


def _home() -> dict[str, str]:
    return {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}


if __name__ == "__main__":
    main()
