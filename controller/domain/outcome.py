"""The result of one change."""

from dataclasses import dataclass

from controller.domain.plan import Change
from controller.errors import Failure


@dataclass(frozen=True, slots=True)
class Outcome:
    """`failure` None: done. `tried` False: not begun, because the run was stopped or the account failed."""

    change: Change
    failure: Failure | None = None
    tried: bool = True
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.tried and self.failure is None
