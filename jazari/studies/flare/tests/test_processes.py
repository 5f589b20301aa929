"""Engine processes end with whoever started them, take their jobs along, and start clean."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap

import psutil
import pytest

from jazari.studies.flare import kit, process, processes, watch
from jazari.studies.flare.tests import study
from jazari.studies.flare.tests.network import SERVER, EngineNetwork, survivors, until

OLD_JOB = "22222222-2222-4222-8222-222222222222"


def _supervised(network: EngineNetwork) -> subprocess.Popen[bytes]:
    """A process that starts the Root's engine and rabat's, and waits."""
    script = f"""
        import subprocess, sys
        from pathlib import Path
        from jazari.studies.flare import processes
        for command in (processes.server_command(Path({str(network.home(SERVER))!r})),
                        processes.site_command(Path({str(network.home("rabat"))!r}))):
            subprocess.Popen(command.argv, env=dict(command.env))
        sys.stdin.read()
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_nothing_survives_the_supervisor(tmp_path, number) -> None:
    network = EngineNetwork(tmp_path, ["rabat"])
    supervisor = _supervised(network)
    started = psutil.Process(supervisor.pid)
    try:
        network.engine.start(study.prepare(network, "orphan"))
        until(lambda: len(started.children(recursive=True)) >= 4, what="two engines and two jobs")
        everybody = [child.pid for child in started.children(recursive=True)]
        supervisor.send_signal(number)
        supervisor.wait()
        until(lambda: not survivors(everybody), 15, "the end of all")
    finally:
        supervisor.kill()
        supervisor.communicate()


def test_a_process_whose_starter_is_gone_before_it_looks_ends_at_once(tmp_path) -> None:
    network = EngineNetwork(tmp_path, ["rabat"])
    command = processes.site_command(network.home("rabat"))
    gone = {**command.env, processes.STARTER: "1234567"}
    assert subprocess.run(command.argv, env=gone, timeout=30, check=False).returncode == 0


def test_a_process_that_replaced_its_starter_lives_on(tmp_path) -> None:
    network = EngineNetwork(tmp_path, ["rabat"])
    script = f"""
        import os
        from pathlib import Path
        from jazari.studies.flare import processes
        command = processes.server_command(Path({str(network.home(SERVER))!r}))
        os.execve(command.argv[0], list(command.argv), dict(command.env))
    """
    replaced = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    try:
        until(lambda: _listens(network.port) or replaced.poll() is not None, what="listening")
        assert replaced.poll() is None
    finally:
        replaced.kill()
        replaced.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_a_job_ends_with_its_engine_process(idle: EngineNetwork) -> None:
    idle.start_all()
    idle.engine.start(study.prepare(idle, "short"))
    until(lambda: idle.job_processes("rabat") and idle.job_processes(SERVER), what="jobs")
    orphans = [found.pid for name in ("rabat", SERVER) for found in idle.job_processes(name)]
    idle.kill("rabat")
    idle.kill(SERVER)
    until(lambda: not survivors(orphans), 10, "the jobs' end")


def test_a_start_forgets_the_jobs_of_an_earlier_life(tmp_path) -> None:
    network = EngineNetwork(tmp_path, ["rabat"])
    workspace = kit.kit_folder(network.engine_folder(SERVER))
    for folder in ("jobs/abc", "snapshots/x", OLD_JOB):
        (workspace / folder).mkdir(parents=True)
    (workspace / "disabled_clients.json").write_text("{}")
    process._forget_jobs(network.engine_folder(SERVER))
    assert sorted(path.name for path in workspace.iterdir()) == ["local", "startup"]


def test_old_job_folders_are_tidied_away_but_for_the_last(tmp_path) -> None:
    network = EngineNetwork(tmp_path, ["rabat"])
    workspace = kit.kit_folder(network.engine_folder("rabat"))
    names = [f"{number:08x}-2222-4222-8222-222222222222" for number in range(15)]
    for name in names:
        (workspace / name).mkdir()
    watch.tidy(network.engine_folder("rabat"))
    assert len(process.job_folders(workspace)) == watch.KEPT_FOLDERS
    assert (workspace / "startup").is_dir()


class _Client:
    """The two calls of FLARE's client engine that the watch makes."""

    def __init__(self) -> None:
        self.jobs = ["one", "two"]
        self.ended: list[str] = []

    def get_all_job_ids(self) -> list[str]:
        return self.jobs

    def abort_app(self, job: str) -> None:
        self.ended.append(job)


def test_jobs_end_when_the_root_is_out_of_reach_for_long(tmp_path) -> None:
    network, client, connected = EngineNetwork(tmp_path, ["rabat"]), _Client(), [True]
    looking = watch.Watch(network.engine_folder("rabat"), client, lambda: connected[0])
    looking.look(1000.0)
    connected[0] = False
    looking.look(1000.0 + watch.CUT_OFF_SECONDS)
    assert client.ended == []
    looking.look(1000.1 + watch.CUT_OFF_SECONDS)
    assert client.ended == ["one", "two"]


def test_jobs_end_at_once_when_access_has_ended(tmp_path) -> None:
    network, client = EngineNetwork(tmp_path, ["rabat"]), _Client()
    looking = watch.Watch(network.engine_folder("rabat"), client, lambda: True)
    looking.look(1000.0)
    assert client.ended == []
    from jazari.studies.flare import pins

    pins.revoke(network.engine_folder("rabat"), "rabat")
    looking.look(1000.1)
    assert client.ended == ["one", "two"]
