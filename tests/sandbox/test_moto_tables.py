"""Queries of a large table: every item once, in order, whatever the pages."""

from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key

from controller.sandbox import Sandbox

SIZE = 40_000
"""Characters in an item: 25 of them fill a page of 1 MB."""


@pytest.fixture
def table(sandbox: Sandbox) -> Any:
    """60 items of one record, and one of another."""
    resource = boto3.resource("dynamodb", region_name="us-west-2", **_access(sandbox))
    made = resource.create_table(
        TableName="large",
        KeySchema=[{"AttributeName": "record", "KeyType": "HASH"}, {"AttributeName": "owner", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("record", "owner")],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in reversed(range(60)):
        made.put_item(Item={"record": "status", "owner": f"{number:03}", "even": number % 2 == 0, "text": "x" * SIZE})
    made.put_item(Item={"record": "lease", "owner": "000", "fence": Decimal(1)})
    return made


def _access(sandbox: Sandbox) -> dict[str, str]:
    return {
        "endpoint_url": sandbox.url,
        "aws_access_key_id": sandbox.environment()["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": sandbox.environment()["AWS_SECRET_ACCESS_KEY"],
    }


def _pages(table: Any, **query: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    more: dict[str, Any] = {}
    while True:
        answer = table.query(**query, **more)
        pages.append([item["owner"] for item in answer["Items"]])
        if "LastEvaluatedKey" not in answer:
            return pages
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


ALL = [f"{number:03}" for number in range(60)]
STATUS = Key("record").eq("status")


def test_every_item_comes_once_and_in_order_over_the_pages(table: Any) -> None:
    pages = _pages(table, KeyConditionExpression=STATUS)
    assert [owner for page in pages for owner in page] == ALL
    assert [len(page) for page in pages] == [24, 24, 12]


def test_a_filter_picks_from_full_pages(table: Any) -> None:
    pages = _pages(table, KeyConditionExpression=STATUS, FilterExpression=Attr("even").eq(True))
    assert [owner for page in pages for owner in page] == ALL[::2]
    assert [len(page) for page in pages] == [12, 12, 6]


def test_a_range_of_keys_is_whole_though_it_begins_after_the_first_page(table: Any) -> None:
    pages = _pages(table, KeyConditionExpression=STATUS & Key("owner").between("040", "059"))
    assert [owner for page in pages for owner in page] == ALL[40:]


def test_a_limit_ends_a_page(table: Any) -> None:
    pages = _pages(table, KeyConditionExpression=STATUS, Limit=20)
    assert [owner for page in pages for owner in page] == ALL
    assert len(pages[0]) == 20


def test_backwards_is_backwards(table: Any) -> None:
    pages = _pages(table, KeyConditionExpression=STATUS, ScanIndexForward=False)
    assert [owner for page in pages for owner in page] == ALL[::-1]


def test_a_record_that_is_not_there_is_an_empty_page(table: Any) -> None:
    assert _pages(table, KeyConditionExpression=Key("record").eq("nothing")) == [[]]
