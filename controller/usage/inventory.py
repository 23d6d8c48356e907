"""S3 Inventory files, summed up by DuckDB: rows never reach Python, so memory does not grow with the files.

AWS writes an inventory as many `data/*.csv.gz` or `*.parquet` files and a manifest.json that lists them. A CSV has no
header: its columns are the manifest's `fileSchema`, every value is in quotes and keys are URL-encoded. The columns of
Parquet are named in snake_case, and keys are as they are (S3 User Guide, storage-inventory and
storage-inventory-location). A CSV with a header of its own is taken as well.

The questions are put together as text: DuckDB takes no parameters for files and columns. What comes from outside passes
`_text` or `_name` on its way.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.domain.inventory import Inventory
from controller.domain.savings import SMALL, Cohort
from controller.errors import InvalidInput

MEMORY = "512MB"
"""What DuckDB may take before it writes to disk."""
COLUMNS: Mapping[str, str] = {
    "bucket": "Bucket",
    "key": "Key",
    "size": "Size",
    "lastmodifieddate": "LastModifiedDate",
    "storageclass": "StorageClass",
}
"""The columns that are needed, and their names in AWS's configuration of an inventory."""
VERSIONS: Mapping[str, str] = {"versionid": "''", "islatest": "true", "isdeletemarker": "false"}
"""Columns that only an inventory of all versions has, and what stands for them elsewhere."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Files of one form. `names` are their columns as written, in order; `names` of a CSV are all of them."""

    files: tuple[Path, ...]
    form: str
    names: tuple[str, ...]
    as_of: datetime
    header: bool = False


def read_inventory(files: Sequence[Path], prefixes: Collection[str], now: datetime) -> Inventory:
    """All files as one inventory; objects that are listed twice count once. `prefixes` are those of the rules.

    Ages are counted up to when the manifest says that the inventory was made, or up to `now` without one. Raises
    InvalidInput for files that are missing, cut off, of another form or without a column that is needed.
    """
    parts = [_part(file, now) for file in dict.fromkeys(files)]
    ordered = sorted({"", *prefixes}, key=len, reverse=True)
    rows = _query(parts, ordered)
    if not rows:
        raise InvalidInput(f"{', '.join(map(str, files))}: the inventory has no rows")
    return _inventory(rows, ordered, min(part.as_of for part in parts))


# Files


def _part(file: Path, now: datetime) -> _Part:
    if not file.is_file():
        raise InvalidInput(f"{file}: there is no such file")
    if file.stat().st_size == 0:
        raise InvalidInput(f"{file}: the file is empty")
    if file.suffix == ".json":
        return _listed(file)
    if file.suffix == ".parquet":
        return _Part((file,), "Parquet", _parquet_columns(file), now)
    if file.name.endswith((".csv", ".csv.gz")):
        names = _first_row(file)
        if "key" not in map(_plain, names):
            raise InvalidInput(
                f"{file}: its first row names no columns: pass the manifest.json of the inventory instead, which names "
                "them, or write the names above the rows"
            )
        return _checked(_Part((file,), "CSV", names, now, header=True), file)
    raise InvalidInput(f"{file}: an inventory is a manifest.json, a .csv, a .csv.gz or a .parquet file")


def _listed(manifest: Path) -> _Part:
    """The files of a manifest.json: where AWS wrote them, seen from the manifest, or beside it."""
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        form, listed = told["fileFormat"], told["files"]
        as_of = datetime.fromtimestamp(int(told["creationTimestamp"]) / 1000, UTC)
        files = tuple(_local(manifest, one["key"], one.get("size")) for one in listed)
        schema = tuple(name.strip() for name in told["fileSchema"].split(","))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{manifest}: this is not the manifest.json of an S3 Inventory ({error!r})") from error
    if form not in ("CSV", "Parquet"):
        raise InvalidInput(f"{manifest}: an inventory in the form {form} cannot be read, only CSV and Parquet")
    if not files:
        raise InvalidInput(f"{manifest}: it lists no files")
    names = schema if form == "CSV" else _parquet_columns(files[0])
    return _checked(_Part(files, form, names, as_of), manifest)


def _local(manifest: Path, key: str, size: int | None) -> Path:
    name = Path(key).name
    places = [manifest.parent, manifest.parent / "data", manifest.parent.parent / "data"]
    found = next((place / name for place in places if (place / name).is_file()), None)
    if found is None:
        raise InvalidInput(f"{manifest}: {name} is not there: download it beside the manifest, or into data/ there")
    if size is not None and found.stat().st_size != size:
        raise InvalidInput(
            f"{found}: it has {found.stat().st_size:,} bytes, and {size:,} by the manifest: not complete?"
        )
    return found


def _first_row(file: Path) -> tuple[str, ...]:
    try:
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rb") as raw, io.TextIOWrapper(raw, encoding="utf-8") as text:
            row = next(csv.reader(text), [])
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{file}: cannot be read as an inventory: {error}") from error
    if not row:
        raise InvalidInput(f"{file}: the file is empty")
    return tuple(row)


def _parquet_columns(file: Path) -> tuple[str, ...]:
    rows = _ask(f"SELECT name FROM parquet_schema({_text(str(file))}) WHERE num_children IS NULL")  # noqa: S608
    return _checked(_Part((file,), "Parquet", tuple(row[0] for row in rows), datetime.now(UTC)), file).names


