"""Server-sent events of a streamed answer: cut from the bytes of a provider, looked into, and passed on as they came.

Format: WHATWG HTML, section 9.2 (event streams); what these APIs use of it is ``data:`` lines and ``[DONE]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jazari.gateway.errors import BadAnswer
from jazari.gateway.scripts import ScriptCounter

LARGEST_EVENT = 1_000_000
"""Bytes."""


_SAID = ("content", "text", "reasoning_content", "refusal")


class EventCutter:
    """Cuts a byte stream into whole events; what is not finished waits for more."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The events that ``data`` finishes, each without its blank line; ``BadAnswer`` if one is too large."""
        rest = self._rest + data if self._rest else data
        if b"\r" in rest:
            rest = rest.replace(b"\r\n", b"\n")
        *whole, self._rest = rest.split(b"\n\n")
        if len(self._rest) > LARGEST_EVENT:
            raise BadAnswer("The provider sent an event that does not end.")
        yield from (event for event in whole if event.strip())


def data_of(event: bytes) -> bytes:
    """The joined ``data:`` lines of an event; empty for a comment or another field."""
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    return lines[0] if len(lines) == 1 else b"\n".join(lines)


@dataclass
class Heard:
    """What an answer amounts to so far. ``claimed``: the usage that the provider states, believed by nobody yet."""

    answer_bytes: int = 0
    claimed: object = None
    scripts: ScriptCounter = field(default_factory=ScriptCounter)

    def take(self, chunk: dict[str, Any]) -> None:
        """Note one chunk of a stream, or a whole answer."""
        self.claimed = chunk.get("usage") or self.claimed
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            part = _part(choice)
            if said := _text_of(part):
                self.answer_bytes += len(said.encode("utf-8", "surrogatepass"))
                self.scripts.add(said)


def _part(choice: Any) -> dict[str, Any]:
    part = choice.get("delta") or choice.get("message") or choice if isinstance(choice, dict) else None
    return part if isinstance(part, dict) else {}


def _text_of(part: dict[str, Any]) -> str:
    said = [part[name] for name in _SAID if part.get(name)]
    text = "".join(piece if isinstance(piece, str) else _text_of_parts(piece) for piece in said)
    calls = part.get("tool_calls")
    try:
        return text + (json.dumps(calls, ensure_ascii=False) if calls else "")
    except RecursionError:
        raise BadAnswer("The provider calls a tool with too many levels of objects.") from None


def _text_of_parts(parts: Any) -> str:
    """Content in parts, as reasoning models of Mistral give it."""
    found = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return "".join(text for text in found if isinstance(text, str))


def parse_event(data: bytes) -> dict[str, Any]:
    """The JSON object in an event; ``BadAnswer`` for anything else, also for an error that a provider puts there."""
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise BadAnswer("The provider sent an event that is not JSON.") from None
    if not isinstance(chunk, dict) or chunk.get("error") or chunk.get("object") == "error":
        raise BadAnswer("The provider broke off with an error of its own.")
    return chunk
