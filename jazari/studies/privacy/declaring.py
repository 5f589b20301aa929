"""How an institute's people see and set the budget of a data set: on this machine only, never by a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.studies.errors import DataSetNotFound, SameData
from jazari.studies.models import DataSet
from jazari.studies.privacy.budget import Account, Budget


def budget_facts(
    engine_folder: Path, namespace: str, name: str, epsilon: float | None = None, delta: float | None = None
) -> dict[str, Any]:
    """The account of the data set ``name``, after setting what is given of ``epsilon`` and ``delta``.

    What is not given stays as it was (0 at first). Raises ``DataSetNotFound``, ``NoBudget``, ``BudgetSpent`` (the
    file cannot be read) or ``SameData``.
    """
    budget = Budget(engine_folder)
    if epsilon is not None or delta is not None:
        _declare(namespace, budget, name, epsilon, delta)
    account = budget.account(name)
    return {
        "dataset": name,
        "epsilon": account.epsilon,
        "delta": account.delta,
        "epsilon_left": account.epsilon_left,
        "delta_left": account.delta_left,
        "spent": [entry.model_dump() for entry in account.spent],
    }


def _declare(namespace: str, budget: Budget, name: str, epsilon: float | None, delta: float | None) -> None:
    _check_only_budget(budget, name)
    known = budget.accounts().get(name) or Account(epsilon=0.0, delta=0.0)
    account = budget.declare(
        name, known.epsilon if epsilon is None else epsilon, known.delta if delta is None else delta
    )
    before = {"epsilon": known.epsilon, "delta": known.delta}
    detail = {"epsilon": account.epsilon, "delta": account.delta, "before": before}
    events.emit(AuditEvent("studies.budget-declared", namespace, f"{namespace}/dataset/{name}", detail))


def _check_only_budget(budget: Budget, name: str) -> None:
    """A file that was ever registered under a name with a budget gets no second one under another name."""
    files = set(DataSet.objects.filter(name=name).values_list("sha256", flat=True))
    if not files:
        raise DataSetNotFound(f"No data set {name!r} is registered here: run `jazari dataset register` first.")
    others = DataSet.objects.filter(sha256__in=files).exclude(name=name).values_list("name", flat=True)
    shared = sorted(set(others) & set(budget.accounts()))
    if shared:
        raise SameData(
            f"The file of {name!r} is also registered as {shared[0]!r}, which has a budget: use that name, "
            "since two budgets for one file would add up."
        )
