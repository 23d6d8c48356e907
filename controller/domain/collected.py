"""What was collected, as those who tell of it read it: usage by month, and gates. The store answers, and never AWS."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from controller.domain.gate import Gate
from controller.domain.month import Month
from controller.domain.usage import CustomerMonth, FleetMonth
from controller.errors import Failure


class StoredUsage(Protocol):
    """Usage by month. What was never collected is left out of every answer."""

    def load(self, month: Month) -> FleetMonth: ...

    def history(self, customer_id: str, months: Sequence[Month]) -> Mapping[Month, CustomerMonth | Failure]: ...


class StoredGates(Protocol):
    def load(self) -> Mapping[str, Gate | Failure]:
        """The gates of all customers, by id."""
        ...
