"""What every command promises: a sentence instead of a traceback, a code that means something, an example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from jazari.cli.app import INTERRUPTED, HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.core.errors import Busy, ExitCode

RUNNER = CliRunner()


def an_app() -> typer.Typer:
    app = make_app("Things to try.")

    @command(app, "fail", example="jazari fail busy")
    def fail(kind: str, as_json: JsonOption = False) -> None:
        """Fail in a chosen way."""
        errors: dict[str, BaseException] = {
            "busy": Busy("Somebody uses it: wait."),
            "bug": ZeroDivisionError("secret-detail"),
            "stop": KeyboardInterrupt(),
            "pipe": BrokenPipeError(),
        }
        if kind == "usage":
            raise typer.BadParameter("no such kind")
        if kind != "none":
            raise errors[kind]
        Output(as_json).print_result({"done": True}, "Done.")

    @command(app, "where", example="jazari where --home x\njazari where")
    def where(home: HomeOption, number: Annotated[int, typer.Option(min=1)] = 1) -> None:
        """Say where."""
        typer.echo(f"{home} {number}")

    return app


def test_a_command_that_works_exits_with_0() -> None:
    result = RUNNER.invoke(an_app(), ["fail", "none"])
    assert (result.exit_code, result.stdout) == (0, "Done.\n")


def test_an_error_of_ours_is_its_sentence_and_its_code() -> None:
    result = RUNNER.invoke(an_app(), ["fail", "busy"])
    assert result.exit_code == ExitCode.CONFLICT
    assert result.stderr == "Somebody uses it: wait.\n"
    assert result.stdout == ""


def test_with_json_the_error_is_json_on_standard_output() -> None:
    result = RUNNER.invoke(an_app(), ["fail", "busy", "--json"])
    assert result.exit_code == ExitCode.CONFLICT
    assert json.loads(result.stdout) == {"error": {"code": "core.busy", "message": "Somebody uses it: wait."}}


def test_a_defect_shows_no_traceback_and_keeps_it_in_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = RUNNER.invoke(an_app(), ["fail", "bug"])
    (kept,) = tmp_path.iterdir()
    assert result.exit_code == ExitCode.FAILED
    assert "Traceback" not in result.output
    assert "secret-detail" not in result.output
    assert str(kept) in result.stderr
    assert "secret-detail" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_defect_is_still_reported_where_no_file_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    result = RUNNER.invoke(an_app(), ["fail", "bug"])
    assert result.exit_code == ExitCode.FAILED
    assert "JAZARI_DEBUG=1" in result.stderr


def test_who_debugs_sees_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Traceback" not in RUNNER.invoke(an_app(), ["fail", "busy"]).stderr
    result = RUNNER.invoke(an_app(), ["fail", "busy"], env={"JAZARI_DEBUG": "1"})
    assert "Traceback" in result.stderr
    assert result.exit_code == ExitCode.CONFLICT


def test_ctrl_c_ends_with_130() -> None:
    assert RUNNER.invoke(an_app(), ["fail", "stop"]).exit_code == INTERRUPTED


def test_a_reader_that_left_is_no_defect() -> None:
    assert RUNNER.invoke(an_app(), ["fail", "pipe"]).exit_code == 1


@pytest.mark.parametrize("words", [["fail", "usage"], ["fail"], ["nothing"], ["where", "--home", "x", "--number", "0"]])
def test_wrong_use_exits_with_2(words: list[str]) -> None:
    result = RUNNER.invoke(an_app(), words)
    assert result.exit_code == ExitCode.USAGE
    assert "Traceback" not in result.output


def test_help_ends_with_the_example_line_by_line() -> None:
    text = RUNNER.invoke(an_app(), ["where", "--help"]).stdout
    assert text.rstrip().endswith("Example:\n    jazari where --home x\n    jazari where")


def test_the_home_comes_from_the_option_or_from_the_environment(tmp_path: Path) -> None:
    given = RUNNER.invoke(an_app(), ["where", "--home", str(tmp_path)])
    inherited = RUNNER.invoke(an_app(), ["where"], env={"JAZARI_HOME": str(tmp_path)})
    assert given.stdout == inherited.stdout == f"{tmp_path} 1\n"
    assert RUNNER.invoke(an_app(), ["where"]).exit_code == ExitCode.USAGE


def test_the_function_itself_stays_usable() -> None:
    app = make_app("x")

    @command(app, "double", example="jazari double 2")
    def double(number: int) -> int:
        """Double it."""
        return 2 * number

    assert double(2) == 4
