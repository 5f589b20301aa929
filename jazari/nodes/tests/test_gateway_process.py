"""``jazari serve`` with a gateway: real processes that are stopped, killed and asked while they cannot do it all."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import psutil
import pytest

from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.embedded import store
from jazari.gateway.listening import FILE, read_place
from jazari.gateway.proxy.live import Live
from jazari.gateway.proxy.protocol import HEADER_SECONDS, BoundedProtocol
from jazari.nodes import gateway
from jazari.nodes.processes import ProcessSpec
from jazari.nodes.supervision import PARTS, STOP_SECONDS, Supervisor, parts_of, specs
from jazari.nodes.tests.gateway_home import PROJECT, GatewayHome, make
from jazari.nodes.tests.test_processes import wait_until
from jazari.nodes.tests.test_serve import start
from jazari.settings.home import Home, NodeConfig
from jazari.settings.process_state import read_state
from jazari.testing.commands import Commands
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.wire import Behaviour
from jazari.testing.small_model import require_small_model

MESSAGES: Any = [{"role": "user", "content": "Who built water clocks?"}]
START_SECONDS = 30
CAMPUS = """
[provider.campus]
card = "rabat/provider/campus@1"
protocol = "openai"
address = "{address}"
private_address = true
"""
EMBEDDED = """
[provider.embedded]
card = "rabat/provider/embedded@1"
protocol = "embedded"
threads = 1
"""
ROUTE = """
[route.chat]
kind = "chat"
targets = [{targets}]
most_output_tokens = 50
price = {{ input = 1, output = 2 }}
"""
TO_CAMPUS = '{ provider = "campus", model = "stand-in" }'
TO_EMBEDDED = '{ provider = "embedded", model = "small" }'


class Node:
    """``jazari serve --only gateway`` on one home."""

    def __init__(self, made: GatewayHome, process: subprocess.Popen[bytes]) -> None:
        self.made, self.process = made, process

    def pid(self) -> int | None:
        """The gateway's process; None while there is none."""
        found: int | None = read_state(self.made.home).get("processes", {}).get("gateway", {}).get("pid")
        return found

    def get(self, path: str) -> Any:
        """The JSON at ``path``; empty where nobody answers."""
        try:
            answer = httpx.get(f"{self.made.root_url}{path}", timeout=30, trust_env=False)
        except httpx.TransportError:
            return {}
        return answer.json() | {"code": answer.status_code}

    def log(self) -> list[dict[str, Any]]:
        """What the gateway wrote: every line of it is JSON."""
        return [json.loads(line) for line in (self.made.home.run / "gateway.log").read_text().splitlines()]

    def client(self) -> openai.OpenAI:
        """A client with the project's key."""
        return openai.OpenAI(base_url=self.made.url, api_key=self.made.secret, max_retries=0, timeout=60)


@contextmanager
def serving(made: GatewayHome) -> Iterator[Node]:
    node = Node(made, start(made.home, "--only", "gateway"))
    try:
        wait_until(lambda: node.get("/readyz").get("ready"), START_SECONDS)
        yield node
    finally:
        node.process.kill()
        node.process.wait()


def test_a_node_has_the_part_if_it_has_the_settings(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="rabat"))
    assert parts_of(home) == PARTS
    (home.path / FILE).parent.mkdir()
    (home.path / FILE).write_text('host = "::1"\nport = 1234\n')
    assert parts_of(home) == (*PARTS, "gateway")
    assert read_place(home.path) == ("::1", 1234)


def test_only_the_gateway_is_given_time_to_finish(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="rabat"))
    given = {spec.name: spec.stop_seconds for spec in specs(home, [*PARTS, "gateway"], {})}
    usual = ProcessSpec("thing", []).stop_seconds
    assert given == {"web": usual, "worker": usual, "engine": usual, "gateway": STOP_SECONDS["gateway"]}
    assert given["gateway"] > gateway.DRAIN_SECONDS


def test_its_server_gives_strangers_a_short_time(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="rabat"))
    protocol: Any = gateway.create_server(home, GatewayConfig(), cast("Live", None)).config.http_protocol_class
    assert issubclass(protocol, BoundedProtocol)
    assert protocol.header_seconds == HEADER_SECONDS <= 10


