"""What a study costs here, and its payment: what a steward is told, and what happens before noise is drawn."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.studies.agreement import StudyText
from jazari.studies.contract import Contract
from jazari.studies.errors import BrokenContract
from jazari.studies.permits import Permit
from jazari.studies.privacy.budget import Budget, Spending
from jazari.studies.privacy.terms import PrivacyTerms, told_cost


class Payments:
    """The payments of one institute's engine, out of the budgets in ``engine_folder``."""

    def __init__(self, engine_folder: Path) -> None:
        self._budget = Budget(engine_folder)

    def pay(self, permit: Permit, study: StudyText, contract: Contract, round_number: int) -> None:
        """Enter the cost of a round before anything is computed for it; a study without terms costs nothing.

        Raises ``NoBudget`` or ``BudgetSpent``; ``BrokenContract`` when noise is agreed and the contract has none, or
        another one, or the other way round.
        """
        terms = study.privacy
        if (contract.noise.terms if contract.noise else None) != terms:
            raise BrokenContract("The noise of the contract is not what was agreed: ask the author of the study.")
        if terms is not None:
            spending = _spending(terms, permit.agreement, permit.run, round_number)
            self._budget.spend(RecordRef.parse(permit.dataset).name, spending)

    def check(self, study: StudyText, dataset: str) -> None:
        """Raise ``NoBudget`` or ``BudgetSpent`` unless one more run of ``study`` on the record ``dataset`` is paid."""
        if study.privacy is not None:
            self._budget.check(RecordRef.parse(dataset).name, _spending(study.privacy, "", "", 1))

    def cost(self, study: StudyText, dataset: str) -> str:
        """A sentence for the steward on what approving would spend; empty for a study without privacy terms."""
        terms, name = study.privacy, RecordRef.parse(dataset).name
        if terms is None:
            return ""
        epsilon, delta = _times(terms.epsilon, study.max_runs), _times(terms.delta, study.max_runs)
        asked = f"This study would spend epsilon {told_cost(epsilon, delta)}"
        try:
            account = self._budget.account(name)
        except JazariError as error:
            return f"{asked}: {error}"
        enough = account.affords(epsilon, delta)
        return (
            f"{asked}{_by_run(study.max_runs, terms)} of {told_cost(account.epsilon, account.delta)} for {name!r}, "
            f"of which {told_cost(account.epsilon_left, account.delta_left)} are left."
            + ("" if enough else " That is not enough for all its runs: each is paid when it begins.")
        )


def _by_run(runs: int, terms: PrivacyTerms) -> str:
    return f" ({runs} runs of {terms.epsilon:g})" if runs > 1 else ""


def _spending(terms: PrivacyTerms, agreement: str, run: str, round_number: int) -> Spending:
    return Spending(agreement=agreement, run=run, round=round_number, epsilon=terms.epsilon, delta=terms.delta)


def _times(cost: float, runs: int) -> float:
    return float(Decimal(repr(cost)) * runs)
