"""``docs/reference/commands.md``, written from the commands themselves."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from jazari.core.errors import ExitCode
from tests.docs.command_tree import Command, commands, groups, kind_of, repeats

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"

INTRODUCTION = """\
# Commands

<!-- Written by `python -m tests.docs.write_reference`; a test compares it with the code. -->

Every command lives in the home folder of a node, given by `--home` or the environment variable `JAZARI_HOME`, unless
its options below say otherwise. `--help` after any of them prints what stands here.

Results go to standard output; progress, warnings and errors to standard error. With `--json` a command prints one JSON
document and nothing else on standard output; an error is then `{"error": {"code": ..., "message": ...}}`, with the
codes of [errors](errors.md). An error is one plain sentence that says what to do next; `JAZARI_DEBUG=1` adds the
traceback.

## Exit codes

| code | means |
|---|---|
"""

MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "it failed; the sentence says why",
    ExitCode.USAGE: "wrong use: an option, a file's content or a setting must be corrected",
    ExitCode.REFUSED: "a rule, a person or a guard refuses it",
    ExitCode.NOT_FOUND: "what was named is not there",
    ExitCode.UNAVAILABLE: "a file, a disk, the line or the Root is out of reach for now",
    ExitCode.CONFLICT: "something else has it, or came first",
    ExitCode.UNTRUSTED: "a signature, a hash or a history does not hold",
}
INTERRUPTED = "| 130 | stopped by Ctrl-C; it is safe to run the same command again |\n"

ANSWERS = {
    "jazari verify": "7 when anything does not verify.",
    "jazari audit verify": "7 when the trail is not what was written.",
    "jazari study check": "3 when a rule of this institute would refuse the study.",
    "jazari study run": "with `--wait`, 1 when the run fails, 5 when it goes on after `--timeout`.",
    "jazari study watch": "1 when the run fails, 5 when it goes on after `--timeout`.",
    "jazari serve": "6 when the port is taken or another node serves from this home.",
}
"""Exit codes that are part of what a command answers."""


def render() -> str:
    """The whole page."""
    codes = "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in MEANINGS.items())
    parts = [INTRODUCTION + codes + INTERRUPTED]
    told = groups()
    last = ""
    for command in commands():
        for depth in range(1, len(command.words)):
            group = " ".join(command.words[:depth])
            if group in told and not (last + " ").startswith(group + " "):
                parts.append(f"{'#' * (depth + 1)} jazari {group}\n\n{_flat(told[group].help)}\n")
        last = " ".join(command.words)
        parts.append(_section(command))
    return "\n".join(parts)


def _section(command: Command) -> str:
    level = "#" * min(len(command.words) + 1, 4)
    lines = [f"{level} {command.name}", "", *_paragraphs(command.help), "", "```console", _usage(command), "```"]
    lines += _table("argument", [(_shown(item), item) for item in command.arguments])
    lines += _table("option", [(f"`{_option(item)}`", item) for item in command.options])
    if command.name in ANSWERS:
        lines += ["", f"Exit code: {ANSWERS[command.name]}"]
    lines += ["", "Example:", "", "```console", *command.example.splitlines(), "```", ""]
    return "\n".join(lines)


def _paragraphs(text: str) -> list[str]:
    return "\n\n".join(_flat(part) for part in inspect.cleandoc(text).split("\n\n")).split("\n")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _usage(command: Command) -> str:
    words = [command.name, *(_placeholder(item) for item in command.arguments)]
    words += [_option(item) for item in command.options if item.required and item.name != "home"]
    return " ".join([*words, "[OPTIONS]"])


def _placeholder(argument: Any) -> str:
    name = _argument_name(argument) + ("..." if repeats(argument) else "")
    return name if argument.required else f"[{name}]"


def _argument_name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _shown(argument: Any) -> str:
    return f"`{_argument_name(argument)}`"


def _option(option: Any) -> str:
    return " ".join(filter(None, ["/".join(option.opts), kind_of(option)]))


def _table(title: str, rows: list[tuple[str, Any]]) -> list[str]:
    if not rows:
        return []
    cells = [f"| {shown} | {_cell(item)} |" for shown, item in rows]
    return ["", f"| {title} | |", "|---|---|", *cells]


def _cell(parameter: Any) -> str:
    notes = []
    if parameter.required:
        notes.append("required")
    elif parameter.default not in (None, False, "", [], ()):
        notes.append(f"else `{parameter.default}`")
    if parameter.min is not None or parameter.max is not None:
        notes.append(_range(parameter.min, parameter.max))
    if parameter.envvar:
        notes.append(f"else `${parameter.envvar}`")
    if repeats(parameter):
        notes.append("may be repeated")
    text = _flat(parameter.help or "").replace("|", "\\|")
    return f"{text} *({'; '.join(notes)})*".strip() if notes else text


def _range(low: float | None, high: float | None) -> str:
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low is None else f"{low} to {high}"
