"""An engine without a network: one thread per message, for tests, simulation and a network on one machine."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from jazari.core.canonical import canonical_json
from jazari.core.errors import JazariError
from jazari.core.files import write_private
from jazari.studies.coordinator import Coordinator
from jazari.studies.engine import EngineStatus, Outcome, RunOrder
from jazari.studies.errors import RunConflict
from jazari.studies.run_messages import NOT_ALLOWED, SHUT_OUT

LOOP_SECONDS = 0.02
RETRY_SECONDS = 0.1
CONFIRMATION_SECONDS = 10.0
Institute = Callable[[str, bytes], bytes]
"""``Participant.respond``, or anything that carries (run, request) to it. Raising means: ask again."""

_log = logging.getLogger("jazari.studies.inprocess")


class InProcessEngine:
    """Implements ``jazari.studies.engine.Engine``. Opening the same folder again resumes what was running."""

    def __init__(self, folder: Path, institutes: Mapping[str, Institute]) -> None:
        self._folder, self._institutes = folder, institutes
        self._drivers: dict[str, _Driver] = {}
        self._lock = threading.Lock()
        for path in sorted(folder.glob("*/order.json")):
            self._drive(Coordinator.open(folder, path.parent.name))

    def start(self, order: RunOrder) -> None:
        """Take the order; raises ``RunConflict`` when it includes a revoked or unknown institute."""
        shut_out = sorted(set(order.participants) - set(self._institutes) | set(order.participants) & self._revoked())
        if shut_out:
            raise RunConflict(f"{', '.join(shut_out)} may not take part: order the run without it.")
        self._drive(Coordinator(self._folder, order))

    def status(self, run: str) -> EngineStatus:
        """Where the run stands."""
        return Coordinator.open(self._folder, run).tick()

    def outcome(self, run: str) -> Outcome:
        """What a finished run produced."""
        return Coordinator.open(self._folder, run).outcome()

    def cancel(self, run: str, reason: str = "") -> None:
        """End the run."""
        Coordinator.open(self._folder, run).cancel(reason)

    def revoke(self, namespace: str) -> None:
        """Shut an institute out for good and fail its runs."""
        with self._lock:
            names = sorted(self._revoked() | {namespace})
            write_private(self._folder / "revoked.json", canonical_json(names))
        for path in self._folder.glob("*/order.json"):
            coordinator = Coordinator.open(self._folder, path.parent.name)
            if namespace in coordinator.order.participants:
                coordinator.fail(SHUT_OUT.format(institutes=namespace))

    def close(self) -> None:
        """Stop driving, as if this process had died: runs stay as they are on disk."""
        for driver in self._drivers.values():
            driver.stopped.set()
        for driver in self._drivers.values():
            driver.join(timeout=5)

    def _revoked(self) -> set[str]:
        path = self._folder / "revoked.json"
        return set(json.loads(path.read_bytes())) if path.exists() else set()

    def _drive(self, coordinator: Coordinator) -> None:
        run = coordinator.order.run
        with self._lock:
            known = self._drivers.get(run)
            if known is None or not known.is_alive():
                self._drivers[run] = driver = _Driver(coordinator, self._institutes)
                driver.start()


class _Driver(threading.Thread):
    """Asks whoever is pending until the run has ended. A call that never returns blocks nobody else."""

    def __init__(self, coordinator: Coordinator, institutes: Mapping[str, Institute]) -> None:
        super().__init__(name=f"run {coordinator.order.run}", daemon=True)
        self._coordinator, self._institutes = coordinator, institutes
        self._asked: dict[str, threading.Thread] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        """Until nobody is pending, or confirmations have had their time."""
        give_up = 0.0
        while not self.stopped.is_set():
            status = self._coordinator.tick()
            if status.ended and not status.pending:
                return
            if status.ended:
                give_up = give_up or time.monotonic() + CONFIRMATION_SECONDS
                if time.monotonic() > give_up:
                    return
            self._ask(status.pending)
            self.stopped.wait(LOOP_SECONDS)

    def _ask(self, pending: tuple[str, ...]) -> None:
        for namespace in pending:
            thread = self._asked.get(namespace)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=self._fetch, args=(namespace,), daemon=True)
                self._asked[namespace] = thread
                thread.start()

    def _fetch(self, namespace: str) -> None:
        try:
            request = self._coordinator.request(namespace)
        except JazariError:
            return  # cancelled or failed meanwhile; the next look sees it
        try:
            answer = self._institutes[namespace](self._coordinator.order.run, request)
        except Exception:
            _log.info("%s could not be reached", namespace)
            time.sleep(RETRY_SECONDS)
            return
        if self.stopped.is_set():
            return
        try:
            self._coordinator.receive(namespace, answer)
        except JazariError as error:
            self._coordinator.fail(NOT_ALLOWED.format(institute=namespace, detail=error))
