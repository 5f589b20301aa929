"""The operator's evaluation file: questions with what their answers should be, and how an answer is judged.

JSONL; each line ``{"messages": [...], "expected": TEXT}`` or ``{"messages": [...], "pattern": REGULAR EXPRESSION}``.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jazari.core.files import plain_os_errors
from jazari.gateway.drills.measures import EvaluationFile
from jazari.gateway.errors import BadEvaluation, BadQuestion
from jazari.gateway.proxy.questions import read_question
from jazari.gateway.words import Kind

LARGEST_FILE = 4 << 20
MOST_ITEMS = 2_000
MOST_OUTPUT = 256
"""Tokens of an answer."""
_LONGEST_JUDGED = 20_000


@dataclass(frozen=True)
class Item:
    """One question. An answer is right if it is ``expected`` but for space, or if ``pattern`` is found in it."""

    messages: list[dict[str, Any]]
    expected: str | None
    pattern: re.Pattern[str] | None

    def matches(self, answer: str) -> bool:
        """Whether ``answer`` is as it should be."""
        if self.pattern is not None:
            return self.pattern.search(answer[:_LONGEST_JUDGED]) is not None
        return self.expected is not None and answer.split() == self.expected.split()

    def body(self, route: str) -> dict[str, Any]:
        """The request: no randomness asked for."""
        return {"model": route, "messages": self.messages, "temperature": 0, "max_tokens": MOST_OUTPUT}


@dataclass(frozen=True)
class Evaluation:
    """The questions of a file."""

    file: EvaluationFile
    items: tuple[Item, ...]


def read_evaluation(path: Path) -> Evaluation:
    """The evaluation in ``path``; ``BadEvaluation`` names the first line that is wrong."""
    with plain_os_errors(path), path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(data) > LARGEST_FILE or not 1 <= len(lines) <= MOST_ITEMS:
        raise BadEvaluation(f"{path} has no question or too many: up to {MOST_ITEMS}, in {LARGEST_FILE >> 20} MiB.")
    items = tuple(_item(path, number, line) for number, line in enumerate(lines, start=1))
    return Evaluation(EvaluationFile(sha256=hashlib.sha256(data).hexdigest(), items=len(items)), items)


def _item(path: Path, number: int, line: bytes) -> Item:
    try:
        value = json.loads(line)
        _check(value)
        read_question(Kind.CHAT, json.dumps({"model": "x", "messages": value["messages"]}).encode())
        pattern = re.compile(value["pattern"]) if "pattern" in value else None
    except (ValueError, RecursionError, re.error, BadQuestion) as error:
        why = str(error).rstrip(".")[:200]
        raise BadEvaluation(
            f'Question {number} of {path} cannot be used ({why}): write {{"messages": [...], "expected": "..."}} or '
            '"pattern" instead.'
        ) from None
    return Item(value["messages"], value.get("expected"), pattern)


def _check(value: object) -> None:
    if not isinstance(value, dict) or set(value) not in ({"messages", "expected"}, {"messages", "pattern"}):
        raise ValueError("it has other members")
    wanted = value.get("expected", value.get("pattern"))
    if not isinstance(wanted, str) or not wanted.strip():
        raise ValueError("what is expected is no text")
