"""Many items: what DynamoDB leaves undone is asked for again, with keys of one part and of two, and pages go on."""

from typing import Any

import pytest

from controller.aws.call import Retry
from controller.aws.clients import Aws
from controller.aws.many_items import TRIES, found_items, read_items
from controller.domain.settings import TableSettings
from controller.errors import TransientFailure
from controller.sandbox import Sandbox
from controller.store.records import records
from controller.store.tables import make

KEYS = {
    "daylily-customers": [{"customer_id": {"S": f"c{number}"}} for number in range(5)],
    "daylily-billing": [{"record": {"S": "usage/2024-01"}, "owner": {"S": f"c{number}"}} for number in range(5)],
}

every_table = pytest.mark.parametrize("table", KEYS)


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def aws(local_environment: Sandbox, waited: list[float]) -> Aws:
    aws = Aws(retry=Retry(attempts=1), sleep=waited.append)
    list(make(aws, TableSettings()))
    for table, keys in KEYS.items():
        for key in keys:
            aws.call("dynamodb", "put_item", TableName=table, Item={**key, "text": {"S": "x"}})
    return aws


@every_table
def test_items_are_read_whole_or_in_part(aws: Aws, table: str) -> None:
    keys = KEYS[table]
    missing = {name: {"S": "nobody"} for name in keys[0]}

    assert sorted(map(str, read_items(aws, table, [*keys, missing]))) == sorted(
        str({**key, "text": {"S": "x"}}) for key in keys
    )
    assert read_items(aws, table, keys, ["text"]) == [{"text": {"S": "x"}}] * 5


@every_table
def test_what_dynamodb_leaves_undone_is_asked_for_again(
    aws: Aws, table: str, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto never leaves anything undone, so the answer is bent on its way."""
    call = aws.call

    def sparing(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Does the first of what is asked, and hands back the rest."""
        asked = parameters["RequestItems"][table]
        keys = asked["Keys"]
        answer = call(service, operation, RequestItems={table: {**asked, "Keys": keys[:1]}})
        return {**answer, "UnprocessedKeys": {table: {**asked, "Keys": keys[1:]}} if keys[1:] else {}}

    monkeypatch.setattr(aws, "call", sparing)

    assert len(read_items(aws, table, KEYS[table])) == 5
    assert len(waited) == 4


@every_table
def test_what_dynamodb_never_does_is_a_failure(
    aws: Aws, table: str, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "call", lambda *_, **asked: {"Responses": {}, "UnprocessedKeys": asked["RequestItems"]})

    with pytest.raises(TransientFailure, match=f"did not read all items in {TRIES} tries"):
        read_items(aws, table, KEYS[table])
    assert len(waited) == TRIES


def test_pages_go_on_to_the_end(aws: Aws) -> None:
    assert len(list(found_items(aws, "scan", "daylily-customers", Limit=2))) == 5
    assert [one["owner"]["S"] for one in records(aws, "daylily-billing", "usage/2024-01", Limit=2)] == [
        f"c{number}" for number in range(5)
    ]
    assert list(records(aws, "daylily-billing", "usage/2024")) == []
