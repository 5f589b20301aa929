"""Every command that a document shows or a sentence names exists, with the options that are shown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import spoken
from tests.docs.command_tree import Command, commands


def shown_in(path: Path) -> str:
    return str(path.relative_to(spoken.REPOSITORY))


@pytest.mark.parametrize("page", spoken.DOCUMENTS, ids=shown_in)
def test_what_documents_show_would_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    wrong = {
        " ".join(words): complaint
        for words in spoken.jazari_commands(text)
        if (complaint := spoken.complaint_about_typed(words))
    }
    assert wrong == {}


@pytest.mark.parametrize("page", spoken.DOCUMENTS, ids=shown_in)
def test_what_documents_name_exists(page: Path) -> None:
    assert not_there(page.read_text(encoding="utf-8")) == {}


def not_there(text: str) -> dict[str, str]:
    return {
        " ".join(words): complaint
        for words in spoken.mentioned(text)
        if (complaint := spoken.complaint_about_mentioned(words))
    }


def test_what_messages_and_docstrings_name_exists() -> None:
    wrong = {}
    for path in sorted((spoken.REPOSITORY / "jazari").rglob("*.py")):
        if "tests" not in path.parts:
            for text in literals(path):
                wrong |= {f"{shown_in(path)}: {words}": said for words, said in not_there(text).items()}
    assert wrong == {}


def literals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_the_example_of_help_is_this_command_and_would_run(command: Command) -> None:
    typed = command.example.replace("\njazari", "\n$ jazari")
    shown = list(spoken.jazari_commands(f"```console\n$ {typed}\n```\n"))
    assert shown
    for words in shown:
        assert words[: len(command.words)] == list(command.words)
        assert spoken.complaint_about_typed(words) == ""


def test_the_check_sees_what_is_wrong() -> None:
    """A test that cannot fail protects nothing."""
    assert spoken.complaint_about_typed(["study", "propose"])
    assert spoken.complaint_about_typed(["study", "propse", "x.toml"])
    assert spoken.complaint_about_typed(["sync", "--everything"])
    assert not spoken.complaint_about_typed(["sync"])
    assert not_there("see `jazari root forget` and `jazari sync --all`")
    assert not_there("see `jazari nothing`")
    assert not_there("see `jazari study show {}` or `jazari study`") == {}
