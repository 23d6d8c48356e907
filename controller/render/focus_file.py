"""FOCUS rows as files: CSV or Parquet, and the metadata that stands beside them.

Numbers are plain, moments are UTC with a Z, null is an empty field; a Tags column is JSON.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.domain.focus import Column, Kind, Row, Version, columns
from controller.errors import InvalidInput
from controller.render.json_text import json_text, number
from controller.render.phrases import iso

TYPES: Mapping[Kind, str] = {
    "string": "VARCHAR",
    "decimal": "DECIMAL",
    "datetime": "TIMESTAMP WITH TIME ZONE",
    "json": "VARCHAR",
}
"""The columns of a Parquet file, in DuckDB's words."""
PRECISION = 38


def as_csv(version: Version, rows: Sequence[Row]) -> str:
    """For programs: text stands as it is, also where a spreadsheet takes it for a formula, so that names still join."""
    text = io.StringIO()
    writer = csv.writer(text)
    wanted = columns(version)
    writer.writerow([column.name for column in wanted])
    writer.writerows([[field(row[column.name]) for column in wanted] for row in rows])
    return text.getvalue()


def field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return str(value)


def as_parquet(version: Version, rows: Sequence[Row]) -> bytes:
    """Through DuckDB, which reads our own CSV with the types of the columns. Raises InvalidInput without it."""
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise InvalidInput("Parquet needs DuckDB: pip install 'daylily-reconcile[data]'") from error
    types = {column.name: _type(column) for column in columns(version)}
    with TemporaryDirectory() as folder, duckdb.connect() as database:
        source, made = Path(folder) / "focus.csv", Path(folder) / "focus.parquet"
        source.write_text(as_csv(version, rows), encoding="utf-8")
        database.execute("SET TimeZone = 'UTC'")
        read = "SELECT * FROM read_csv(?, header = true, columns = ?, nullstr = '', auto_detect = false)"
        database.execute(f"CREATE TABLE charges AS {read}", [str(source), types])
        database.execute("COPY charges TO ? (FORMAT parquet)", [str(made)])
        return made.read_bytes()


def _type(column: Column) -> str:
    digits = f"({PRECISION}, {column.scale})" if column.kind == "decimal" else ""
    return TYPES[column.kind] + digits


def metadata(version: Version, created: datetime, creator: str) -> str:
    """What the specification wants to stand beside the data: the schema, and who made it."""
    told = {
        "SchemaId": f"daylily-reconcile-focus-{version}",
        "FocusVersion": version,
        "CreationDate": iso(created),
        "DataGenerator": creator,
        "ColumnDefinition": [_definition(column) for column in columns(version)],
    }
    return json_text(told)


def _definition(column: Column) -> dict[str, Any]:
    kinds = {"string": "STRING", "decimal": "DECIMAL", "datetime": "DATETIME", "json": "JSON"}
    told: dict[str, Any] = {"ColumnName": column.name, "DataType": kinds[column.kind]}
    return {**told, "NumericPrecision": PRECISION, "NumberScale": column.scale} if column.kind == "decimal" else told
