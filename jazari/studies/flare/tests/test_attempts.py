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
from jazari.studies.flare.attempts import FlareJobs, Problem, retry_delay
from jazari.studies.flare.live import Live

BOTH = ("fes", "rabat")


class _Engine(ServerEngineSpec):
    """The engine's jobs and clients, with a store below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.job_def_manager = SimpleJobDefManager(str(folder / "jobs"), "job_store")
        self._store = FilesystemStorage(str(folder), "/")
        clients = {
            name: SimpleNamespace(name=name, token=f"token-{name}", last_connect_time=2e12) for name in ("fes", "rabat")
        }
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
    assert FlareJobs(engine).problem(attempt, Live(), BOTH) is None


def test_a_job_may_go_on_with_whom_it_reaches(engine) -> None:
    attempt = FlareJobs(engine).submit("run-1", ["fes", "rabat"], needs_all=False)
    with engine.new_context() as context:
        meta = engine.job_def_manager.get_job(attempt.job, context).meta
    assert (meta["mandatory_clients"], meta["min_clients"]) == ([], 1)
    assert meta["deploy_map"] == {"rounds": ["server", "fes", "rabat"]}


def test_a_new_session_of_an_institute_is_a_lost_process(engine) -> None:
    jobs = FlareJobs(engine)
    attempt = jobs.submit("run-1", ["fes", "rabat"])
    engine.client_manager.name_to_clients["fes"].token = "another"
    assert jobs.problem(attempt, Live(), BOTH) == Problem("lost fes", line=True)
    engine.client_manager.name_to_clients["rabat"].token = "a third"
    assert jobs.problem(attempt, Live(), BOTH) == Problem("lost fes, rabat", line=True)


def test_a_lost_institute_that_has_answered_or_is_out_or_is_still_away_ends_no_job(engine) -> None:
    jobs = FlareJobs(engine)
    attempt = jobs.submit("run-1", ["fes", "rabat"])
    _set(engine, attempt.job, RunStatus.RUNNING)
    engine.run_processes[attempt.job] = {}
    engine.client_manager.name_to_clients["fes"].token = "another"
    assert jobs.problem(attempt, Live(), ("rabat",)) is None
    del engine.client_manager.name_to_clients["fes"]
    assert jobs.problem(attempt, Live(), BOTH) is None


def test_nobody_who_is_at_work_is_interrupted_for_somebody_who_was_lost_or_is_back(engine) -> None:
    jobs = FlareJobs(engine)
    attempt = jobs.submit("run-1", ["rabat"])
    at_work = Live(attempt.job, 1, ("rabat",), ("rabat",), 0.0)
    assert jobs.problem(attempt, at_work, BOTH) is None
    assert jobs.problem(attempt, at_work, ("fes",)) == Problem("fes came back", line=True)
    assert jobs.problem(attempt, Live("another job", 1, ("rabat",), ("rabat",), 0.0), ("fes",)) is not None


def test_a_silent_institute_ends_a_job_only_when_nobody_else_is_at_work(engine) -> None:
    jobs = FlareJobs(engine)
    attempt = jobs.submit("run-1", ["fes", "rabat"])
    _set(engine, attempt.job, RunStatus.RUNNING)
    engine.run_processes[attempt.job] = {}
    long_ago = attempts.time.time() - attempt.patience - 1
    assert jobs.problem(attempt, Live(attempt.job, 2, BOTH, ("rabat",), long_ago), BOTH) is None
    silent = jobs.problem(attempt, Live(attempt.job, 2, BOTH, ("rabat",), long_ago), ("fes",))
    assert silent is not None
    assert (silent.line, "fes did not fetch round 2" in silent.sentence) == (True, True)
    attempt.patience *= 2
    assert jobs.problem(attempt, Live(attempt.job, 2, BOTH, ("rabat",), long_ago), ("fes",)) is None


def test_an_institute_that_is_cut_off_ends_no_job_and_gets_its_time_once_it_is_back(engine, monkeypatch) -> None:
    jobs, now = FlareJobs(engine), [5e9]
    monkeypatch.setattr(attempts.time, "time", lambda: now[0])
    attempt = jobs.submit("run-1", ["fes", "rabat"])
    _set(engine, attempt.job, RunStatus.RUNNING)
    engine.run_processes[attempt.job] = {}
    engine.client_manager.name_to_clients["fes"].last_connect_time = now[0]
    asked = Live(attempt.job, 2, BOTH, ("rabat",), now[0])
    now[0] += 3 * attempt.patience
    assert jobs.problem(attempt, asked, ("fes",)) is None
    engine.client_manager.name_to_clients["fes"].last_connect_time = 2e12
    now[0] += attempt.patience - 1
    assert jobs.problem(attempt, asked, ("fes",)) is None
    now[0] += 2
    assert jobs.problem(attempt, asked, ("fes",)) is not None


def test_a_job_that_cannot_reach_all_is_given_up(engine, monkeypatch) -> None:
    jobs, now = FlareJobs(engine), [1000.0]
    monkeypatch.setattr(attempts.time, "monotonic", lambda: now[0])
    attempt = jobs.submit("run-1", ["fes", "rabat"])
    attempt.started = now[0]
    assert jobs.problem(attempt, Live(), BOTH) is None
    now[0] += attempts.START_SECONDS + 1
    assert jobs.problem(attempt, Live(), BOTH) == Problem(
        "the job reached not all institutes", line=True, reached=False
    )


def test_a_job_that_waits_for_a_silent_institute_is_given_up_at_once(engine) -> None:
    jobs = FlareJobs(engine)
    attempt = jobs.submit("run-1", ["fes", "rabat"])
    engine.client_manager.name_to_clients["fes"].last_connect_time = attempts.time.time() - attempts.HEARD_SECONDS - 1
    problem = jobs.problem(attempt, Live(), BOTH)
    assert problem == Problem("the job reached not all institutes", line=True, reached=False)


def test_dead_and_stuck_jobs_are_seen(engine, monkeypatch) -> None:
    jobs, now = FlareJobs(engine), [1000.0]
    monkeypatch.setattr(attempts.time, "monotonic", lambda: now[0])
    attempt = jobs.submit("run-1", ["fes"])

    def problem(live: Live) -> Problem:
        return jobs.problem(attempt, live, ("fes",)) or Problem("none")

    _set(engine, attempt.job, RunStatus.DISPATCHED)
    assert problem(Live()).sentence == "none"
    now[0] += attempts.START_SECONDS + 1
    assert "did not start" in problem(Live()).sentence
    _set(engine, attempt.job, RunStatus.RUNNING)
    assert "process is gone" in problem(Live()).sentence
    engine.run_processes[attempt.job] = {}
    asked = Live(attempt.job, 2, ("fes",), (), attempts.time.time())
    assert problem(asked).sentence == "none"
    engine.exception_run_processes[attempt.job] = {}
    assert problem(asked) == Problem("a process of the job failed")
    _set(engine, attempt.job, RunStatus.FINISHED_ABNORMAL)
    assert "ended as FINISHED:ABNORMAL" in problem(asked).sentence


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
