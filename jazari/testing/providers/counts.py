"""What a stand-in was asked, so that tests can say what reached it and what was cancelled."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import Any

# Enough for a test to look back; little enough for 100,000 calls.
KEPT_CALLS, KEPT_BYTES = 200, 1 << 20


@dataclass(frozen=True)
class Call:
    """One request as it arrived, header names in lower case. Of `Counts.calls`, ``body`` is cut at `KEPT_BYTES`."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Counts:
    """Numbers since the start. ``cancelled``: the client left before the whole answer was written."""

    requests: int = 0
    bytes_in: int = 0
    finished: int = 0
    cancelled: int = 0
    open: int = 0
    most_open: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS))

    def begin(self, call: Call) -> None:
        """A request has arrived in full."""
        self.requests += 1
        self.bytes_in += len(call.body)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.calls.append(call if len(call.body) <= KEPT_BYTES else replace(call, body=call.body[:KEPT_BYTES]))

    def numbers(self) -> dict[str, Any]:
        """Everything but the calls, for a stand-in in another process."""
        names = ("requests", "bytes_in", "finished", "cancelled", "open", "most_open")
        return {name: getattr(self, name) for name in names} | {"faults": dict(self.faults)}
