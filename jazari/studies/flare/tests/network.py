"""A real engine network on loopback: homes, keys, pins, and FLARE processes on a free port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from jazari.studies.engine import EngineStatus
from jazari.studies.flare import kit, pins, pki, processes
from jazari.studies.flare.engine import FlareEngine

SERVER = "server"
STARTS_SECONDS = 40.0
_REPOSITORY = str(Path(__file__).parents[4])


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], seconds: float = STARTS_SECONDS, what: str = "it") -> None:
    """Wait for ``condition``; fails the test after ``seconds``, which is far more than it takes."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


class EngineNetwork:
    """A Root and institutes, each with a home folder below ``base``; nothing runs until ``start``.

    ``places`` names the network namespace of each node that is not in this one; the Root listens on ``host``.
    """

    def __init__(
        self, base: Path, names: list[str], host: str = "127.0.0.1", places: Mapping[str, str] | None = None
    ) -> None:
        self.base, self.names, self.port, self.host = base, names, free_port(), host
        self.places = dict(places or {})
        self.ca, self.ca_key = pki.create_ca("test network")
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._certificates: dict[str, bytes] = {}
        certificate, key = pki.create_server(self.ca, self.ca_key, [host])
        self._server = certificate
        self.home(SERVER).mkdir(parents=True)
        server = kit.ServerKit(self.ca, certificate, key, host, self.port)
        kit.write_server_kit(self.engine_folder(SERVER), server)
        for name in names:
            self.enrol(name)
        self.publish_directory()
        self.engine = FlareEngine(self.home(SERVER))

    def home(self, name: str) -> Path:
        """The home folder of the Root (``server``) or an institute."""
        return self.base / name

    def engine_folder(self, name: str) -> Path:
        """The ``engine/`` folder of a node."""
        return self.home(name) / "engine"

    def enrol(self, name: str, port: int | None = None, named: bool = True) -> None:
        """Give ``name`` a certificate and a kit; ``named`` says whether the directory will name it."""
        request, key = pki.create_request(name)
        certificate = pki.issue(self.ca, self.ca_key, request, name)
        if named:
            self._certificates[name] = certificate
        site = kit.SiteKit(self.ca, certificate, key, name, self.host, port or self.port)
        kit.write_site_kit(self.engine_folder(name), site)

    def publish_directory(self) -> None:
        """Write the pins of the directory at every node, as each node's worker does."""
        found = pins.pins_from(self.ca, self._server, self._certificates)
        for home in self.base.iterdir():
            pins.write_pins(home / "engine", found)

    def start(self, name: str, module: str = processes.MODULE, *arguments: str) -> None:
        """Start a node's engine process, or ``module`` in its place."""
        home = self.home(name)
        command = processes.server_command(home) if name == SERVER else processes.site_command(home)
        inside = ["ip", "netns", "exec", self.places[name]] if name in self.places else []
        argv = [*inside, *command.argv[:2], module, *command.argv[3:], *arguments]
        environment = {**command.env, "PYTHONPATH": _REPOSITORY}
        with (home / "output.txt").open("ab") as output:
            self.running[name] = subprocess.Popen(argv, env=environment, stdout=output, stderr=output)

    def start_all(self) -> None:
        """Start the Root and every institute."""
        for name in (SERVER, *self.names):
            self.start(name)

    def kill(self, name: str) -> None:
        """``kill -9`` of a node's engine process, and wait for its end."""
        self.running[name].kill()
        self.running.pop(name).wait()

    def is_connected(self, name: str) -> bool:
        """Whether an institute's engine process holds a connection to the Root (or a relay in front of it)."""
        if name not in self.running:
            return False
        if name in self.places:
            return bool(_established(self.running[name].pid) & self.ports(name))
        found = psutil.Process(self.running[name].pid).net_connections("tcp")
        return any(c.status == psutil.CONN_ESTABLISHED and c.raddr.port in self.ports(name) for c in found if c.raddr)

    def ports(self, name: str) -> set[int]:
        """Where an institute's kit dials."""
        service = json.loads((self.engine_folder(name) / "kit/startup/fed_client.json").read_bytes())
        return {int(service["servers"][0]["service"]["target"].rpartition(":")[2])}

    def job_processes(self, name: str) -> list[psutil.Process]:
        """The processes that a node's engine process started for jobs."""
        if name not in self.running:
            return []
        return [child for child in psutil.Process(self.running[name].pid).children() if child.is_running()]

    def stop(self) -> None:
        """End everything; job processes follow their parents."""
        children = [child for name in self.running for child in self.job_processes(name)]
        for found in self.running.values():
            found.send_signal(signal.SIGCONT)
            found.kill()
            found.wait()
        self.running.clear()
        psutil.wait_procs(children, timeout=10)
        for child in children:
            if child.is_running():
                child.kill()

    def wait_for_end(self, run: str, seconds: float = 90.0) -> EngineStatus:
        """The final status of ``run``."""
        until(lambda: self.engine.status(run).ended, seconds, f"the end of {run}")
        return self.engine.status(run)

    def log(self, name: str) -> str:
        """What a node's engine process logged, for assertions on refusals."""
        found = [self.home(name) / "output.txt", self.engine_folder(name) / "kit" / "log.txt"]
        return "".join(path.read_text(errors="replace") for path in found if path.exists())


def _established(pid: int) -> set[int]:
    """The far ports of open TCP connections in the namespace of a process."""
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(words[2].rpartition(":")[2], 16) for words in lines if words[3] == "01"}


def survivors(pids: list[int]) -> list[int]:
    """Which of ``pids`` still run."""
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def signal_process(pid: int, number: int) -> None:
    """Send a signal; harmless if the process has ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
