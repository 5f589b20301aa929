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

START_SECONDS = 30.0
FETCH_SECONDS = 15.0
KEPT_JOBS = 20
_REFUSAL = re.compile(r"\b([a-z][a-z0-9-]{1,39}): ?(studies\.[a-z][a-z-]{1,60})")
_GOING = {RunStatus.SUBMITTED.value, RunStatus.APPROVED.value, RunStatus.DISPATCHED.value, RunStatus.RUNNING.value}
_OVER = [status for status in RunStatus if status.value not in _GOING]
_log = logging.getLogger("jazari.engine.keeper")


@dataclass
class Attempt:
    """One job of a run. ``tokens`` are the sites' sessions when it was submitted: a new one is a new process."""

    job: str
    tokens: dict[str, str]
    started: float = field(default_factory=time.monotonic)
    running_since: float = 0.0


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

    def submit(self, run: str, participants: Sequence[str]) -> Attempt:
        """Hand FLARE a job for ``run``, to be deployed at the server and exactly these institutes."""
        meta = jobs.describe(run, participants)
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

    def problem(self, attempt: Attempt, live: Live) -> str:
        """Why the job is dead or stuck; empty while it may be working."""
        lost = sorted(name for name, token in attempt.tokens.items() if self.token(name) != token)
        if lost:
            return f"lost {', '.join(lost)}"
        status = self._meta(attempt).get(JobMetaKey.STATUS.value)
        if status not in _GOING:
            return f"the job ended as {status}"
        if status in (RunStatus.SUBMITTED.value, RunStatus.APPROVED.value):
            return ""
        attempt.running_since = attempt.running_since or time.monotonic()
        return self._stall(attempt, live, status == RunStatus.RUNNING.value)

    def _stall(self, attempt: Attempt, live: Live, running: bool) -> str:
        if attempt.job in self._engine.exception_run_processes:
            return "a process of the job failed"
        if running and attempt.job not in self._engine.run_processes:
            return "the server's job process is gone"
        if live.job != attempt.job:
            late = time.monotonic() - attempt.running_since > START_SECONDS
            return f"the job did not start within {START_SECONDS:.0f} s" if late else ""
        silent = sorted(set(live.asked) - set(live.fetched))
        if silent and time.time() - live.since > FETCH_SECONDS:
            return f"{', '.join(silent)} did not fetch round {live.round} within {FETCH_SECONDS:.0f} s"
        return ""

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
