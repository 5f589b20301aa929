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

from jazari.federation.cut_off import what_is_cut
from jazari.gateway.configuration import read_gateway
from jazari.gateway.drills.measures import Outcome
from jazari.gateway.drills.reports import read_report
from jazari.gateway.drills.tests.homes import new_home, write_settings
from jazari.settings.home import Home
from jazari.testing.commands import Commands, Refusal
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


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Node]:
    """A node with its gateway."""
    with OpenAILike() as first, OpenAILike() as second:
        home = new_home(tmp_path / "home")
        write_settings(home, first.url, second.url)
        founding = [sys.executable, "-m", "jazari.gateway.drills.tests.founding", str(home.path)]
        subprocess.run(founding, check=True, env=COMMANDS.full_environment(), timeout=120)
        command = [sys.executable, "-m", "jazari.nodes.gateway", str(home.path)]
        process = subprocess.Popen(command, env=COMMANDS.full_environment())
        try:
            url = f"http://127.0.0.1:{read_gateway(home.path).port}/readyz"
            until(lambda: process.poll() is not None or _ready(url), "it is ready", 60)
            assert process.poll() is None
            yield Node(home)
        finally:
            process.terminate()
            process.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.slow
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
    (key,) = COMMANDS.run("keys", "list", "--project", "drills", "--over", home=home)["keys"]
    assert key["state"] == "revoked"
    assert COMMANDS.run("projects", "show", "drills", home=home)["granted_microcredits"] > 0
    kinds = [json.loads(path.read_bytes())["kind"] for path in sorted(running.home.spool.glob("*.json"))]
    assert [kind for kind in kinds if "cut" in kind] == ["gateway.cut-began", "gateway.cut-ended"]
    trail = COMMANDS.run("audit", "list", home=home)
    assert "gateway.drill-run" in json.dumps(trail)


def test_calls_go_on_while_the_root_is_cut_off(running: Node) -> None:
    words = ("--seconds", "1", "--around", "1", "--rate", "10", "--routes", "chat")
    card = running.run("run", "--cut", "root", *words)["card"]
    assert (card["what"], card["recovery"]["returned_ms"]) == ("root", None)
    assert [phase["lost"] + phase["refused"] for phase in card["phases"]] == [0, 0, 0]
    assert card["phases"][1]["answered"] > 0
    assert what_is_cut(running.home) == ""
