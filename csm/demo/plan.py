"""What makes one demo book."""

import datetime as dt
from dataclasses import dataclass

_CONNECTED_DAYS = 42


@dataclass(frozen=True)
class Plan:
    """Equal plans make equal books; `days` is the length of the history that ends at `as_of`."""

    accounts: int
    days: int
    seed: int
    as_of: dt.date

    @property
    def key(self) -> str:
        """The parameters a person chose, without the date."""
        return f"accounts={self.accounts} days={self.days} seed={self.seed}"

    @property
    def connected(self) -> int:
        """Days before as_of on which the customer's systems were connected, with facts back-filled.

        Nights before it know the weekly CRM export alone.
        """
        return min(_CONNECTED_DAYS, self.days // 3)

    @property
    def connected_on(self) -> dt.date:
        return self.as_of - dt.timedelta(days=self.connected)
