"""`jazari drill` where no gateway runs: what would stop, and what is refused with one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jazari.gateway.drill_commands import drill_app
from jazari.gateway.drills.tests.founding import fill
from jazari.gateway.drills.tests.homes import new_home, write_settings
from jazari.gateway.operations import create_key, create_project
from jazari.gateway.scopes import Scope
from jazari.gateway.words import DataClass
from jazari.settings.home import Home

runner = CliRunner()


@dataclass
class Operator:
    """Types commands at one home."""

    home: Home

    def types(self, *words: str | Path) -> tuple[int, str]:
        result = runner.invoke(drill_app, [*map(str, words), "--home", str(self.home.path)])
        assert "Traceback" not in result.output
        return result.exit_code, result.output

    def run(self, *words: str | Path) -> Any:
        code, text = self.types(*words, "--json")
        assert code == 0, text
        return json.loads(text)

    def refused(self, *words: str | Path) -> str:
        code, text = self.types(*words, "--json")
        assert code != 0
        error = json.loads(text)["error"]
        assert error["message"].endswith(".")
        return str(error["code"])


@pytest.fixture
def operator(tmp_path: Path, sqlite_database: Any) -> Operator:
    home = new_home(tmp_path / "home")
    write_settings(home, "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1")
    fill()
    return Operator(home)


def test_a_dry_run_names_the_projects_that_it_would_hit(operator: Operator) -> None:
    for name, routes, highest in (("hit", ["only"], DataClass.PUBLIC), ("spared", ["chat"], DataClass.PUBLIC),
                                  ("higher", ["*"], DataClass.SECRET)):  # fmt: skip
        create_project(name, name, "tests")
        create_key(name, "key", Scope(routes, highest), "tests")
    assert operator.run("run", "--cut", "first", "--dry-run")["projects"] == ["hit"]
    code, text = operator.types("run", "--cut", "first", "--dry-run")
    assert code == 0
    assert "Projects with a key for what stops: hit." in text


def test_a_dry_run_says_what_would_stop_and_needs_no_gateway(operator: Operator) -> None:
    found = operator.run("run", "--cut", "first", "--dry-run")
    effects = {(one["route"], one["data_class"]): (one["effect"], one["then"]) for one in found["lines"]}
    assert effects["chat", "public"] == ("goes elsewhere", "second")
    assert effects["only", "public"] == ("stops", "")
    assert effects["chat", "secret"] == ("refused as now", "")
    assert found["most_microcredits"] > 0
    assert operator.run("run", "--cut", "second", "--dry-run")["lines"][0]["effect"] == "has fewer to go to"


@pytest.mark.parametrize("what", ["root", "registry"])
def test_a_dry_run_of_the_root_or_the_registry_says_until_when_calls_go_on(operator: Operator, what: str) -> None:
    found = operator.run("run", "--cut", what, "--dry-run")
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
def test_what_cannot_be_run_is_refused_with_a_sentence(operator: Operator, words: tuple[str, ...], code: str) -> None:
    assert operator.refused("run", *words) == code


def test_a_file_that_is_no_report_is_not_published(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    assert operator.refused("publish", tmp_path / "report.json") == "gateway.bad-drill-report"
    assert operator.run("list") == {"drills": []}