OPEN_FILES = """
import logging, resource
from jazari.nodes.gateway import most_connections, raise_open_files
logging.basicConfig()
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
files = raise_open_files({wanted})
print(files, resource.getrlimit(resource.RLIMIT_NOFILE)[0], most_connections(files))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "found"),
    [(256, 2256, 10256, "2256 2256 1000"), (256, 3000, 2000, "2000 2000 872"), (2000, 3000, 500, "500 2000 122")],
)
def test_it_opens_as_many_files_as_it_may_and_takes_no_more_clients_than_they_allow(
    soft: int, hard: int, wanted: int, found: str
) -> None:
    program = OPEN_FILES.format(soft=soft, hard=hard, wanted=wanted)
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == found
    assert f"room for {found.split()[2]} connections instead of {gateway.MOST_CONNECTIONS}" in ran.stderr


def test_with_enough_files_it_takes_the_most_clients(caplog: pytest.LogCaptureFixture) -> None:
    assert gateway.most_connections(gateway.FILES) == gateway.MOST_CONNECTIONS
    assert not caplog.records


def test_its_process_asks_for_the_files_that_it_needs(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with OpenAILike() as campus:
        made = make(tmp_path / "home", CAMPUS.format(address=campus.url) + ROUTE.format(targets=TO_CAMPUS))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
        try:
            with serving(made) as node:
                given = psutil.Process(node.pid()).rlimit(psutil.RLIMIT_NOFILE)[0]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert given == (gateway.FILES if hard == resource.RLIM_INFINITY else min(hard, gateway.FILES))


def test_each_process_is_killed_when_its_own_time_is_over(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="rabat"))
    deaf = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"]
    slow = ["sh", "-c", "trap 'sleep 1; echo finished; exit 0' TERM; echo slow; while :; do sleep 0.05; done"]
    both = [ProcessSpec("deaf", deaf, stop_seconds=0.2), ProcessSpec("slow", slow, stop_seconds=60)]
    supervisor = Supervisor(home, both, lambda _text: None)
    for process in supervisor.processes:
        process.start()
        wait_until(lambda process=process: process.log.read_text())
    supervisor.stop()
    supervisor._stop_all()
    assert (home.run / "slow.log").read_text().endswith("finished\n")
    assert not any(process.pid for process in supervisor.processes)


def test_serve_says_what_is_wrong_with_the_settings(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="rabat"))
    assert Commands().refused("serve", "--only", "gateway", home=home.path).code == "gateway.no-configuration"
    (home.path / FILE).parent.mkdir()
    (home.path / FILE).write_text("ports = 1234\n")
    told = Commands().refused("serve", home=home.path)
    assert (told.code, told.status) == ("gateway.bad-configuration", 2)
    assert "ports" in told.sentence
    assert not (home.run / "gateway.log").exists()


@pytest.mark.slow
def test_it_is_restarted_with_its_books_in_order_and_finishes_streams_when_it_stops(tmp_path: Path) -> None:
    with OpenAILike(behaviour=Behaviour(pace_seconds=0.2)) as campus:
        made = make(tmp_path / "home", CAMPUS.format(address=campus.url) + ROUTE.format(targets=TO_CAMPUS))
        with serving(made) as node:
            assert node.get("/healthz") == {"status": "ok", "code": 200}
            killed_in_mid_stream(node)
            stopped_in_mid_stream(node)
    broken, whole = made.receipts()
    assert (broken.outcome, broken.charge, broken.route) == ("interrupted", 0, "chat")
    assert (whole.outcome, whole.status, whole.provider) == ("answered", 200, "campus")
    said = [line for line in node.log() if line["message"] == "call"]
    assert [(line["id"], line["outcome"], line["project"]) for line in said] == [(whole.id, "answered", PROJECT)]
    account = Commands().run("projects", "show", PROJECT, home=made.home.path)
    assert (account["spent_microcredits"], account["reserved_microcredits"]) == (whole.charge, 0)
    assert account["left_microcredits"] == 1_000_000_000 - whole.charge


def killed_in_mid_stream(node: Node) -> None:
    before = node.pid()
    assert before is not None
    stream = node.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    next(iter(stream))
    os.kill(before, signal.SIGKILL)
    with pytest.raises(openai.APIConnectionError):
        list(stream)
    wait_until(lambda: node.pid() not in (None, before), START_SECONDS)
    # The listening socket is the supervisor's: who asks now waits, and is not refused.
    assert node.get("/healthz")["code"] == 200
    wait_until(lambda: node.get("/readyz").get("ready"), START_SECONDS)


def stopped_in_mid_stream(node: Node) -> None:
    with node.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True) as stream:
        events = iter(stream)
        said = [next(events)]
        node.process.send_signal(signal.SIGTERM)
        said += list(events)
    assert "".join(event.choices[0].delta.content or "" for event in said).startswith("Al-Jazari built")
    assert said[-1].choices[0].finish_reason
    out, _ = node.process.communicate(timeout=30)
    assert node.process.returncode == 0
    assert b"its gateway answers" in out
    assert out.rstrip().endswith(b"has stopped.")
    assert node.get("/healthz") == {}


@pytest.mark.slow
def test_without_its_model_the_embedded_provider_is_passed_over_and_ready_says_why(tmp_path: Path) -> None:
    with OpenAILike() as campus:
        text = CAMPUS.format(address=campus.url) + EMBEDDED + ROUTE.format(targets=f"{TO_EMBEDDED}, {TO_CAMPUS}")
        made = make(tmp_path / "home", text)
        with serving(made) as node:
            answer = node.client().chat.completions.create(model="chat", messages=MESSAGES)
            assert answer.choices[0].message.content
            wait_until(lambda: "jazari" in node.get("/readyz")["problems"]["engine small"], START_SECONDS)
            assert any("jazari" in line["message"] and line["level"] == "warning" for line in node.log())
    (receipt,) = made.receipts()
    assert [(one.provider, one.outcome) for one in receipt.tried] == [
        ("embedded", "not reached"),
        ("campus", "answered"),
    ]
    problem = Commands().refused("gateway", "check", home=made.home.path)
    assert problem.code == "gateway.problems-found"
    assert "model small: There is no model small here" in problem.sentence


@pytest.mark.slow
def test_a_real_model_answers_through_the_gateway_and_ends_with_it(tmp_path: Path) -> None:
    path = require_small_model()
    made = make(tmp_path / "home", EMBEDDED + ROUTE.format(targets=TO_EMBEDDED))
    store.add(made.home.path, path, "small")
    with serving(made) as node:
        wait_until(lambda: not node.get("/readyz")["problems"], START_SECONDS)
        chunks = list(node.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True, max_tokens=5))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        engines = psutil.Process(node.pid()).children()
        assert [process.cmdline()[-1] for process in engines] == ["small"]
        node.process.send_signal(signal.SIGTERM)
        node.process.wait(60)
        assert psutil.wait_procs(engines, timeout=10)[1] == []
    (receipt,) = made.receipts()
    assert (receipt.outcome, receipt.provider, receipt.usage.completion_tokens) == ("answered", "embedded", 5)
