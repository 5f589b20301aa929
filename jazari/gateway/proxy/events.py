"""Server-sent events of a streamed answer: cut from the bytes of a provider, looked into, and passed on as they came.

Format: WHATWG HTML, section 9.2 (event streams); what these APIs use of it is ``data:`` lines and ``[DONE]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jazari.gateway.errors import BadAnswer
from jazari.gateway.words import Usage

LARGEST_EVENT = 1_000_000
"""Bytes."""
DONE = b"data: [DONE]\n\n"
SAMPLE = 2_000


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
    """What an answer amounts to so far: characters of text, a sample of it, the usage that the provider stated."""

    characters: int = 0
    pieces: int = 0
    usage: Usage | None = None
    finished: bool = False
    sample: list[str] = field(default_factory=list)

    def take(self, chunk: dict[str, Any]) -> None:
        """Note one chunk of a stream, or a whole answer."""
        self.usage = usage_of(chunk) or self.usage
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._hear(choice)

    def _hear(self, choice: dict[str, Any]) -> None:
        part = choice.get("delta") or choice.get("message") or choice
        said = _text_of(part) if isinstance(part, dict) else ""
        self.finished = self.finished or bool(choice.get("finish_reason"))
        if said:
            self.pieces += 1
            self.characters += len(said)
            if len(self.sample) < SAMPLE:
                self.sample.append(said[:SAMPLE])

    @property
    def text(self) -> str:
        """Text of the answer that tells its script."""
        return "".join(self.sample)[:SAMPLE]


def _text_of(part: dict[str, Any]) -> str:
    said = [part.get(name) for name in ("content", "text", "reasoning_content", "refusal")]
    text = "".join(piece for piece in said if isinstance(piece, str))
    calls = part.get("tool_calls")
    return text + (json.dumps(calls) if calls else "")


def usage_of(chunk: dict[str, Any]) -> Usage | None:
    """The usage that a chunk states; None if it states none that can be."""
    usage = chunk.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens", 0)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in (prompt, completion)):
        return None
    return Usage(prompt, completion)  # type: ignore[arg-type]


def parse_event(data: bytes) -> dict[str, Any]:
    """The JSON object in an event; ``BadAnswer`` for anything else, also for an error that a provider puts there."""
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise BadAnswer("The provider sent an event that is not JSON.") from None
    if not isinstance(chunk, dict) or chunk.get("error") or chunk.get("object") == "error":
        raise BadAnswer("The provider broke off with an error of its own.")
    return chunk
