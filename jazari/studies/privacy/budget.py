"""What may still be told about each data set here, and what was spent: ``engine/budget.json``.

One file holds what the institute allows (declared here, at this machine) and every spending. It is keyed by the
data set's name, so all its versions share one budget. No message, study, permit or registration changes it. A
spending is written durably, under a lock, before noise is drawn, and is never taken back. A file that cannot be
read allows nothing. Spendings add up by basic composition: the sums of epsilon and of delta.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.core.files import locked, plain_os_errors, write_private
from jazari.studies.errors import BudgetSpent, NoBudget

Epsilon = Annotated[float, Field(ge=0, le=1e6)]
Delta = Annotated[float, Field(ge=0, lt=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Spending(_Frozen):
    """What one round of one run cost, or would cost. ``moment`` is when it was entered."""

    agreement: str
    run: str
    round: int = Field(ge=1)
    epsilon: float = Field(gt=0, le=1e6)
    delta: Delta = 0.0
    moment: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """A round of a run is paid once: what it answered is stored, and sent again as it is."""
        return self.run, self.round


class Account(_Frozen):
    """The budget of one data set: ``epsilon`` and ``delta`` allowed in all, and what was spent."""

    epsilon: Epsilon
    delta: Delta
    spent: list[Spending] = Field(default_factory=list)

    @property
    def epsilon_left(self) -> float:
        """What is left of epsilon, at least 0."""
        return max(0.0, float(_decimal(self.epsilon) - _sum(entry.epsilon for entry in self.spent)))

    @property
    def delta_left(self) -> float:
        """What is left of delta, at least 0."""
        return max(0.0, float(_decimal(self.delta) - _sum(entry.delta for entry in self.spent)))

    def affords(self, epsilon: float, delta: float) -> bool:
        """Whether so much more may be spent; decimals as people write them, so that ten times 0.1 is 1."""
        return (
            _sum([epsilon, *(entry.epsilon for entry in self.spent)]) <= _decimal(self.epsilon)
            and _sum([delta, *(entry.delta for entry in self.spent)]) <= _decimal(self.delta)
        )  # fmt: skip


class _Book(_Frozen):
    accounts: dict[str, Account] = Field(default_factory=dict)


class Budget:
    """The budgets of an institute's data sets, in ``engine_folder``."""

    def __init__(self, engine_folder: Path) -> None:
        self._path = engine_folder / "budget.json"

    def account(self, dataset: str) -> Account:
        """The account of a data set; raises ``NoBudget``, or ``BudgetSpent`` when the file cannot be read."""
        account = self._load().accounts.get(dataset)
        if account is None:
            raise NoBudget(
                f"No privacy budget is declared for {dataset!r} here: its steward sets one with "
                f"`jazari dataset budget {dataset} --epsilon 10`, or refuses the study."
            )
        return account

    def accounts(self) -> dict[str, Account]:
        """All accounts by data set; raises ``BudgetSpent`` when the file cannot be read."""
        return self._load().accounts

    def declare(self, dataset: str, epsilon: float, delta: float) -> Account:
        """Allow so much in all, from the first spending on. What was spent stays spent. Raises ``BudgetSpent``."""
        with self._locked():
            book = self._load()
            spent = book.accounts[dataset].spent if dataset in book.accounts else []
            account = Account(epsilon=float(epsilon), delta=float(delta), spent=spent)
            self._store(book, dataset, account)
            return account

    def check(self, dataset: str, spending: Spending) -> None:
        """Raise ``NoBudget`` or ``BudgetSpent`` unless ``spending`` is entered already or may be."""
        account = self.account(dataset)
        if spending.key in {entry.key for entry in account.spent}:
            return
        if not account.affords(spending.epsilon, spending.delta):
            raise BudgetSpent(
                f"Epsilon {spending.epsilon:g} and delta {spending.delta:g} are asked of {dataset!r}, of which "
                f"{account.epsilon_left:g} and {account.delta_left:g} are left: nothing was computed."
            )

    def spend(self, dataset: str, spending: Spending) -> None:
        """Enter ``spending``, durably and once for each round of a run; raises as ``check`` does."""
        with self._locked():
            self.check(dataset, spending)
            book = self._load()
            account = book.accounts[dataset]
            if spending.key not in {entry.key for entry in account.spent}:
                entry = spending.model_copy(update={"moment": clock.timestamp()})
                self._store(book, dataset, account.model_copy(update={"spent": [*account.spent, entry]}))

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._path.with_suffix(".lock"), "Another process of this institute's engine")

    def _store(self, book: _Book, dataset: str, account: Account) -> None:
        changed = book.model_copy(update={"accounts": {**book.accounts, dataset: account}})
        write_private(self._path, canonical_json(changed.model_dump(mode="json")))

    def _load(self) -> _Book:
        with plain_os_errors(self._path):
            try:
                raw = self._path.read_bytes()
            except FileNotFoundError:
                return _Book()
        try:
            return _Book.model_validate_json(raw)
        except (ValidationError, RecursionError) as error:
            raise BudgetSpent(
                f"The privacy budgets in {self._path} cannot be read, so nothing may be spent: restore the file."
            ) from error


def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))


def _sum(numbers: Iterable[float]) -> Decimal:
    return sum((_decimal(number) for number in numbers), Decimal(0))
