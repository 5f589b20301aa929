"""How often each agreement has run here, and over which institutes its totals were opened.

It outlives studies, permits and runs: nothing sent can reset it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jazari.core.canonical import canonical_json
from jazari.core.files import locked, plain_os_errors, write_private
from jazari.studies.errors import OpenedBefore, RunsUsedUp


class Ledger:
    """``{agreement digest: [run, ...]}`` in one file.

    Beside it, ``opened.json`` holds ``{agreement digest: {round: [institute, ...]}}``: the only institutes over which
    this institute helps to open the total of a round. The same agreement asks the same in each of its runs, so a
    total over others, subtracted from the first, would be the sums of those who are in one of them only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, agreement: str, run: str, most: int) -> None:
        """Raise ``RunsUsedUp`` if ``run`` would be one more than ``most`` of the agreement."""
        runs = self._load().get(agreement, [])
        if run not in runs and len(runs) >= most:
            raise RunsUsedUp(f"The agreement has run {len(runs)} of {most} times here: propose the study again.")

    def has_run(self, agreement: str) -> bool:
        """Whether the agreement has run here; raises ``RunsUsedUp`` when nobody can tell."""
        return bool(self._load().get(agreement))

    def open(self, agreement: str, run: str, number: int, institutes: Sequence[str]) -> None:
        """Keep that this institute opens round ``number`` over ``institutes``, before it does.

        Raises ``OpenedBefore`` when it was opened over others, in any run of the agreement.
        """
        path = self._path.with_name("opened.json")
        with locked(self._path.with_suffix(".lock"), "Another process of this institute's engine"):
            entries = _load(path, dict)
            known = entries.setdefault(agreement, {}).setdefault(str(number), list(institutes))
            if known != list(institutes):
                raise OpenedBefore(
                    f"Round {number} of this agreement was opened over other institutes before run {run}, and the "
                    "difference would be the sums of a few: nothing was sent, run it with the same institutes."
                )
            write_private(path, canonical_json(entries))

    def enter(self, agreement: str, run: str, most: int) -> None:
        """Count ``run``, durably and once, before anything is computed for it; raises ``RunsUsedUp``."""
        with locked(self._path.with_suffix(".lock"), "Another process of this institute's engine"):
            self.check(agreement, run, most)
            entries = self._load()
            runs = entries.setdefault(agreement, [])
            if run not in runs:
                runs.append(run)
                write_private(self._path, canonical_json(entries))

    def _load(self) -> dict[str, list[str]]:
        return {agreement: [str(run) for run in runs] for agreement, runs in _load(self._path, list).items()}


def _load(path: Path, kind: type) -> dict[str, Any]:
    """The JSON object in ``path``, with values of one kind; raises ``RunsUsedUp`` when nobody can tell."""
    with plain_os_errors(path):
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return {}
    try:
        entries = json.loads(raw)
        if not isinstance(entries, dict) or not all(isinstance(value, kind) for value in entries.values()):
            raise TypeError
    except (ValueError, TypeError, RecursionError) as error:
        raise RunsUsedUp(f"The ledger {path} cannot be read: restore it from a backup.") from error
    return entries
