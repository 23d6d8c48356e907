"""The status of the custom resource: what it takes, and how a text is made to fit."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from controller.domain.resource_status import MESSAGE, RESOURCES, ManagedResource, ResourceStatus, UsageStatus, fit


@pytest.mark.parametrize(
    ("text", "limit", "fitted"),
    [
        ("In sync", 7, "In sync"),
        ("In sync", 6, "In sy…"),
        ("In sync", 1, "…"),
        ("", 1, ""),
        ("株式会社", 3, "株式…"),
    ],
)
def test_a_text_is_cut_to_its_limit(text: str, limit: int, fitted: str) -> None:
    assert fit(text, limit) == fitted
    assert len(fitted) <= limit


def test_what_is_over_a_limit_is_refused_before_the_api_server_does() -> None:
    assert ResourceStatus(message=fit("x" * 5000, MESSAGE))
    with pytest.raises(ValidationError):
        ResourceStatus(message="x" * (MESSAGE + 1))
    with pytest.raises(ValidationError):
        ResourceStatus(resources=(ManagedResource(kind="budget", name="b", state="InSync"),) * (RESOURCES + 1))


def test_a_moment_is_written_in_utc_to_the_second() -> None:
    local = datetime(2026, 11, 22, 7, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    dumped = UsageStatus(as_of=local).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert dumped == {"asOf": "2026-11-22T06:00:00Z"}
    assert UsageStatus.model_validate(dumped).as_of == datetime(2026, 11, 22, 6, tzinfo=UTC)


def test_what_a_newer_controller_wrote_is_read_over() -> None:
    assert ResourceStatus.model_validate({"message": "In sync", "mood": "good"}) == ResourceStatus(message="In sync")
