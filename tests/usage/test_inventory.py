"""S3 Inventory files as AWS writes them, as people save them, and as they break."""

import csv
import gzip
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from controller.domain.inventory import Inventory
from controller.domain.savings import Cohort
from controller.errors import InvalidInput
from controller.usage.inventory import read_inventory

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
NAMES = ("Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate", "StorageClass")
PREFIXES = ("results/", "results/old/", "logs/")
KIB = 1024

Row = tuple[str, ...]


def row(key: str, size: object = 1000 * KIB, date: str = "2026-10-23T06:00:00.000Z", storage_class: str = "STANDARD",
        *, version: str = "", latest: str = "true", marker: str = "false", bucket: str = "b") -> Row:  # fmt: skip
    return (bucket, key, version, latest, marker, str(size), date, storage_class)


ROWS = (
    row("results/a%20b.bam"),
    row("results/c.bam", 3000 * KIB),
    row("results/small.txt", 100),
    row("results/old/x.bam", 5000 * KIB, "2026-01-01T00:00:00.000Z", "GLACIER"),
    row("logs/1.txt", 0, "2026-11-21T07:00:00.000Z"),
    row("resultsx/1", 2000 * KIB),
)


def write_csv(path: Path, rows: Sequence[Row], names: Sequence[str] = NAMES, *, header: bool = True) -> Path:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([names, *rows] if header else rows)
    return path


def write_parquet(path: Path, rows: Sequence[Row]) -> Path:
    """As AWS does: names in snake_case, values typed, keys not encoded."""
    source = write_csv(path.with_suffix(".source.csv"), rows)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT Bucket AS bucket, url_decode(Key) AS key, VersionId AS version_id, "
            f"IsLatest::BOOLEAN AS is_latest, IsDeleteMarker::BOOLEAN AS is_delete_marker, Size::BIGINT AS size, "
            f"LastModifiedDate::TIMESTAMP AS last_modified_date, StorageClass AS storage_class "
            f"FROM read_csv('{source}', all_varchar = true)) TO '{path}' (FORMAT parquet)"
        )
    return path


def write_manifest(folder: Path, data: Path, schema: str = ", ".join(NAMES), **more: Any) -> Path:
    told = {
        "sourceBucket": "b",
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": str(int(NOW.timestamp() * 1000)),
        "fileFormat": "CSV",
        "fileSchema": schema,
        "files": [{"key": f"b/all/data/{data.name}", "size": data.stat().st_size, "MD5checksum": "0"}],
        **more,
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(told))
    return path


def read(*files: Path) -> Inventory:
    return read_inventory(files, PREFIXES, NOW)


def told(inventory: Inventory) -> set[tuple[str, str, int, int, int, bool]]:
    return {
        (one.prefix, one.storage_class, int(one.young), int(one.objects or 0), int(one.size), one.small)
        for one in inventory.cohorts["b"]
    }


EXPECTED = {
    ("results/", "STANDARD", 30, 2, 4000 * KIB, False),
    ("results/", "STANDARD", 30, 1, 100, True),
    ("results/old/", "GLACIER", 325, 1, 5000 * KIB, False),
    ("logs/", "STANDARD", 0, 1, 0, True),
    ("", "STANDARD", 30, 1, 2000 * KIB, False),
}


def test_every_form_of_the_same_objects_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    listed = write_csv(tmp_path / "data" / "4.csv.gz", ROWS, header=False)
    forms = [
        read(write_csv(tmp_path / "1.csv", ROWS)),
        read(write_csv(tmp_path / "1.csv.gz", ROWS)),
        read(write_parquet(tmp_path / "1.parquet", ROWS)),
        read(write_manifest(tmp_path, listed)),
        read(write_csv(tmp_path / "2.csv", ROWS[:3]), write_parquet(tmp_path / "3.parquet", ROWS[3:])),
    ]
    assert [told(one) for one in forms] == [EXPECTED] * 5
    assert [(one.versioned, one.remarks, one.as_of) for one in forms] == [(frozenset(), (), NOW)] * 5


def test_a_manifest_of_parquet_and_the_folders_that_aws_writes(tmp_path: Path) -> None:
    (tmp_path / "2026-11-22T01-00Z").mkdir()
    (tmp_path / "data").mkdir()
    data = write_parquet(tmp_path / "data" / "1.parquet", ROWS)
    manifest = write_manifest(tmp_path / "2026-11-22T01-00Z", data, "message s3.inventory {}", fileFormat="Parquet")
    assert told(read(manifest)) == EXPECTED


def test_ages_are_those_when_the_inventory_was_made(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "1.csv", [row("a")], header=False)
    made = str(int(datetime(2026, 10, 25, 6, 0, tzinfo=UTC).timestamp() * 1000))
    assert read(write_manifest(tmp_path, data, creationTimestamp=made)).cohorts["b"][0].young == 2


def test_columns_in_another_order_and_columns_that_nobody_needs(tmp_path: Path) -> None:
    names = ("ETag", *reversed(NAMES), "EncryptionStatus")
    rows = [("e", *reversed(one), "SSE-S3") for one in ROWS]
    assert told(read(write_csv(tmp_path / "1.csv", rows, names))) == EXPECTED


def test_an_inventory_of_current_versions_has_fewer_columns(tmp_path: Path) -> None:
    names = ("Bucket", "Key", "Size", "LastModifiedDate", "StorageClass")
    rows = [(one[0], one[1], *one[5:]) for one in ROWS]
    assert told(read(write_csv(tmp_path / "1.csv", rows, names))) == EXPECTED


