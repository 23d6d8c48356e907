"""Tables: how the server renders objects for `kubectl get`, by the printer columns of their resource."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.cluster import jsonpath
from tests.cluster.protocol import Object
from tests.cluster.resources import Column, Resource
from tests.cluster.storage import Stored

_NAME = Column("Name", ".metadata.name", format="name", description="Name must be unique within a namespace.")


def table(
    resource: Resource,
    objects: Iterable[Stored],
    metadata: Object,
    now: datetime,
    *,
    include: str = "Metadata",
    with_columns: bool = True,
) -> Object:
    """A meta.k8s.io/v1 Table. `include` says what each row carries: None, Metadata or Object."""
    columns = (_NAME, *resource.columns)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns] if with_columns else [],
        "rows": [
            {"cells": [_cell(column, stored.object, now) for column in columns], **_carried(stored.object, include)}
            for stored in objects
        ],
    }


def age(span: timedelta) -> str:
    """As kubectl shows it: 59s, 2m5s, 10m, 3h20m, 41d, 2y30d."""
    seconds = max(0, int(span.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m" + (f"{seconds % 60}s" if seconds % 60 else "")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    if days < 365 * 2:
        return f"{days}d"
    years, rest = divmod(days, 365)
    return f"{years}y" + (f"{rest}d" if years < 8 and rest else "")


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _cell(column: Column, object: Object, now: datetime) -> Any:
    found = jsonpath.find(object, column.path)
    if not found:
        return None
    value = found[0]
    if column.type == "date":
        return _since(value, now)
    if column.type == "string":
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    kinds: dict[str, tuple[type, ...]] = {"integer": (int, float), "number": (int, float), "boolean": (bool,)}
    fits = isinstance(value, kinds[column.type]) and isinstance(value, bool) is (column.type == "boolean")
    return value if fits else None


def _since(value: Any, now: datetime) -> str:
    try:
        return age(now - datetime.fromisoformat(value))
    except (TypeError, ValueError):
        return "<invalid>"


def _carried(object: Object, include: str) -> Object:
    if include == "None":
        return {}
    if include == "Object":
        return {"object": object}
    partial = {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    }
    return {"object": partial}
