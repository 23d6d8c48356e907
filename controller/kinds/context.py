"""What a kind is given to work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.aws.clients import Aws
from controller.domain.customer import Account
from controller.domain.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """One AWS account, seen by its kinds. `home` is where our own tables are, which may be another account."""

    account: Account
    aws: Aws
    home: Aws
    settings: Settings
    clock: Callable[[], datetime]
    full: bool = False
    """Take nothing on trust: read again what was verified before."""

    def trust(self, hours: int) -> timedelta:
        """For how long something that was verified is not read again."""
        return timedelta(0) if self.full else timedelta(hours=hours)