def _checked(part: _Part, file: Path) -> _Part:
    """With all columns that are needed. Raises InvalidInput naming those that are not there."""
    have, written = [_plain(name) for name in part.names], ", ".join(part.names)
    missing = [name for column, name in COLUMNS.items() if column not in have]
    if missing:
        raise InvalidInput(
            f"{file}: the inventory has no column {', '.join(missing)}, only {written}: "
            "add it to the optional fields of the inventory's configuration"
        )
    if len(set(have)) < len(have):
        raise InvalidInput(f"{file}: two columns have one name: {written}")
    return part


def _plain(name: str) -> str:
    """`LastModifiedDate` and `last_modified_date` are one column."""
    return name.strip().strip("\ufeff").replace("_", "").lower()


# The question


def _query(parts: Iterable[_Part], prefixes: Sequence[str]) -> list[Any]:
    """Rows summed up by DuckDB. Two rows are one object where bucket, key and version are equal: by a hash of 64 bits,
    which two of fifty million objects share once in ten thousand inventories."""
    every = " UNION ALL ".join(_select(part, prefixes) for part in parts)
    columns = ("kind", "bucket", "prefix", "age", "class", "small", "latest", "size")
    one = ", ".join(f"any_value({name}) AS {name}" for name in columns)
    objects = f"SELECT {one}, count(*) AS times FROM ({every}) GROUP BY id"  # noqa: S608
    what = "kind, bucket, prefix, age, class, small, latest, count(*), sum(size), sum(times - 1)"
    return _ask(f"SELECT {what} FROM ({objects}) GROUP BY ALL ORDER BY ALL")  # noqa: S608


def _select(part: _Part, prefixes: Sequence[str]) -> str:
    column = {**VERSIONS, **{_plain(name): _name(name) for name in part.names}}
    key = f"url_decode(replace({column['key']}, '+', ' '))" if part.form == "CSV" else column["key"]
    age = f"floor(({part.as_of.timestamp()} - epoch(try_cast({column['lastmodifieddate']} AS TIMESTAMP))) / 86400)::INT"
    marker = f"coalesce(try_cast({column['isdeletemarker']} AS BOOLEAN), false)"
    size = f"try_cast({column['size']} AS BIGINT)"
    told = {
        "id": f"hash({column['bucket']}, {key}, coalesce({column['versionid']}, ''))",
        "kind": f"CASE WHEN {marker} THEN 'marker' WHEN {size} >= 0 AND {age} IS NOT NULL THEN 'object' ELSE 'bad' END",
        "bucket": column["bucket"],
        "prefix": f"({_place(key, prefixes)})::USMALLINT",
        "age": age,
        "class": f"coalesce({column['storageclass']}, '')",
        "small": f"{size} < {SMALL}",
        "latest": f"coalesce(try_cast({column['islatest']} AS BOOLEAN), true)",
        "size": size,
    }
    what = ", ".join(f"{words} AS {name}" for name, words in told.items())
    return f"SELECT {what} FROM {_source(part)}"  # noqa: S608


def _place(key: str, prefixes: Sequence[str]) -> str:
    """The place in `prefixes`, the longest first, of the one that a key begins with; the empty one is the last."""
    found = [f"WHEN starts_with({key}, {_text(prefix)}) THEN {at}" for at, prefix in enumerate(prefixes) if prefix]
    return " ".join(["CASE", *found, f"ELSE {len(found)} END"]) if found else "0"


def _source(part: _Part) -> str:
    files = "[" + ", ".join(_text(str(file)) for file in part.files) + "]"
    if part.form == "Parquet":
        return f"read_parquet({files})"
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in part.names)
    form = "auto_detect = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n'"
    return f"read_csv({files}, header = {str(part.header).lower()}, columns = {{{columns}}}, {form})"


def _ask(question: str) -> list[Any]:
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise InvalidInput(f"{error}: pip install 'daylily-reconcile[data]' to read an inventory") from error
    with TemporaryDirectory() as spill:
        limits: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": spill, "preserve_insertion_order": False}
        with duckdb.connect(config=limits) as connection:
            try:
                return connection.execute(question).fetchall()
            except duckdb.Error as error:
                words = str(error).partition("\n")[0]
                raise InvalidInput(f"the inventory cannot be read, is it complete? {words}") from error


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


# The answer


def _inventory(rows: Sequence[Any], prefixes: Sequence[str], as_of: datetime) -> Inventory:
    cohorts: dict[str, list[Cohort]] = {}
    versioned = set()
    told = {"twice": 0, "bad": 0, "ahead": 0}
    for kind, bucket, prefix, age, storage_class, small, latest, count, size, twice in rows:
        found = cohorts.setdefault(bucket or "", [])
        told["twice"] += twice
        if kind == "marker" or not latest:
            versioned.add(bucket)
        if kind == "bad":
            told["bad"] += count
        if kind != "object":
            continue
        told["ahead"] += count if age < 0 else 0
        young = Decimal(max(age, 0))
        name, where = storage_class or "STANDARD", prefixes[prefix]
        found.append(Cohort(name, young, young + 1, Decimal(size), Decimal(count), where, small, latest))
    return Inventory(
        {bucket: tuple(found) for bucket, found in cohorts.items()}, frozenset(versioned), _remarks(told), as_of
    )


def _remarks(told: Mapping[str, int]) -> tuple[str, ...]:
    words = {
        "twice": "{:,} rows of the inventory repeat an object that it has already: each object counts once",
        "bad": "{:,} rows of the inventory have no size or no date that can be, and are left out",
        "ahead": "{:,} objects are dated after the inventory was made, and count as new",
    }
    return tuple(words[name].format(count) for name, count in told.items() if count)