def test_versions_and_markers(tmp_path: Path) -> None:
    """A replaced version is stored and paid for, a marker is neither; both say that versions are kept."""
    rows = [row("a", version="1", latest="false"), row("a", 7, version="2"), row("x", "", version="3", marker="true")]
    inventory = read(write_csv(tmp_path / "1.csv", rows))
    assert [(one.current, int(one.size)) for one in inventory.cohorts["b"]] == [(False, 1000 * KIB), (True, 7)]
    assert inventory.versioned == {"b"}
    assert inventory.remarks == ()


@pytest.mark.parametrize(
    ("rows", "objects", "remark"),
    [
        ([*ROWS, ROWS[0], ROWS[0]], 6, "2 rows of the inventory repeat an object"),
        ([*ROWS, row("n", -5), row("t", "many"), row("e", ""), row("d", 5, "yesterday")], 6, "4 rows"),
        ([row("f", 5, "2027-01-01T00:00:00.000Z")], 1, "1 objects are dated after the inventory was made"),
    ],
    ids=["twice", "bad", "ahead"],
)  # fmt: skip
def test_odd_rows_are_told(rows: list[Row], objects: int, remark: str, tmp_path: Path) -> None:
    inventory = read(write_csv(tmp_path / "1.csv", rows))
    assert sum(one.objects or 0 for one in inventory.cohorts["b"]) == objects
    assert len(inventory.remarks) == 1
    assert inventory.remarks[0].startswith(remark)
    assert min(one.young for one in inventory.cohorts["b"]) >= 0


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "1.csv", ROWS)
    assert read(path, path).remarks == ()
    assert told(read(path, write_parquet(tmp_path / "1.parquet", ROWS))) == EXPECTED, "nor twice in two forms"


def test_a_key_of_any_text(tmp_path: Path) -> None:
    keys = ["results/it's", "results/%22quoted%22", "results/a%0Ab", "results/%E4%BD%A0+1", "results%2Fencoded", "%zz"]
    inventory = read(write_csv(tmp_path / "1.csv", [row(key) for key in keys]))
    assert {one.prefix: one.objects for one in inventory.cohorts["b"]} == {"results/": Decimal(5), "": Decimal(1)}


def cut(path: Path, share: float = 0.5) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


MANY = [row(f"results/{number * 7919 % 10007:x}", number) for number in range(20_000)]


def broken(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "1.csv"
    without = [name for name in NAMES if name != "Size"]
    match name:
        case "missing":
            return tmp_path / "none.csv"
        case "empty":
            path.touch()
        case "empty gz":
            return write_csv(tmp_path / "1.csv.gz", [], header=False)
        case "only a header":
            write_csv(path, [])
        case "no header":
            write_csv(path, ROWS, header=False)
        case "column missing":
            write_csv(path, [one[:5] + one[6:] for one in ROWS], without)
        case "column renamed":
            write_csv(path, ROWS, ["Bytes" if one == "Size" else one for one in NAMES])
        case "column twice":
            write_csv(path, ROWS, ["Storage_Class" if one == "VersionId" else one for one in NAMES])
        case "row cut off":
            write_csv(path, [*ROWS, ("b", "key")])
        case "gz cut off":
            return cut(write_csv(tmp_path / "1.csv.gz", MANY))
        case "no gz":
            path = tmp_path / "1.csv.gz"
            path.write_bytes(b"no gzip at all")
        case "parquet cut off":
            return cut(write_parquet(tmp_path / "1.parquet", MANY))
        case "another form":
            path = tmp_path / "1.orc"
            path.write_bytes(b"ORC")
        case "manifest of orc":
            return write_manifest(tmp_path, write_csv(path, ROWS), fileFormat="ORC")
        case "manifest without its file":
            data = write_csv(path, ROWS)
            manifest = write_manifest(tmp_path, data)
            data.unlink()
            return manifest
        case "manifest with a cut file":
            data = write_csv(path, ROWS, header=False)
            manifest = write_manifest(tmp_path, data)
            cut(data)
            return manifest
        case "no manifest":
            path = tmp_path / "manifest.json"
            path.write_text("[]")
        case "manifest of another schema":
            return write_manifest(tmp_path, write_csv(path, ROWS, header=False), "Bucket, Key, Size")
    return path


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing", "there is no such file"),
        ("empty", "the file is empty"),
        ("empty gz", "the file is empty"),
        ("only a header", "the inventory has no rows"),
        ("no header", r"its first row names no columns: pass the manifest\.json"),
        ("column missing", "has no column Size, only Bucket, Key, "),
        ("column renamed", "has no column Size, only Bucket, .*Bytes"),
        ("column twice", "two columns have one name"),
        ("row cut off", "the inventory cannot be read, is it complete"),
        ("gz cut off", "is it complete|cannot be read"),
        ("no gz", "cannot be read as an inventory: Not a gzipped file"),
        ("parquet cut off", "is it complete"),
        ("another form", r"an inventory is a manifest\.json, a \.csv"),
        ("manifest of orc", "in the form ORC cannot be read"),
        ("manifest without its file", r"1\.csv is not there: download it"),
        ("manifest with a cut file", "by the manifest: not complete"),
        ("no manifest", "not the manifest.json of an S3 Inventory"),
        ("manifest of another schema", "has no column LastModifiedDate, StorageClass"),
    ],
)
def test_a_broken_inventory_is_refused_with_what_is_wrong(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(broken(tmp_path, name))


def test_without_duckdb_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "1.csv", ROWS)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(InvalidInput, match=r"pip install 'daylily-reconcile\[data\]'"):
        read(path)


def test_cohorts_are_of_one_day(tmp_path: Path) -> None:
    cohorts: tuple[Cohort, ...] = read(write_csv(tmp_path / "1.csv", ROWS)).cohorts["b"]
    assert {one.old - one.young for one in cohorts} == {Decimal(1)}
