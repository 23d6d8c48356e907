"""What an S3 Inventory says of buckets, summed up by age, class and prefix. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.domain.savings import Cohort


@dataclass(frozen=True, slots=True)
class Inventory:
    """Cohorts of one day of age each, by bucket. `versioned`: buckets in which replaced versions or delete markers
    were seen. `remarks`: what was left out or is odd, in words. `as_of` is when the oldest part of it was made."""

    cohorts: Mapping[str, tuple[Cohort, ...]] = field(default_factory=dict)
    versioned: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()
    as_of: datetime | None = None
