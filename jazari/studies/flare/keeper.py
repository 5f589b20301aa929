"""Keeps every ordered run going inside the FLARE server until it has ended, whatever happens to its jobs.

FLARE fails a whole job when one site's process dies, leaves it RUNNING for good when a site vanishes, and
forgets it when the server restarts. Runs are ours: a run's state is in the coordinator's folder, and a job is
one attempt to move it on. When an attempt dies or stalls, the keeper ends it and submits another, which goes
on at the round that was due. Deadlines are the coordinator's (``tick``).

A job goes to the institutes that are still in the run. One that is absent is waited for; not for long where the
step may close without it: the others then work, and a new job includes it once it is back and they are done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nvflare.apis.event_type import EventType
from nvflare.apis.fl_component import FLComponent
from nvflare.apis.fl_constant import FLContextKey

from jazari.core.errors import JazariError
from jazari.studies.coordinator import Coordinator
from jazari.studies.errors import NoPermit
from jazari.studies.flare import notes
from jazari.studies.flare.attempts import FETCH_SECONDS, LONGEST_FETCH_SECONDS, Attempt, FlareJobs, Problem, retry_delay
from jazari.studies.flare.live import read_live
from jazari.studies.flare.pins import PinBoard
from jazari.studies.run_messages import CONNECTING, NOT_RUN, PERMITTING, REFUSED, SHUT_OUT, listed

LOOP_SECONDS = 0.2
TIDY_SECONDS = 60.0
ATTEMPTS_PER_ROUND = 8
PERMIT_SECONDS = 60.0
ABSENT_SECONDS = 20.0
LAST_CONFIRMATIONS_SECONDS = 45.0
_log = logging.getLogger("jazari.engine.keeper")


class RunKeeper(FLComponent):
    """Component of the server's parent process; one thread, started with the server."""

    def handle_event(self, event_type: str, fl_ctx: Any) -> None:
        """Start keeping when the server starts."""
        if event_type == EventType.SYSTEM_START:
            engine = Path(fl_ctx.get_prop(FLContextKey.WORKSPACE_OBJECT).get_root_dir()).parent
            keeper = Keeper(engine, FlareJobs(fl_ctx.get_engine()))
            threading.Thread(target=keeper.keep_forever, name="keeper", daemon=True).start()


class _Kept:
    """One run that has not ended, as far as this process knows."""

    def __init__(self, coordinator: Coordinator) -> None:
        self.coordinator = coordinator
        self.attempt: Attempt | None = None
        self.round, self.attempts, self.not_before = -1, 0, 0.0
        self.absent_since, self.needs_all, self.cuts = 0.0, True, 0

    def absent_for(self, absent: bool) -> float:
        """Seconds since somebody has been absent without a break."""
        self.absent_since = (self.absent_since or time.monotonic()) if absent else 0.0
        return time.monotonic() - self.absent_since if absent else 0.0


