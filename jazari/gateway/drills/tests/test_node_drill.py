"""A drill as an operator types it: the gateway's own process, the command line, and a node's audit trail."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.gateway.configuration import read_gateway
from jazari.gateway.drills.measures import Outcome
from jazari.gateway.drills.reports import read_report
from jazari.gateway.drills.sockets import control_path
from jazari.gateway.drills.tests.homes import new_home
from jazari.gateway.proxy.tests.serving import toml
from jazari.settings.home import Home
from jazari.testing.commands import Commands, Refusal
from jazari.testing.live_network import free_port
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.waiting import until

COMMANDS = Commands()


@dataclass
class Node:
    home: Home

    def run(self, *words: str | Path) -> dict[str, Any]:
        return COMMANDS.run("drill", *words, home=self.home.path)

    def refused(self, *words: str | Path) -> Refusal:
        return COMMANDS.refused("drill", *words, home=self.home.path)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose gateway does not run."""
    with OpenAILike() as first, OpenAILike() as second:
        home = new_home(tmp_path_factory.mktemp("node") / "home")
        text = toml({"first": first.url, "second": second.url})
        only = '[route.only]\nkind = "chat"\ntargets = [{ provider = "first", model = "stand-in" }]\n'
        (home.path / "gateway").mkdir()
        (home.path / "gateway" / "gateway.toml").write_text(f"port = {free_port()}\n{text}\n{only}")
        founding = [sys.executable, "-m", "jazari.gateway.drills.tests.founding", str(home.path)]
        subprocess.run(founding, check=True, env=COMMANDS.full_environment(), timeout=120)
        yield Node(home)


@pytest.fixture(scope="module")
def running(node: Node) -> Iterator[Node]:
    """The same, with its gateway."""
    command = [sys.executable, "-m", "jazari.nodes.gateway", str(node.home.path)]
    process = subprocess.Popen(command, env=COMMANDS.full_environment())
    try:
        url = f"http://127.0.0.1:{read_gateway(node.home.path).port}/readyz"
        until(lambda: process.poll() is None and control_path(node.home).exists() and _ready(url), "it is ready", 60)
        yield node
    finally:
        process.terminate()
        process.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_dry_run_says_what_would_stop_and_needs_no_gateway(node: Node) -> None:
    found = node.run("run", "--cut", "first", "--dry-run")
    effects = {(one["route"], one["data_class"]): (one["effect"], one["then"]) for one in found["lines"]}
    assert effects["chat", "public"] == ("goes elsewhere", "second")
    assert effects["only", "public"] == ("stops", "")
    assert effects["chat", "secret"] == ("refused as now", "")
    assert found["most_microcredits"] > 0
    assert node.run("run", "--cut", "second", "--dry-run")["lines"][0]["effect"] == "has fewer to go to"


@pytest.mark.parametrize("what", ["root", "registry"])
def test_a_dry_run_of_the_root_or_the_registry_says_until_when_calls_go_on(node: Node, what: str) -> None:
    found = node.run("run", "--cut", what, "--dry-run")
    assert {one["effect"] for one in found["lines"]} == {"unchanged", "refused as now"}
    assert found["holds_until"] == "2027-10-31"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--cut", "third"), "gateway.nothing-to-cut"),
        (("--cut", "../x"), "gateway.nothing-to-cut"),
        (("--cut", "first", "--routes", "nowhere"), "gateway.no-such-route"),
        (("--cut", "first", "--seconds", "0"), "gateway.bad-drill"),
        (("--cut", "first", "--rate", "1e9"), "gateway.bad-drill"),
        (("--cut", "first", "--evaluation", "/nowhere"), "core.unavailable"),
        (("--cut", "first"), "gateway.not-running"),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused_with_a_sentence(node: Node, words: tuple[str, ...], code: str) -> None:
    assert node.refused("run", *words).code == code


def test_a_file_that_is_no_report_is_not_published(node: Node, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    assert node.refused("publish", tmp_path / "report.json").code == "gateway.bad-drill-report"
    assert node.run("list") == {"drills": []}


def test_a_drill_as_it_is_typed(running: Node, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    asked = [{"role": "user", "content": "Who built water clocks?"}]
    questions.write_text(json.dumps({"messages": asked, "pattern": "Al-Jazari"}))
    report = tmp_path / "report.json"
    words = ("--seconds", "2", "--around", "1", "--rate", "10", "--routes", "chat", "--evaluation", questions)
    found = running.run("run", "--cut", "first", *words, "--out", report)
    assert found["report"] == str(report)
    during = found["card"]["phases"][1]
    assert during["rerouted"]["second"] > 0
    assert [one["matched"] for one in found["card"]["evaluation"]["phases"]] == [1, 1, 1]
    assert {call.outcome for call in read_report(report).calls if call.at_ms < 500} == {Outcome.ANSWERED}
    # The key is shut again, the credits are the project's own, and nothing stays cut.
    home = running.home.path
    (key,) = COMMANDS.run("keys", "list", "--project", "drills", "--all", home=home)["keys"]
    assert key["state"] == "revoked"
    assert COMMANDS.run("projects", "show", "drills", home=home)["granted_microcredits"] > 0
    kinds = [json.loads(path.read_bytes())["kind"] for path in sorted(running.home.spool.glob("*.json"))]
    assert [kind for kind in kinds if "cut" in kind] == ["gateway.cut-began", "gateway.cut-ended"]
    trail = COMMANDS.run("audit", "list", home=home)
    assert "gateway.drill-run" in json.dumps(trail)
    assert running.refused("run", "--cut", "root").code == "gateway.bad-order"
