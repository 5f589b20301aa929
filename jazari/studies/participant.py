"""An institute's side of a run. (Interface published first; see the docstrings.)"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Participant:
    """Answers the rounds of every run that has a permit in ``engine_folder``; usable from any process.

    ``engine_folder`` is the institute's ``engine/``: it reads ``permits/`` and ``stewards.json``, keeps
    ``answers/<run>/`` and ``ledger.json``, and spools AuditEvents to ``spool/``.
    """

    def __init__(self, engine_folder: Path, namespace: str) -> None:
        raise NotImplementedError

    def respond(self, run: str, request: bytes) -> bytes:
        """What an engine calls: the answer, confirmation, or a refusal message that carries a code only.

        Never raises (but for KeyboardInterrupt and the like): every exception is a refusal.
        """
        raise NotImplementedError

    def answer(self, run: str, request: bytes) -> bytes:
        """As ``respond``, but raises the ``JazariError`` that refuses."""
        raise NotImplementedError

    def check(self, run: str) -> None:
        """Raise unless this run may start here now (what a gate asks before any work)."""
        raise NotImplementedError

    def answered_up_to(self, run: str) -> int:
        """The last round whose answer is stored; 0 before the first."""
        raise NotImplementedError

    def finish(self, run: str) -> str:
        """The transcript digest of a run that has ended here; raises ``RunNotFound`` before."""
        raise NotImplementedError

    def result(self, run: str) -> dict[str, Any]:
        """The result recomputed here from the released totals; raises ``RunNotFound`` before the end."""
        raise NotImplementedError
