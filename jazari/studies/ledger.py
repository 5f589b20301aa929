"""How often each agreement has run here. It outlives studies, permits and runs: nothing sent can reset it."""

from __future__ import annotations

import json
from pathlib import Path

from jazari.core.canonical import canonical_json
from jazari.core.files import locked, plain_os_errors, write_private
from jazari.studies.errors import RunsUsedUp


class Ledger:
    """``{agreement digest: [run, ...]}`` in one file."""

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
        with plain_os_errors(self._path):
            try:
                raw = self._path.read_bytes()
            except FileNotFoundError:
                return {}
        try:
            entries = json.loads(raw)
            return {str(agreement): [str(run) for run in runs] for agreement, runs in entries.items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise RunsUsedUp(f"The ledger {self._path} cannot be read: restore it from a backup.") from error
