"""A store of usage and gates that is a dictionary, for the commands that only read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.domain.collected import StoredMonth
from controller.domain.gate import Gate
from controller.domain.month import Month
from controller.domain.usage import AccountMonth, CustomerMonth
from controller.errors import Failure


@dataclass
class Shelf:
    """What was collected, by month; `reads` are the reads that were made of it."""

    customers: dict[tuple[str, str], CustomerMonth | Failure] = field(default_factory=dict)
    accounts: dict[tuple[str, str], AccountMonth | Failure] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def put(self, *months: CustomerMonth | AccountMonth) -> None:
        for one in months:
            if isinstance(one, CustomerMonth):
                self.customers[one.month, one.customer_id] = one
            else:
                self.accounts[one.month, one.account] = one

    def load(self, month: Month) -> StoredMonth:
        self.reads.append(f"month {month}")
        return StoredMonth(
            {id_: one for (at, id_), one in self.customers.items() if at == str(month)},
            {name: one for (at, name), one in self.accounts.items() if at == str(month)},
        )

    def history(self, customer_id: str, months: Sequence[Month]) -> Mapping[Month, CustomerMonth | Failure]:
        self.reads.append(f"history {customer_id}")
        found = {month: self.customers.get((str(month), customer_id)) for month in months}
        return {month: one for month, one in found.items() if one is not None}


@dataclass
class Gates:
    gates: dict[str, Gate | Failure] = field(default_factory=dict)

    def load(self) -> Mapping[str, Gate | Failure]:
        return self.gates
