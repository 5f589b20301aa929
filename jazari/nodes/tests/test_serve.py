"""``jazari serve`` with real processes: killed children come back, SIGTERM ends all, one home is one node."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.federation.client import RootClient
from jazari.federation.errors import RootUnreachable
from jazari.nodes.tests.test_processes import wait_until
from jazari.settings.home import Home, NodeConfig
from jazari.settings.process_state import birth, read_duties, read_state
from jazari.testing.live_network import LiveNetwork, free_port
from jazari.trust.http_source import pinned_tls


@dataclass
class Served:
    """A node that serves, in processes of its own."""

    home: Home
    process: subprocess.Popen[bytes]

    def pid(self, part: str) -> int | None:
        found: dict[str, Any] = read_state(self.home).get("processes", {})
        return found.get(part, {}).get("pid")

    def healthy(self) -> bool:
        verify = pinned_tls(self.home.tls_certificate.read_text())
        try:
            with httpx.Client(verify=verify, timeout=5.0, trust_env=False) as http:
                return http.get(f"https://127.0.0.1:{self.home.config.port}/healthz").status_code == 200
        except httpx.TransportError:
            return False


def start(home: Home, *words: str) -> subprocess.Popen[bytes]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("JAZARI", "DJANGO", "DATABASE"))}
    return subprocess.Popen(
        [sys.executable, "-m", "jazari.nodes.main", "serve", "--home", str(home.path), *words],
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def served(network: LiveNetwork) -> Iterator[Served]:
    """The Root of the network, web and worker."""
    home = network.root
    home.database.unlink(missing_ok=True)
    process = start(home, "--only", "web", "--only", "worker")
    node = Served(home, process)
    try:
        wait_until(lambda: node.healthy() and node.pid("worker"), 60)
        yield node
    finally:
        process.kill()
        process.wait()
        wait_until(lambda: not _marked(home), 30)


def _marked(home: Home) -> list[int]:
    mark = f"JAZARI_SUPERVISED={home.path}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_node_serves_restarts_what_dies_and_stops_when_told(served: Served) -> None:
    for part in ("web", "worker"):
        before = served.pid(part)
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_until(lambda part=part, before=before: served.pid(part) not in (None, before), 30)
    # The listening socket is the supervisor's: this connection waits while the new web server starts.
    assert served.healthy()

    again = start(served.home)
    _, said = again.communicate(timeout=30)
    assert again.returncode == 6
    assert b"Another node is serving from" in said

    wait_until(lambda: (read_duties(served.home).get("sync") or {}).get("runs"), 30)
    assert not any(duty["problem"] for duty in read_duties(served.home).values())

    children = _marked(served.home)
    assert len(children) >= 2
    served.process.send_signal(signal.SIGTERM)
    said, _ = served.process.communicate(timeout=30)
    assert served.process.returncode == 0
    assert b"is ready at https://" in said
    assert said.rstrip().endswith(b"has stopped.")
    wait_until(lambda: not any(birth(pid) for pid in children), 10)
    assert read_state(served.home) == {}


def test_a_supervisor_that_is_killed_leaves_nobody_behind(served: Served) -> None:
    children = _marked(served.home)
    served.process.kill()
    served.process.wait()
    wait_until(lambda: not any(birth(pid) for pid in children), 30)


def test_leftovers_are_ended_by_the_next_start(tmp_path: Path) -> None:
    from jazari.nodes.supervision import MARK, end_leftovers

    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="fes"))
    stray = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={MARK: str(home.path)})
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={MARK: f"{home.path}-other"})
    try:
        wait_until(lambda: stray.pid in _marked(home))
        assert end_leftovers(home) == [stray.pid]
        assert stray.wait(10) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (stray, other):
            process.kill()
            process.wait()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        yield int(somebody.getsockname()[1])


@pytest.mark.parametrize("setting", ["port", "engine_port"])
def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path, taken: int, setting: str) -> None:
    ports = {"port": free_port(), "engine_port": free_port()} | {setting: taken}
    config = NodeConfig(role="root", namespace="network", network="x", root_url="https://127.0.0.1", **ports)
    home = Home.create(tmp_path / "home", config)
    process = start(home, "--json")
    said, _ = process.communicate(timeout=30)
    document = json.loads(said)
    assert process.returncode == 6
    assert document["error"]["code"] == "nodes.port-taken"
    assert f"127.0.0.1:{taken}" in document["error"]["message"]
    assert not (home.run / "web.log").exists()


def test_an_address_that_is_not_ours_is_said(tmp_path: Path) -> None:
    config = NodeConfig(role="institute", namespace="fes", host="203.0.113.1", port=free_port())
    process = start(Home.create(tmp_path / "home", config))
    _, said = process.communicate(timeout=30)
    assert process.returncode == 6
    assert b"203.0.113.1" in said


def test_a_web_server_without_certificate_says_what_to_restore(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="fes", port=free_port()))
    done = subprocess.run(
        [sys.executable, "-m", "jazari.nodes.web", str(home.path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "restore keys/tls" in done.stderr


@pytest.mark.slow
def test_institutes_come_and_go_and_the_root_notices(network: LiveNetwork) -> None:
    network.root.database.unlink(missing_ok=True)
    nodes = {name: start(home, "--only", "web", "--only", "worker") for name, home in _all(network).items()}
    try:
        with network.client("fes") as client:
            wait_until(lambda: _online(client) == {"dakhla": True, "fes": True}, 60)
            nodes["dakhla"].send_signal(signal.SIGKILL)
            nodes["dakhla"].wait()
            wait_until(lambda: not _online(client)["dakhla"], 60)
            nodes["dakhla"] = start(network.institutes["dakhla"], "--only", "worker")
            wait_until(lambda: _online(client)["dakhla"], 60)
    finally:
        for process in nodes.values():
            process.terminate()
        for process in nodes.values():
            process.wait(30)


def _all(network: LiveNetwork) -> dict[str, Home]:
    return {"root": network.root, **network.institutes}


def _online(client: RootClient) -> dict[str, bool]:
    try:
        return {row["namespace"]: row["online"] for row in client.status()["institutes"]}
    except RootUnreachable:
        return {"dakhla": True}  # the Root is still starting
