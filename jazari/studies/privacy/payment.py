"""What a study costs here, and its payment: what a steward is told, and what happens before noise is drawn."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.studies.agreement import StudyText
from jazari.studies.contract import Contract
from jazari.studies.errors import BrokenContract, NoBudget
from jazari.studies.permits import Permit
from jazari.studies.privacy.budget import Budget, Spending
from jazari.studies.privacy.terms import PrivacyTerms
from jazari.studies.saying import Sentence, Untranslated, Value, figure, worded


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

    def cost(self, study: StudyText, dataset: str) -> Sentence | None:
        """A sentence for the steward on what approving would spend; None for a study without privacy terms."""
        terms, name = study.privacy, RecordRef.parse(dataset).name
        if terms is None:
            return None
        epsilon, delta = _times(terms.epsilon, study.max_runs), _times(terms.delta, study.max_runs)
        try:
            account = self._budget.account(name)
        except JazariError as error:
            return _unpaid(_both(epsilon, delta), name, error)
        values: dict[str, Value] = {
            "cost": _both(epsilon, delta),
            "allowed": _both(account.epsilon, account.delta),
            "name": name,
            "left": _both(account.epsilon_left, account.delta_left),
        }
        if study.max_runs > 1:
            values |= {"runs": study.max_runs, "epsilon": figure(terms.epsilon)}
            return _enough_for_runs(values) if account.affords(epsilon, delta) else _too_little_for_runs(values)
        return _enough(values) if account.affords(epsilon, delta) else _too_little(values)


def _both(epsilon: float, delta: float) -> Value:
    if not delta:
        return figure(epsilon)
    return worded("{epsilon} and delta {delta}", epsilon=figure(epsilon), delta=figure(delta))


def _unpaid(cost: Value, name: str, error: JazariError) -> Sentence:
    if isinstance(error, NoBudget):
        return worded(
            "This study would spend epsilon {cost}: No privacy budget is declared for '{name}' here: its steward sets "
            "one with `{command}`, or refuses the study.",
            cost=cost,
            name=name,
            command=f"jazari dataset budget {name} --epsilon 10",
        )
    return worded("This study would spend epsilon {cost}: {problem}", cost=cost, problem=Untranslated(str(error)))


def _enough(values: dict[str, Value]) -> Sentence:
    return worded(
        "This study would spend epsilon {cost} of {allowed} for '{name}', of which {left} are left.",
        **values,
    )


def _too_little(values: dict[str, Value]) -> Sentence:
    return worded(
        "This study would spend epsilon {cost} of {allowed} for '{name}', of which {left} are left. That is not enough "
        "for all its runs: each is paid when it begins.",
        **values,
    )


def _enough_for_runs(values: dict[str, Value]) -> Sentence:
    return worded(
        "This study would spend epsilon {cost} ({runs} runs of {epsilon}) of {allowed} for '{name}', of which {left} "
        "are left.",
        **values,
    )


def _too_little_for_runs(values: dict[str, Value]) -> Sentence:
    return worded(
        "This study would spend epsilon {cost} ({runs} runs of {epsilon}) of {allowed} for '{name}', of which {left} "
        "are left. That is not enough for all its runs: each is paid when it begins.",
        **values,
    )


def _spending(terms: PrivacyTerms, agreement: str, run: str, round_number: int) -> Spending:
    return Spending(agreement=agreement, run=run, round=round_number, epsilon=terms.epsilon, delta=terms.delta)


def _times(cost: float, runs: int) -> float:
    return float(Decimal(repr(cost)) * runs)
