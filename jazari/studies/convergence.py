"""How a run comes nearer to its result, round by round: computed from the totals that are here, and kept while it goes.

The totals are known to the Root and to each participant; the fold over them is the recipe's own ``update``.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jazari.core.errors import JazariError
from jazari.studies.agreement import StudyText
from jazari.studies.messages import Sums, decode
from jazari.studies.notebook import Notebook
from jazari.studies.recipes.registry import plan_of
from jazari.studies.run_folder import RunFolder

MOST_RUNS_KEPT = 8
LONGEST_TOTAL = 4 * 2**20
"""Bytes of a total beyond which no curve is drawn: a page is not the place to train a large network again."""
Measure = Callable[[Any], float | None]


def _glm(state: Any) -> float | None:
    return float(state.loss.sum()) if state.loss.size else None


def _cox(state: Any) -> float | None:
    return float(state.loss)


def _kmeans(state: Any) -> float | None:
    return float(state.within.sum()) if state.within.size else None


def _boosting(state: Any) -> float | None:
    return float(state.losses[-1]) / state.rows if state.losses and state.rows else None


def _fedavg(state: Any) -> float | None:
    return float(state.history[-1].loss) if state.history else None


MEASURES: dict[str, Measure] = {"glm": _glm, "cox": _cox, "kmeans": _kmeans, "boosting": _boosting, "fedavg": _fedavg}
"""What becomes smaller from round to round, for the recipes that have such a number."""


@dataclass
class _Curve:
    """``points``: (round, value) so far; ``state`` after ``taken`` totals."""

    state: Any
    taken: int = 0
    points: list[tuple[float, float]] = field(default_factory=list)


_curves: OrderedDict[str, _Curve] = OrderedDict()
_lock = threading.Lock()


def curve(study: StudyText, run: str, institutes: int, engine_folder: Path) -> Sequence[tuple[float, float]]:
    """(round, value) for each round of ``run`` whose total is here; empty for a recipe without such a number.

    ``run`` is its id (``cards.run_id``). Never raises: where the totals lead nowhere, the curve ends.
    """
    measure = MEASURES.get(study.recipe)
    if measure is None:
        return ()
    try:
        with _lock, np.errstate(all="ignore"):
            return tuple(_extended(study, run, institutes, engine_folder, measure).points)
    except (JazariError, ArithmeticError, ValueError, AttributeError, np.linalg.LinAlgError):
        return ()


def _extended(study: StudyText, run: str, institutes: int, engine_folder: Path, measure: Measure) -> _Curve:
    recipe, plan = plan_of(study, institutes)
    known = _curves.pop(run, None) or _Curve(recipe.initial_state(plan))
    _curves[run] = known
    while len(_curves) > MOST_RUNS_KEPT:
        _curves.popitem(last=False)
    while (total := _total(engine_folder, run, known.taken + 1)) is not None and not known.state.done:
        known.state = recipe.update(known.state, total, plan)
        known.taken += 1
        value = measure(known.state)
        if value is not None and np.isfinite(value):
            known.points.append((float(known.taken), value))
    return known


def _total(engine_folder: Path, run: str, number: int) -> Sums | None:
    """The total of a round, from the Root's files of the run or from this institute's own."""
    at_root, here = RunFolder(engine_folder / "runs" / run), Notebook(engine_folder, run)
    if at_root.totals() >= number:
        raw = at_root.total(number)
    elif here.totals() >= number:
        raw = here.total(number)
    else:
        return None
    return decode(raw).arrays if len(raw) <= LONGEST_TOTAL else None
