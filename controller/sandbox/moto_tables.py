"""What moto's DynamoDB does again and again for every item of a table, done once: without it, thousands of customers
take the local AWS minutes. Answers stay moto's own.
"""

import copy
import inspect
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, wraps
from itertools import islice
from typing import Any

PLAIN = frozenset({"S", "N", "BOOL"})
"""Kinds of attribute values that look the same in moto as on the wire."""
SNAPSHOTS: dict[int, Any] = {}
"""The copies that the call in hand has made of tables: moto makes one for each write, before the first of them."""


@cache
def make_light() -> None:
    """Exchanges what moto's tables do slowly, or do not do, once in a process. moto has to be importable."""
    from moto.dynamodb.models.table import Table

    whole = Table.query
    signature = inspect.signature(whole)

    @wraps(whole)
    def query(*given: Any, **named: Any) -> Any:
        asked = signature.bind(*given, **named)
        asked.apply_defaults()
        return _page(asked.arguments) if _is_plain(asked.arguments) else whole(*given, **named)

    setattr(Table, "__deepcopy__", _copied)  # noqa: B010 - a method may not be assigned to
    setattr(Table, "query", query)  # noqa: B010 - as above
    _project_what_is_there()
    _say_values_as_they_are()
    _count_what_indexes_hold()


def _copied(table: Any, _: Any) -> Any:
    """moto copies the whole table for every write of a transaction, to be able to go back: minutes for thousands of
    items. Puts and deletes exchange items and never change one, so for those it is enough to copy who is in the table,
    and that once for a call.
    """
    from moto.dynamodb.models.dynamo_type import Item

    if id(table) not in SNAPSHOTS:
        twin = copy.copy(table)
        twin.items = type(table.items)(dict)
        for hash_key, held in list(table.items.items()):
            twin.items[hash_key] = held if isinstance(held, Item) else dict(held)
        SNAPSHOTS[id(table)] = twin
    return SNAPSHOTS[id(table)]


def _project_what_is_there() -> None:
    """moto reads an item as a whole for every attribute that is asked for; for those that it lacks that is in vain."""
    from moto.dynamodb.models.dynamo_type import Item

    whole = Item.project

    def light(item: Any, wanted: list[list[str]]) -> Any:
        return whole(item, [path for path in wanted if path[0].partition("[")[0] in item.attrs])

    setattr(Item, "project", light)  # noqa: B010 - as above


def _say_values_as_they_are() -> None:
    """moto looks for each of the ten kinds of value in every attribute of every item that it answers with, under up to
    four names. It holds text, numbers and truths as they are sent.
    """
    from moto.core.serialize import BaseJSONSerializer

    whole = BaseJSONSerializer._serialize_type_structure

    def light(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and isinstance(value, dict) and len(value) == 1 and value.keys() <= PLAIN:
            serialized[key] = value
        else:
            whole(serializer, serialized, value, shape, key)

    setattr(BaseJSONSerializer, "_serialize_type_structure", light)  # noqa: B010 - a method may not be assigned to


def _count_what_indexes_hold() -> None:
    """moto tells how many items a table has, and not how many of them its indexes hold: those that have the key."""
    from moto.dynamodb.models.table import Table

    bare = Table.describe

    def counted(table: Any, base_key: str = "TableDescription") -> dict[str, Any]:
        told = bare(table, base_key)
        for index in told[base_key]["GlobalSecondaryIndexes"]:
            names = {one["AttributeName"] for one in index["KeySchema"]}
            index["ItemCount"] = sum(names <= item.attrs.keys() for item in table.all_items())
        return told

    setattr(Table, "describe", counted)  # noqa: B010 - as above


def _is_plain(asked: Mapping[str, Any]) -> bool:
    """All items of one hash key, from the first or from where the last page ended, whole or some attributes of them."""
    picks = asked["range_comparison"] or asked["index_name"] or asked["limit"]
    picks = picks or type(asked["filter_expression"]).__name__ not in ("NoneType", "OpDefault")
    picks = picks or asked["filter_kwargs"].keys() - {"expr_names", "expr_values"}
    nested = any(len(path) > 1 or "[" in path[0] for path in asked["projection_expressions"] or ())
    return not (picks or nested) and asked["self"].range_key_attr and asked["scan_index_forward"] is not False


def _page(asked: Mapping[str, Any]) -> tuple[list[Any], int, dict[str, Any] | None]:
    """moto's answer to a plain query: it sorts, passes over and measures all items, for every page anew."""
    table, hash_key, after = asked["self"], asked["hash_key"], asked["exclusive_start_key"]
    held = sorted(dict(table.items.get(hash_key, {})).items(), key=_range)
    begin = bisect_right(held, type(hash_key)(after[table.range_key_attr]).cast_value, key=_range) if after else 0
    page = list(_one_page(item for _, item in islice(held, begin, None)))
    ends = begin + len(page) < len(held)
    names = {path[0] for path in asked["projection_expressions"] or ()}
    last = table._get_last_evaluated_key(page[-1], None) if ends else None
    return [_with(item, names) for item in page], len(page), last


def _range(entry: tuple[Any, Any]) -> Any:
    return entry[0].cast_value


def _one_page(items: Iterable[Any]) -> Iterator[Any]:
    from moto.dynamodb.models.table import RESULT_SIZE_LIMIT

    size = 0
    for item in items:
        size += item.size()
        if size > RESULT_SIZE_LIMIT:
            return
        yield item


def _with(item: Any, names: Collection[str]) -> Any:
    """The item with the named attributes; with all of them where none is named. It shares their values, unchanged."""
    found = copy.copy(item)
    found.attrs = {name: value for name, value in item.attrs.items() if name in names or not names}
    return found
