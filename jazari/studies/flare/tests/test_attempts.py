"""What the keeper asks of FLARE's job store: the real store, without a server around it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nvflare.apis.fl_context import FLContext
from nvflare.apis.impl.job_def_manager import SimpleJobDefManager
from nvflare.apis.job_def import RunStatus
from nvflare.apis.server_engine_spec import ServerEngineSpec
from nvflare.app_common.storages.filesystem_storage import FilesystemStorage

from jazari.studies.flare import attempts
from jazari.studies.flare.attempts import FlareJobs, retry_delay
from jazari.studies.flare.live import Live


class _Engine(ServerEngineSpec):
    """The engine's jobs and clients, with a store below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.job_def_manager = SimpleJobDefManager(str(folder / "jobs"), "job_store")
        self._store = FilesystemStorage(str(folder), "/")
        clients = {name: SimpleNamespace(name=name, token=f"token-{name}") for name in ("fes", "rabat")}
        self.client_manager = SimpleNamespace(name_to_clients=clients)
        self.run_processes: dict[str, Any] = {}
        self.exception_run_processes: dict[str, Any] = {}

    @contextmanager
    def new_context(self):  # type: ignore[no-untyped-def]
        context = FLContext()
        context.put("__engine__", self, True, False)
        context.get_engine = lambda: self  # type: ignore[method-assign]
        yield context

    def get_component(self, component_id: str) -> object:
        return self._store


_Engine.__abstractmethods__ = frozenset()


@pytest.fixture
def engine(tmp_path: Path) -> _Engine:
    return _Engine(tmp_path)


def _set(engine: _Engine, job: str, status: RunStatus, **more: Any) -> None:
    with engine.new_context() as context:
        engine.job_def_manager.set_status(job, status, context)
        if more:
            engine.job_def_manager.update_meta(job, more, context)


def test_a_job_names_its_run_and_exactly_its_institutes(engine) -> None:
    attempt = FlareJobs(engine).submit("run-1", ["fes", "rabat"])
    assert attempt.tokens == {"fes": "token-fes", "rabat": "token-rabat"}
    with engine.new_context() as context:
        meta = engine.job_def_manager.get_job(attempt.job, context).meta
    assert meta["custom_props"] == {"run": "run-1"}
    assert meta["deploy_map"] == {"rounds": ["server", "fes", "rabat"]}
    assert meta["mandatory_clients"] == ["fes", "rabat"]
    assert FlareJobs(engine).problem(attempt, Live()) == ""


def test_a_new_session_of_an_institute_is_a_lost_process(engine) -> None:
    jobs = FlareJobs(engine)
    attempt = jobs.submit("run-1", ["fes", "rabat"])
    engine.client_manager.name_to_clients["fes"].token = "another"
    assert jobs.problem(attempt, Live()) == "lost fes"
    del engine.client_manager.name_to_clients["rabat"]
    assert jobs.problem(attempt, Live()) == "lost fes, rabat"


def test_dead_and_stuck_jobs_are_seen(engine, monkeypatch) -> None:
    jobs, now = FlareJobs(engine), [1000.0]
    monkeypatch.setattr(attempts.time, "monotonic", lambda: now[0])
    attempt = jobs.submit("run-1", ["fes"])
    _set(engine, attempt.job, RunStatus.DISPATCHED)
    assert jobs.problem(attempt, Live()) == ""
    now[0] += attempts.START_SECONDS + 1
    assert "did not start" in jobs.problem(attempt, Live())
    _set(engine, attempt.job, RunStatus.RUNNING)
    assert "process is gone" in jobs.problem(attempt, Live())
    engine.run_processes[attempt.job] = {}
    asked = Live(attempt.job, 2, ("fes",), (), attempts.time.time() - attempts.FETCH_SECONDS - 1)
    assert "fes did not fetch round 2" in jobs.problem(attempt, asked)
    fetched = Live(attempt.job, 2, ("fes",), ("fes",), asked.since)
    assert jobs.problem(attempt, fetched) == ""
    engine.exception_run_processes[attempt.job] = {}
    assert jobs.problem(attempt, fetched) == "a process of the job failed"
    _set(engine, attempt.job, RunStatus.FINISHED_ABNORMAL)
    assert "ended as FINISHED:ABNORMAL" in jobs.problem(attempt, fetched)


def test_refusals_are_read_from_what_institutes_replied(engine) -> None:
    jobs = FlareJobs(engine)
    attempt = jobs.submit("run-1", ["fes", "rabat"])
    assert jobs.refusals(attempt) == {}
    _set(engine, attempt.job, RunStatus.SUBMITTED, schedule_history=["old: fes: studies.bad-permit", "x: ok"])
    assert jobs.refusals(attempt) == {}
    said = "not enough sites. Details: fes: studies.no-permit; oujda: studies.no-permit; rabat: hello"
    _set(engine, attempt.job, RunStatus.SUBMITTED, schedule_history=[said])
    assert jobs.refusals(attempt) == {"fes": "studies.no-permit"}
    _set(engine, attempt.job, RunStatus.FAILED_TO_RUN, job_deploy_detail=["server: OK", "rabat: studies.bad-message"])
    assert jobs.refusals(attempt) == {"fes": "studies.no-permit", "rabat": "studies.bad-message"}


def test_old_jobs_leave_the_store_and_running_ones_stay(engine, monkeypatch) -> None:
    jobs = FlareJobs(engine)
    monkeypatch.setattr(attempts, "KEPT_JOBS", 2)
    ended = [jobs.submit(f"run-{number}", ["fes"]).job for number in range(5)]
    for job in ended:
        _set(engine, job, RunStatus.FINISHED_COMPLETED)
    running = jobs.submit("run-9", ["fes"]).job
    _set(engine, running, RunStatus.RUNNING)
    jobs.tidy()
    with engine.new_context() as context:
        left = {job.job_id for job in engine.job_def_manager.get_all_jobs(context)}
    assert left == {*ended[-2:], running}


def test_attempts_come_slower_and_slower_but_not_too_slow() -> None:
    delays = [retry_delay(number) for number in range(12)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (0.5, 8.0)
