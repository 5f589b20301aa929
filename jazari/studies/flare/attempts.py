"""FLARE's jobs as the keeper sees them: submit one, ask how it is, stop it. All private FLARE calls are here."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nvflare.apis.job_def import JobMetaKey, RunStatus

from jazari.studies.flare import jobs
from jazari.studies.flare.live import Live

START_SECONDS = 60.0
FETCH_SECONDS = 25.0
"""Half of it passes on a line of 500 ms that loses one packet in twenty before a job's process asks for work."""
LONGEST_FETCH_SECONDS = 200.0
HEARD_SECONDS = 15.0
"""A heart beats every 2 s (``kit``), and may wait behind a part of a message or for TCP to send a packet again."""
KEPT_JOBS = 20
_REFUSAL = re.compile(r"\b([a-z][a-z0-9-]{1,39}): ?(studies\.[a-z][a-z-]{1,60})")
_GOING = {RunStatus.SUBMITTED.value, RunStatus.APPROVED.value, RunStatus.DISPATCHED.value, RunStatus.RUNNING.value}
_OVER = [status for status in RunStatus if status.value not in _GOING]
_log = logging.getLogger("jazari.engine.keeper")


@dataclass
class Attempt:
    """One job of a run. ``tokens`` are the sites' sessions when it was submitted: a new one is a new process.

    ``patience`` is how long a site that is heard of may take to fetch its request, in seconds; ``unheard``: when
    each was last out of reach (seconds, epoch).
    """

    job: str
    tokens: dict[str, str]
    patience: float = FETCH_SECONDS
    started: float = field(default_factory=time.monotonic)
    running_since: float = 0.0
    unheard: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Why a job will get no further. ``line``: because of one institute's line or power, which is no fault of the job.

    ``reached``: whether the job got to all of its institutes.
    """

    sentence: str
    line: bool = False
    reached: bool = True


def retry_delay(attempts: int) -> float:
    """Seconds to wait before the next attempt, after ``attempts`` in the same round: 0.5 to 8."""
    return float(min(0.5 * 2 ** max(attempts - 1, 0), 8.0))


class FlareJobs:
    """The server engine of FLARE 2.9, narrowed to what keeping a run needs."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def token(self, namespace: str) -> str:
        """The session of a connected institute; empty if it is not connected."""
        client = self._engine.client_manager.name_to_clients.get(namespace)
        return str(client.token) if client is not None and client.token else ""

    def is_heard(self, namespace: str) -> bool:
        """Whether an institute has a session and was in touch within the last seconds, which sessions outlive."""
        client = self._engine.client_manager.name_to_clients.get(namespace)
        return client is not None and time.time() - float(client.last_connect_time) < HEARD_SECONDS

    def submit(self, run: str, participants: Sequence[str], needs_all: bool = True) -> Attempt:
        """Hand FLARE a job for ``run``, to be deployed at the server and these institutes (or whom it reaches)."""
        meta = jobs.describe(run, participants, needs_all)
        tokens = {name: self.token(name) for name in participants}
        with self._engine.new_context() as fl_ctx:
            self._engine.job_def_manager.create(meta, jobs.archive(), fl_ctx)
        return Attempt(str(meta["job_id"]), tokens)

    def refusals(self, attempt: Attempt) -> dict[str, str]:
        """Institutes that refused this job, with their code."""
        meta = self._meta(attempt)
        history = meta.get(JobMetaKey.SCHEDULE_HISTORY.value) or []
        deployed = meta.get(JobMetaKey.JOB_DEPLOY_DETAIL.value) or []
        said = " ; ".join(str(line) for line in [*history[-1:], *deployed])
        return {name: code for name, code in _REFUSAL.findall(said) if name in attempt.tokens}

    def is_over(self, attempt: Attempt) -> bool:
        """Whether the job has no process at the server any more, and FLARE will not start one."""
        status = self._meta(attempt).get(JobMetaKey.STATUS.value)
        return attempt.job not in self._engine.run_processes and status not in _GOING

    def problem(self, attempt: Attempt, live: Live, awaited: Sequence[str]) -> Problem | None:
        """Why the job is dead or stuck; None while it may be working. ``awaited``: whose answers are due now.

        While one of these is at work, the absence of others is none: half-done work is not thrown away for them.
        """
        status = self._meta(attempt).get(JobMetaKey.STATUS.value)
        if status not in _GOING:
            return Problem(f"the job ended as {status}", reached=False)
        if status not in (RunStatus.SUBMITTED.value, RunStatus.APPROVED.value):
            attempt.running_since = attempt.running_since or time.monotonic()
        running = status == RunStatus.RUNNING.value
        return self._absence(attempt, live, awaited) or self._stall(attempt, live, running)

    def _absence(self, attempt: Attempt, live: Live, awaited: Sequence[str]) -> Problem | None:
        # A session that is over without a new one means a long cut: nothing can be done before it is back.
        now = {name: self.token(name) for name in awaited}
        lost = [name for name in awaited if now[name] and attempt.tokens.get(name, now[name]) != now[name]]
        back = [name for name in awaited if now[name] and name not in attempt.tokens]
        mine = live.job == attempt.job
        if mine and set(awaited) & set(live.fetched) - set(lost):
            return None
        if lost or back:
            return Problem(f"lost {', '.join(lost)}" if lost else f"{', '.join(back)} came back", line=True)
        silent = self._silent(attempt, live, awaited) if mine else []
        what = f"{', '.join(silent)} did not fetch round {live.round} within {attempt.patience:.0f} s"
        return Problem(what, line=True) if silent else None

    def _silent(self, attempt: Attempt, live: Live, awaited: Sequence[str]) -> list[str]:
        """Those in touch whose job does not ask for work: it never started, or died. A cut is not held against it."""
        now = time.time()
        attempt.unheard |= {name: now for name in awaited if not self.is_heard(name)}
        asked = [name for name in awaited if name in live.asked and name not in live.fetched]
        return [n for n in asked if now - max(live.since, attempt.unheard.get(n, 0.0)) > attempt.patience]

    def _stall(self, attempt: Attempt, live: Live, running: bool) -> Problem | None:
        if attempt.job in self._engine.exception_run_processes:
            return Problem("a process of the job failed")
        if running and attempt.job not in self._engine.run_processes:
            return Problem("the server's job process is gone")
        if live.job == attempt.job:
            return None
        if not attempt.running_since:
            hopeless = not all(self.is_heard(name) for name in attempt.tokens)
            late = hopeless or time.monotonic() - attempt.started > START_SECONDS
            return Problem("the job reached not all institutes", line=True, reached=False) if late else None
        late = time.monotonic() - attempt.running_since > START_SECONDS
        return Problem(f"the job did not start within {START_SECONDS:.0f} s", reached=False) if late else None

    def stop(self, attempt: Attempt) -> None:
        """End the job everywhere and drop it from FLARE's store. Returns at once."""
        threading.Thread(target=self._stop, args=(attempt.job,), name="stop-job", daemon=True).start()

    def _stop(self, job: str) -> None:
        try:
            with self._engine.new_context() as fl_ctx:
                manager = self._engine.job_def_manager
                # First in the store, so that the scheduler does not start what has not started yet.
                if self._status(job, fl_ctx) in (RunStatus.SUBMITTED.value, RunStatus.APPROVED.value):
                    manager.set_status(job, RunStatus.FINISHED_ABORTED, fl_ctx)
                self._engine.job_runner.stop_run(job, fl_ctx)
        except Exception:
            _log.exception("Job %s could not be stopped", job)

    def tidy(self) -> None:
        """Delete all but the last few finished jobs from FLARE's store: a run's record is not there."""
        with self._engine.new_context() as fl_ctx:
            manager = self._engine.job_def_manager
            over = manager.get_jobs_by_status(_OVER, fl_ctx)
            over.sort(key=lambda job: job.meta.get(JobMetaKey.SUBMIT_TIME.value, 0.0))
            for job in over[:-KEPT_JOBS]:
                manager.delete(job.job_id, fl_ctx)

    def _meta(self, attempt: Attempt) -> dict[str, Any]:
        with self._engine.new_context() as fl_ctx:
            job = self._engine.job_def_manager.get_job(attempt.job, fl_ctx)
        return dict(job.meta) if job is not None else {}

    def _status(self, job: str, fl_ctx: Any) -> str:
        found = self._engine.job_def_manager.get_job(job, fl_ctx)
        return str(found.meta.get(JobMetaKey.STATUS.value)) if found is not None else ""