class Keeper:
    """The loop over runs, apart from FLARE: everything it does to jobs goes through ``FlareJobs``."""

    def __init__(self, engine: Path, flare: FlareJobs) -> None:
        self._engine, self._flare = engine, flare
        self._board = PinBoard(engine)
        self._kept: dict[str, _Kept] = {}
        self._over: set[str] = set()
        self._tidied = 0.0

    def keep_forever(self) -> None:
        """Look at every run, again and again. An error with one run never stops the others."""
        while True:
            try:
                self.keep_once()
            except Exception:
                _log.exception("The keeper could not look at its runs")
            time.sleep(LOOP_SECONDS)

    def keep_once(self) -> None:
        """One look at every run that has not ended."""
        notes.beat(self._engine)
        if time.monotonic() - self._tidied > TIDY_SECONDS:
            self._tidied = time.monotonic()
            self._flare.tidy()
        for run in self._runs():
            try:
                self._keep(run, self._kept.get(run) or self._open(run))
            except JazariError as error:
                _log.warning("Run %s: %s", run, error)
            except Exception:
                _log.exception("Run %s could not be looked at", run)

    def _runs(self) -> Iterator[str]:
        folder = self._engine / "runs"
        if folder.is_dir():
            found = sorted(entry.name for entry in folder.iterdir() if (entry / "order.json").is_file())
            yield from (name for name in found if name not in self._over)

    def _open(self, run: str) -> _Kept:
        kept = self._kept[run] = _Kept(Coordinator.open(self._engine / "runs", run))
        return kept

    def _keep(self, run: str, kept: _Kept) -> None:
        status = kept.coordinator.tick()
        if status.ended:
            self._wind_up(run, kept, status.state == "finished")
            return
        if gone := self._gone(kept):
            kept.coordinator.fail(SHUT_OUT.format(institutes=listed(gone)))
        elif kept.attempt is None:
            self._try(run, kept, status.round)
        elif problem := self._problem(run, kept, kept.attempt, status.pending):
            self._give_up(run, kept, kept.attempt, problem)

    def _gone(self, kept: _Kept) -> list[str]:
        named = self._board.current.institutes
        return [name for name in kept.coordinator.members() if name not in named]

    def _try(self, run: str, kept: _Kept, round_number: int) -> None:
        if round_number != kept.round:
            kept.round, kept.attempts, kept.cuts, kept.needs_all = round_number, 0, 0, True
        if time.monotonic() < kept.not_before:
            return
        here, absent = self._here(run, kept)
        if not here:
            return
        if kept.attempts >= ATTEMPTS_PER_ROUND:
            kept.coordinator.fail(NOT_RUN.format(round=round_number, attempts=kept.attempts))
            return
        kept.attempt = self._flare.submit(run, here, kept.needs_all or not kept.coordinator.may_go_on_without(here[:1]))
        kept.attempt.patience = min(FETCH_SECONDS * 2**kept.cuts, LONGEST_FETCH_SECONDS)
        if not absent:
            notes.write_note(self._engine, run, "")
        _log.info("Run %s: job %s at round %d, %d failed before", run, kept.attempt.job, round_number, kept.attempts)

    def _here(self, run: str, kept: _Kept) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Whom a job may go to now (nobody: wait), and who is absent."""
        members = kept.coordinator.members()
        absent = tuple(name for name in members if not self._flare.is_heard(name))
        here = tuple(name for name in members if name not in absent)
        waited = kept.absent_for(bool(absent))
        if not absent:
            return here, ()
        notes.write_note(self._engine, run, CONNECTING.format(institutes=listed(absent)))
        patience = min(ABSENT_SECONDS, kept.coordinator.order.round_deadline_seconds / 4)
        useful = set(here) & set(kept.coordinator.pending())
        if waited < patience or not useful or not kept.coordinator.may_go_on_without(absent):
            return (), absent
        return here, absent

    def _problem(self, run: str, kept: _Kept, attempt: Attempt, awaited: tuple[str, ...]) -> Problem | None:
        """Why this attempt will not get any further; None while it may."""
        refusals = self._flare.refusals(attempt)
        for name, code in refusals.items():
            # The institute's worker may not have seen the run's record yet; anything else is final.
            if code != NoPermit.code or time.monotonic() - attempt.started > _patience(kept):
                kept.coordinator.fail(REFUSED.format(institute=name, code=code))
                return Problem(f"refused by {name}")
        if refusals:
            notes.write_note(self._engine, run, PERMITTING.format(institutes=listed(refusals)))
        problem = self._flare.problem(attempt, read_live(self._engine, run), awaited)
        return None if refusals and problem and problem.line and not problem.reached else problem

    def _give_up(self, run: str, kept: _Kept, attempt: Attempt, problem: Problem) -> None:
        _log.warning("Run %s: giving up job %s: %s", run, attempt.job, problem.sentence)
        self._flare.stop(attempt)
        kept.attempt = None
        if problem.line:
            kept.cuts += 1
        else:
            kept.attempts += 1
        kept.needs_all = kept.needs_all and problem.reached
        kept.not_before = time.monotonic() + (0.5 if problem.line else retry_delay(kept.attempts))

    def _wind_up(self, run: str, kept: _Kept, finished: bool) -> None:
        """A run that has ended: let its job collect confirmations for a while, then forget both."""
        attempt, pending = kept.attempt, kept.coordinator.pending()
        waiting = finished and self._seconds_since_move(run) < LAST_CONFIRMATIONS_SECONDS
        if attempt is not None and waiting and not self._flare.is_over(attempt):
            problem = self._flare.problem(attempt, read_live(self._engine, run), pending) if pending else None
            if problem and problem.line:
                self._give_up(run, kept, attempt, problem)
            return
        if attempt is None and waiting and pending and not self._gone(kept):
            # The server restarted, or an institute died, between the last total and its confirmations.
            self._try(run, kept, kept.round)
            return
        if attempt is not None:
            self._flare.stop(attempt)
        notes.write_note(self._engine, run, "")
        self._kept.pop(run, None)
        self._over.add(run)

    def _seconds_since_move(self, run: str) -> float:
        """Since the run ended, or a part of its last total was sent after that."""
        ended = (self._engine / "runs" / run / "end.json").stat().st_mtime
        return time.time() - max(ended, read_live(self._engine, run).moved)


def _patience(kept: _Kept) -> float:
    """Seconds that an institute's worker has to write a permit: less where rounds are short."""
    return min(PERMIT_SECONDS, kept.coordinator.order.round_deadline_seconds / 2)
