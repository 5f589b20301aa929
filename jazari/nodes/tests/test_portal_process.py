"""``jazari serve`` with a portal: it starts, is started again, stops in its time, and says what is wrong."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest

from jazari.gateway.proxy.protocol import HEADER_SECONDS, BoundedProtocol
from jazari.nodes import portal
from jazari.nodes.supervision import PARTS, parts_of, specs
from jazari.nodes.tests.test_processes import wait_until
from jazari.nodes.tests.test_serve import start
from jazari.settings.home import Home, NodeConfig
from jazari.settings.process_state import read_state
from jazari.testing.live_network import free_port


def home(folder: Path, **settings: object) -> Home:
    values = {"role": "institute", "namespace": "rabat", "portal_port": free_port()} | settings
    return Home.create(folder / "home", NodeConfig(**values))  # type: ignore[arg-type]


def healthy(node: Home) -> bool:
    try:
        return httpx.get(f"http://localhost:{node.config.portal_port}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def pid(node: Home) -> int | None:
    found: int | None = read_state(node).get("processes", {}).get("portal", {}).get("pid")
    return found


def test_a_node_has_the_part_if_it_has_the_port(tmp_path: Path) -> None:
    assert parts_of(home(tmp_path)) == (*PARTS, "portal")
    assert parts_of(home(tmp_path / "other", portal_port=0)) == PARTS


def test_it_ends_its_pages_before_it_would_be_killed(tmp_path: Path) -> None:
    (spec,) = specs(home(tmp_path), ["portal"], {})
    assert spec.stop_seconds > portal.STOP_SECONDS


@pytest.mark.usefixtures("portal")
def test_its_server_gives_strangers_a_short_time(settings: object) -> None:
    node: Home = settings.HOME  # type: ignore[attr-defined]
    protocol = portal.create_server(node).config.http_protocol_class
    assert issubclass(protocol, BoundedProtocol)
    assert protocol.header_seconds == HEADER_SECONDS <= 10


def test_a_portal_that_would_carry_passwords_in_clear_does_not_start(tmp_path: Path) -> None:
    node = home(tmp_path, portal_host="0.0.0.0")
    process = start(node, "--json")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"passwords in clear" in said
    assert not (node.run / "portal.log").exists()


def test_it_serves_comes_back_when_killed_and_stops_when_told(tmp_path: Path) -> None:
    node = home(tmp_path)
    process = start(node, "--only", "portal")
    try:
        wait_until(lambda: healthy(node), 60)
        page = httpx.get(f"http://localhost:{node.config.portal_port}/", trust_env=False)
        assert page.status_code == 200
        assert "rabat" in page.text
        before = pid(node)
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: pid(node) not in (None, before), 30)
        wait_until(lambda: healthy(node), 60)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
        assert read_state(node) == {}
    finally:
        process.kill()
        process.wait()
