"""What a run's totals lead to: the same fold for the coordinator and for every institute."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jazari.core.canonical import digest
from jazari.studies.agreement import StudyText
from jazari.studies.contract import Contract
from jazari.studies.errors import BrokenContract
from jazari.studies.messages import Array, Message, Sums, encode
from jazari.studies.recipes.registry import plan_of


class Fold:
    """The states after 0, 1, 2 ... totals of one run, computed once each and in order."""

    def __init__(self, study: StudyText, institutes: int, inputs: Path | None = None) -> None:
        self.recipe, self.plan = plan_of(study, institutes, inputs)
        self._states: list[Any] = [self.recipe.initial_state(self.plan)]

    @property
    def known(self) -> int:
        """How many totals have been taken in."""
        return len(self._states) - 1

    def state(self, totals: int) -> Any:
        """The state after so many totals, all of which must have been taken in."""
        return self._states[totals]

    def contract(self, totals: int) -> Contract:
        """The output contract of the round that starts after so many totals."""
        return self.recipe.contract(self.state(totals), self.plan)

    def take(self, total: Sums) -> Any:
        """The state after one more total. Raises ``BrokenContract`` when it leads nowhere."""
        with np.errstate(all="ignore"):
            try:
                state = self.recipe.update(self._states[-1], total, self.plan)
            except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
                raise BrokenContract("The totals lead to no next state: ask the author of the study.") from error
        self._states.append(state)
        return state


def total_bytes(run: str, round_number: int, total: Sums, included: Sums | None = None) -> bytes:
    """The exact bytes of a round's total, as they are stored and counted into the transcript.

    ``included``: whose sums are in it, as ``included_in`` writes it.
    """
    return encode(Message("answer", run, round_number, total, extra=included or {}))


def included_in(names: Sequence[str], participants: Sequence[str]) -> Sums:
    """Whose sums a total holds, as it travels with it; nothing when it is all participants."""
    return {} if tuple(names) == tuple(participants) else {"included": places_of(names, participants)}


def read_included(extra: Sums, participants: Sequence[str]) -> tuple[str, ...]:
    """The institutes in a total; raises ``BrokenContract`` for what ``included_in`` cannot have written."""
    return names_at(extra["included"], participants) if "included" in extra else tuple(participants)


def places_of(names: Sequence[str], participants: Sequence[str]) -> Array:
    """Institutes as places among the participants of the run."""
    return np.array([participants.index(name) for name in names], dtype=np.int64)


def names_at(places: Array, participants: Sequence[str]) -> tuple[str, ...]:
    """The institutes at these places, which must be in order; raises ``BrokenContract``."""
    flat = places.tolist() if isinstance(places, np.ndarray) and places.ndim == 1 else [-1]
    if places.dtype != np.int64 or flat != sorted(set(flat)) or not all(0 <= n < len(participants) for n in flat):
        raise BrokenContract("The list of institutes is not one of this run: nothing more is computed.")
    return tuple(participants[n] for n in flat)


def add_up(parts: Sequence[Sums]) -> Sums:
    """The sum of several institutes' outputs, added in the given order."""
    total = {name: array.copy() for name, array in parts[0].items()}
    for part in parts[1:]:
        for name, array in part.items():
            total[name] = np.asarray(total[name] + array)
    return total


def transcript_digest(run: str, agreement: str, participants: Sequence[str], totals: Sequence[bytes]) -> str:
    """What every participant and the proposer can compare: run, agreement, institutes, all totals' bytes."""
    return digest({
        "run": run,
        "agreement": agreement,
        "participants": sorted(participants),
        "totals": [hashlib.sha256(total).hexdigest() for total in totals],
    })  # fmt: skip
