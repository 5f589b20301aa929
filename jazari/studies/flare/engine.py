"""The engine that the Root's worker uses. It writes orders down; the keeper in the FLARE server does the rest.

Nothing here imports FLARE or talks to it: orders, cancellations and revocations are files in the home folder,
and so is everything that is known of a run. So an order survives any restart, nobody holds an administrator's
key, and a worker costs no memory for FLARE.
"""

from __future__ import annotations

from pathlib import Path

from jazari.studies.coordinator import Coordinator
from jazari.studies.engine import EngineStatus, Outcome, RunOrder
from jazari.studies.errors import RunConflict
from jazari.studies.flare import notes, pins
from jazari.studies.run_messages import NOT_SERVED, SHUT_OUT


class FlareEngine:
    """Implements ``jazari.studies.engine.Engine`` for the Root whose home folder is ``home``."""

    def __init__(self, home: Path) -> None:
        self._engine = home / "engine"
        self._runs = self._engine / "runs"

    def start(self, order: RunOrder) -> None:
        """Write the order down and return; the same order again is harmless.

        Raises ``RunConflict`` for another order under its id, or one that includes whom the directory does
        not name.
        """
        named = pins.read_pins(self._engine).institutes
        strangers = [name for name in order.participants if name not in named]
        if strangers:
            raise RunConflict(f"{', '.join(strangers)} may not take part: order the run without it.")
        Coordinator(self._runs, order)

    def status(self, run: str) -> EngineStatus:
        """Where the run stands; raises ``RunNotFound``."""
        status = Coordinator.open(self._runs, run).tick()
        if status.ended:
            return status
        note = notes.read_note(self._engine, run) if notes.is_alive(self._engine) else NOT_SERVED
        return status.model_copy(update={"message": note}) if note else status

    def outcome(self, run: str) -> Outcome:
        """What a finished run produced; raises ``RunNotFound`` or ``RunFailed``."""
        return Coordinator.open(self._runs, run).outcome()

    def cancel(self, run: str, reason: str = "") -> None:
        """End the run; its job is stopped within seconds."""
        Coordinator.open(self._runs, run).cancel(reason)

    def revoke(self, namespace: str) -> None:
        """Shut an institute out for good: connections are cut at their next message, its runs fail."""
        if not pins.revoke(self._engine, namespace):
            return
        for path in sorted(self._runs.glob("*/order.json")):
            if not (path.parent / "end.json").exists():
                self._fail_without(namespace, path.parent.name)

    def _fail_without(self, namespace: str, run: str) -> None:
        coordinator = Coordinator.open(self._runs, run)
        if namespace in coordinator.order.participants:
            coordinator.fail(SHUT_OUT.format(institutes=namespace))
