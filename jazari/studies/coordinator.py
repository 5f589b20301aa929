"""The Root's side of a run. (Interface published first; see the docstrings.)"""

from __future__ import annotations

from pathlib import Path

from jazari.studies.engine import EngineStatus, Outcome, RunOrder


class Coordinator:
    """One run's durable state in ``<folder>/<order.run>/``; usable from any process, one writer at a time.

    A loop over it: ``request()`` to each of ``pending()``, ``receive()`` what comes back, ``tick()`` now and
    then, until ``status().ended``; then, for a while, the same with the final request for confirmations.
    """

    def __init__(self, folder: Path, order: RunOrder) -> None:
        """Create the run, or open it again; raises ``RunConflict`` for another order under the same id."""
        raise NotImplementedError

    @classmethod
    def open(cls, folder: Path, run: str) -> Coordinator:
        """Open an existing run; raises ``RunNotFound``."""
        raise NotImplementedError

    def request(self) -> bytes:
        """The request of the round in progress (kind ``final`` after the last); same bytes every time."""
        raise NotImplementedError

    def pending(self) -> tuple[str, ...]:
        """Institutes whose answer (or, once finished, confirmation) is awaited."""
        raise NotImplementedError

    def receive(self, namespace: str, answer: bytes) -> None:
        """Take in what an institute sent. A repeat is harmless. When all have answered, the round is closed:
        the total is written durably, the state moves on, and ``request()`` is the next one.

        Raises BadMessage, BrokenContract, WrongRound, RunConflict, RunEnded; a refusal fails the run.
        """
        raise NotImplementedError

    def tick(self) -> EngineStatus:
        """Apply the round's deadline (fails the run, naming who is missing); returns the status."""
        raise NotImplementedError

    def cancel(self, reason: str = "") -> None:
        """End the run as cancelled; harmless when it has ended."""
        raise NotImplementedError

    def fail(self, message: str) -> None:
        """End the run as failed with one plain sentence; harmless when it has ended."""
        raise NotImplementedError

    def status(self) -> EngineStatus:
        """Where the run stands, from disk."""
        raise NotImplementedError

    def outcome(self) -> Outcome:
        """What it produced; raises ``RunFailed`` with the reason, also while it is still running."""
        raise NotImplementedError
