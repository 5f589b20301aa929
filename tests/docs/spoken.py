"""Commands as they are written in documents and sentences, held against the live command line."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from jazari.nodes.main import COMMANDS, create_app

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = (*sorted((REPOSITORY / "docs").rglob("*.md")), *sorted(REPOSITORY.glob("*.md")))

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(jazari [^`\n]+)`")
_PROMPT = re.compile(r"^[a-z]*\$ ")
_WORD = re.compile(r"[a-z][a-z-]*")


def typed_commands(text: str) -> list[str]:
    """What is typed in the console blocks of a document, a line each; lines that end in a backslash are joined."""
    lines = (line for block in _BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines())
    return [_PROMPT.sub("", line) for line in lines if _PROMPT.match(line)]


def jazari_commands(text: str) -> Iterator[list[str]]:
    """The words after ``jazari`` of every command of ours among them."""
    for line in typed_commands(text):
        for part in re.split(r"\|\||&&|[;|&]", line):
            words = shlex.split(part, comments=True)
            if words[:1] == ["jazari"]:
                yield _without_redirection(words[1:])


def mentioned(text: str) -> Iterator[list[str]]:
    """The words after ``jazari`` of commands that a sentence names in backticks."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for found in _INLINE.findall(re.sub(r"(?<!\n)\n(?!\n)", " ", prose)):
        yield found.split()[1:]


def _without_redirection(words: list[str]) -> list[str]:
    end = next((number for number, word in enumerate(words) if word.startswith(">")), len(words))
    return words[:end]


@lru_cache
def _app() -> Any:
    return create_app()


def find(words: list[str]) -> tuple[Any, list[str]]:
    """The command that ``words`` begin with, and what follows it; a group where they name no more."""
    command, rest = _app(), list(words)
    while rest and hasattr(command, "list_commands"):
        inner = command.get_command(None, rest[0]) if command is _app() else command.commands.get(rest[0])
        if inner is None:
            break
        command, rest = inner, rest[1:]
    return command, rest


def complaint_about_typed(words: list[str]) -> str:
    """What the parser of the command says against ``words``; "" if it would run."""
    command, rest = find(words)
    if hasattr(command, "commands") or command is _app():
        return "" if rest == ["--help"] else "it names no command"
    if "--help" in rest:
        return ""
    before = os.environ.get("JAZARI_HOME")
    os.environ["JAZARI_HOME"] = "home"
    try:
        command.make_context("jazari", rest)
    except Exception as error:
        return str(error) or type(error).__name__
    finally:
        os.environ.pop("JAZARI_HOME")
        if before is not None:
            os.environ["JAZARI_HOME"] = before
    return ""


def complaint_about_mentioned(words: list[str]) -> str:
    """What is wrong with a command that is only named: no such command, or no such option."""
    if not words or words[0] not in COMMANDS:
        known = not words or words[0].startswith(("-", "{")) or not _WORD.fullmatch(words[0])
        return "" if known else "there is no such command"
    command, rest = find(words)
    if hasattr(command, "commands"):
        tried = rest and _WORD.fullmatch(rest[0])
        return f"{rest[0]} is no command of it" if tried else ""
    options = {option for item in command.params for option in item.opts} | {"--help"}
    wrong = [word for word in rest if word.startswith("--") and word.split("=")[0].rstrip(".,;:") not in options]
    return f"it has no option {wrong[0]}" if wrong else ""
