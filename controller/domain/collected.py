"""What was collected, as those who tell of it read it: usage by month, and gates. The store answers, and never AWS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from controller.domain.gate import Gate
from controller.domain.month import Month
from controller.domain.usage import AccountMonth, CustomerMonth
from controller.errors import Failure


@dataclass(frozen=True, slots=True)
class StoredMonth:
    """All of a month: customers by id, accounts by name. A Failure stands for an item that cannot be read."""

    customers: Mapping[str, CustomerMonth | Failure] = field(default_factory=dict)
    accounts: Mapping[str, AccountMonth | Failure] = field(default_factory=dict)


class StoredUsage(Protocol):
    """Usage by month. What was never collected is left out of every answer."""

    def load(self, month: Month) -> StoredMonth: ...

    def history(self, customer_id: str, months: Sequence[Month]) -> Mapping[Month, CustomerMonth | Failure]: ...


class StoredGates(Protocol):
    def load(self) -> Mapping[str, Gate | Failure]:
        """The gates of all customers, by id."""
        ...
