"""What a project was granted, has spent and holds, for pages."""

from __future__ import annotations

from dataclasses import dataclass

from jazari.gateway.balances import Balances
from jazari.gateway.receipt_files import journal_folder, read_balances
from jazari.settings.home import Home


@dataclass(frozen=True)
class Account:
    """Microcredits of a project."""

    granted: int
    spent: int
    reserved: int

    @property
    def left(self) -> int:
        """What its next call may reserve."""
        return self.granted - self.spent - self.reserved


def balances_of(home: Home) -> Balances:
    """What the journal says now, read beside a running gateway."""
    return read_balances(journal_folder(home.path))


def account_of(state: Balances, project: str, granted: int) -> Account:
    """Where ``project`` stands."""
    return Account(granted, state.spent.get(project, 0), state.reserved.get(project, 0))
