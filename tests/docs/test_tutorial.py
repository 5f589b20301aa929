"""The tutorial, typed word for word into one shell: every step works and prints what is shown."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from jazari.testing.commands import Commands
from jazari.testing.network import free_ports
from tests.docs.shell import Shell
from tests.docs.source import production_code, strings
from tests.docs.transcript import Step, matches, missing, never_came, steps

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "run-a-network.md"
PORTS = ("18443", "18002", "18444", "18445")
INSTALLING = re.compile(r"-m venv|/pip install|^export PATH=")
SECONDS = 180.0
WAITING = " ..."
"""How a line ends that says what takes longer than a second; on a terminal it goes away again."""
STEPS = [step for step in steps(PAGE.read_text(encoding="utf-8")) if not INSTALLING.search(step.typed)]


def on_free_ports(text: str) -> str:
    for port, free in zip(PORTS, free_ports(len(PORTS)), strict=True):
        text = text.replace(port, str(free))
    return text


@pytest.mark.slow
@pytest.mark.long
def test_the_tutorial_works_word_for_word(tmp_path: Path) -> None:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = Shell(tmp_path, Commands().full_environment() | {"HOME": str(tmp_path), "PATH": tools})
    try:
        for step in steps(on_free_ports(PAGE.read_text(encoding="utf-8"))):
            if not INSTALLING.search(step.typed):
                play(shell, step)
        assert shell.wait_until(lambda: not processes_of(tmp_path), 30), processes_of(tmp_path)
    finally:
        shell.close()
    check_python_output(shell.printed)


def play(shell: Shell, step: Step) -> None:
    start = len(shell.printed)
    status, printed = shell.type(step.typed, SECONDS)
    assert status == 0, f"{step.typed}\n" + "\n".join(printed)
    if step.goes_on:
        came = shell.wait_until(lambda: not never_came(step.expected, shell.printed[start:]), SECONDS)
        assert came, f"{step.typed}\n" + "\n".join(shell.printed[start:])
    elif step.expected:
        problem = missing(step.expected, [line for line in printed if not line.endswith(WAITING)])
        assert not problem, f"{step.typed}\nshould print {problem}\n" + "\n".join(printed)


def check_python_output(printed: list[str]) -> None:
    """What the Python blocks print is not shown on the page, and must still make sense."""
    assert "rabat/study/ph-histogram@1" in printed
    (row,) = [line.split() for line in printed if re.match(r"0 +ph +400 ", line)]
    missing_share, mean, median = map(float, row[3:])
    assert 0.25 < missing_share < 0.42
    assert 7.2 < mean < 7.6
    assert 7.0 < median < 8.0


def processes_of(folder: Path) -> list[str]:
    """Processes that still run for a home below ``folder``."""
    mark = f"JAZARI_SUPERVISED={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_every_step_is_found() -> None:
    typed = [step.typed for step in STEPS]
    assert sum(words.startswith("python - ") for words in typed) == 3
    assert sum(words.startswith("cat > ") for words in typed) == 3
    assert sum(words.startswith("jazari ") for words in typed) > 40
    assert sum(step.goes_on for step in STEPS) == 4
    assert sum(bool(step.expected) for step in STEPS) > 30


def test_the_page_names_only_ports_that_the_test_replaces() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"(?<=127\.0\.0\.1:)\d+|(?<=port )\d+", text)) <= set(PORTS)


def trouble() -> list[str]:
    """The messages of the table at the end, cut at ``...``."""
    table = PAGE.read_text(encoding="utf-8").partition("**If something went wrong**")[2]
    said = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    return [part.strip() for text in said for part in text.split("...") if part.strip()]


@pytest.mark.parametrize("part", trouble())
def test_the_messages_that_the_page_explains_are_those_of_the_code(part: str) -> None:
    assert production_code()
    assert any(part in text for text in strings())


@pytest.mark.parametrize(
    ("expected", "printed", "problem"),
    [
        (["a", "b"], ["a", "b"], ""),
        (["a", "..."], ["a", "b", "c"], ""),
        (["...", "c"], ["a", "b", "c"], ""),
        (["a ... z"], ["a to z"], ""),
        (["a"], ["a", "b"], "nothing more, but there is 'b'"),
        (["a", "c"], ["a", "b", "c"], "c"),
        (["...", "d"], ["a", "b"], "d"),
        (["a.c"], ["abc"], "a.c"),
    ],
)
def test_what_is_shown_is_compared_line_by_line(expected: list[str], printed: list[str], problem: str) -> None:
    assert missing(expected, printed) == problem


def test_a_continued_line_is_one_step() -> None:
    (step, other) = steps("```console\n$ one \\\n    more\nout\n$ two &\n```\n")
    assert (step.typed, step.expected) == ("one \\\n    more", ["out"])
    assert other.goes_on
    assert not matches("a...b", "ac")
