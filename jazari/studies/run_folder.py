"""The files of one run at the Root, by name. Whoever writes holds the coordinator's lock.

::

    <run>/order.json
          began                  when the first institute was asked
          rounds/0001.<namespace>.answer      what came back for the sums; .keys, .shares, .agree, .unmask
          rounds/0001.sums.json  whose sums count, once decided; likewise for the other steps
          rounds/0001.total      the total; its time is when the next round began
          confirmations/<namespace>
          end.json               {"state", "message", "moment"}
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors, write_private
from jazari.studies.messages import Message, Step, decode

_SUFFIX = {"sums": "answer"}
_SUFFIXES = {"answer", *get_args(Step)} - {"sums"}


class RunFolder:
    """Reads and writes the files; decides nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._decided: dict[tuple[int, Step], tuple[str, ...]] = {}  # decisions never change
        self._totals = 0  # totals never go away

    def answer(self, number: int, step: Step, namespace: str) -> Path:
        """Where an institute's answer to a step of a round lies."""
        return self.path / "rounds" / f"{number:04}.{namespace}.{_SUFFIX.get(step, step)}"

    def has_answer(self, number: int, step: Step, namespace: str) -> bool:
        """Whether it has come."""
        return self.answer(number, step, namespace).exists()

    def read_answer(self, number: int, step: Step, namespace: str) -> Message:
        """The message that came."""
        return _decoded(self.answer(number, step, namespace))

    def answered(self, number: int, step: Step) -> set[str]:
        """Whose answers to a step have come: one look at the folder for them all."""
        start, end = f"{number:04}.", f".{_SUFFIX.get(step, step)}"
        found = self._names()
        return {name[len(start) : -len(end)] for name in found if name.startswith(start) and name.endswith(end)}

    def answers(self) -> dict[str, list[Path]]:
        """All files that each institute sent."""
        found: dict[str, list[Path]] = {}
        for name in self._names():
            number, _, rest = name.partition(".")
            namespace, _, suffix = rest.rpartition(".")
            if number.isdigit() and suffix in _SUFFIXES:
                found.setdefault(namespace, []).append(self.path / "rounds" / name)
        return found

    def _names(self) -> list[str]:
        with plain_os_errors(self.path):
            try:
                with os.scandir(self.path / "rounds") as entries:
                    return [entry.name for entry in entries]
            except FileNotFoundError:
                return []

    def decided(self, number: int, step: Step) -> tuple[str, ...] | None:
        """Who counts in a step, sorted; None while it is open."""
        if (number, step) not in self._decided:
            with plain_os_errors(self.path):
                try:
                    raw = (self.path / "rounds" / f"{number:04}.{step}.json").read_bytes()
                except FileNotFoundError:
                    return None
            self._decided[number, step] = tuple(json.loads(raw))
        return self._decided[number, step]

    def decide(self, number: int, step: Step, names: tuple[str, ...]) -> None:
        """Close a step for good: before anybody is told, and never again for others."""
        write_private(self.path / "rounds" / f"{number:04}.{step}.json", canonical_json(list(names)))

    def totals(self) -> int:
        """How many rounds have a total."""
        number = self._totals  # several threads may look at once
        while (self.path / "rounds" / f"{number + 1:04}.total").exists():
            number += 1
        self._totals = number
        return number

    def total(self, number: int) -> bytes:
        """The exact bytes of a total."""
        with plain_os_errors(self.path):
            return (self.path / "rounds" / f"{number:04}.total").read_bytes()

    def store_total(self, number: int, total: bytes) -> None:
        """Make a total durable; it may be told after this."""
        write_private(self.path / "rounds" / f"{number:04}.total", total)

    def last_move(self) -> datetime:
        """When the step in progress began: the last decision or total, or the order."""
        moves = [*(self.path / "rounds").glob("*.json"), *(self.path / "rounds").glob("*.total")]
        return max((written(path) for path in moves), default=written(self.path / "order.json"))

    def confirmation(self, namespace: str) -> Path:
        """Where an institute's confirmation lies."""
        return self.path / "confirmations" / namespace

    def end(self) -> dict[str, Any] | None:
        """How the run ended; None while it has not."""
        with plain_os_errors(self.path):
            try:
                return dict(json.loads((self.path / "end.json").read_bytes()))
            except FileNotFoundError:
                return None

    def store_end(self, state: str, message: str) -> None:
        """End the run."""
        end = {"state": state, "message": message, "moment": clock.now().isoformat()}
        write_private(self.path / "end.json", canonical_json(end))


def written(path: Path) -> datetime:
    """When a file was last written."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _decoded(path: Path) -> Message:
    with plain_os_errors(path):
        return decode(path.read_bytes())
