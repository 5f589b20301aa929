"""The live command line, walked: what every page and test on commands starts from."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from jazari.nodes.main import COMMANDS, create_app

_TYPES = {str: "TEXT", Path: "PATH", int: "NUMBER", float: "NUMBER"}


@dataclass(frozen=True)
class Command:
    """One command that does something; ``words`` are what is typed after ``jazari``."""

    words: tuple[str, ...]
    command: Any

    @property
    def name(self) -> str:
        """As it is typed: ``jazari study run``."""
        return " ".join(("jazari", *self.words))

    @property
    def help(self) -> str:
        """What its ``--help`` says first."""
        return str(self.command.help or "").strip()

    @property
    def example(self) -> str:
        """The example that ends its ``--help``; "" if it has none."""
        _, _, example = str(self.command.epilog or "").partition("Example:\n")
        return "\n".join(line.removeprefix("  ") for line in example.splitlines())

    @property
    def arguments(self) -> list[Any]:
        """Its positional parameters."""
        return [item for item in self.command.params if item.param_type_name == "argument"]

    @property
    def options(self) -> list[Any]:
        """Its options, without ``--help``."""
        return [item for item in self.command.params if item.param_type_name == "option" and not item.hidden]

    def has(self, option: str) -> bool:
        """Whether it takes ``option``, e.g. ``--json``."""
        return any(option in item.opts for item in self.options)

    @property
    def needs_home(self) -> bool:
        """Whether it works on the home of a node, always or where one is given."""
        return self.has("--home")


def groups() -> dict[str, Any]:
    """The groups of commands by what is typed, with their own help."""
    app = create_app()
    found: dict[str, Any] = {}
    for name in COMMANDS:
        for words, command in _walk((name,), app.get_command(None, name)):
            if hasattr(command, "commands"):
                found[" ".join(words)] = command
    return found


def commands() -> list[Command]:
    """Every command, in the order of ``jazari --help``."""
    app = create_app()
    return [
        Command(words, command)
        for name in COMMANDS
        for words, command in _walk((name,), app.get_command(None, name))
        if not hasattr(command, "commands")
    ]


def _walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _walk((*words, name), inner)


def kind_of(parameter: Any) -> str:
    """What may be given: ``TEXT``, ``PATH``, ``NUMBER``, or the choices."""
    if getattr(parameter, "is_flag", False):
        return ""
    annotation = parameter.type_descriptor.annotation
    inner = (typing.get_args(annotation) or (annotation,))[0]
    if isinstance(inner, type) and issubclass(inner, Enum):
        return "|".join(str(choice.value) for choice in inner)
    return _TYPES[inner]


def repeats(parameter: Any) -> bool:
    """Whether it may be given several times."""
    return bool(getattr(parameter, "multiple", False) or parameter.nargs == -1)
