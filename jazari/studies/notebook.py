"""What an institute has written down about a run: ``engine/answers/<run>/``.

::

    begun.json          the permit under which it began; a later one must say the same
    0001.answer         the exact bytes that left in round 1
    0001.own            what they stand for, where they were masked
    0001.total          the exact total that came back for it
    0001.<step>.told    what secure aggregation was first told with a step of round 1; never anything else
    0001.<step>.said    the exact bytes that left for it
    ended.json          transcript digest and number of rounds
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from jazari.core.canonical import canonical_json
from jazari.core.files import locked, plain_os_errors, write_private
from jazari.studies.errors import AlteredSet, RunConflict, RunNotFound
from jazari.studies.messages import Message, Step, Sums, check_run_id, decode, encode
from jazari.studies.permits import Permit

_PINNED = ("run", "run_record", "agreement", "participants", "namespace", "dataset", "data_sha256", "mapping")
LOCK_SECONDS = 3600.0
"""A second process waits for the first; how long a round may take is the coordinator's deadline."""


class Notebook:
    """The files of one run at one institute. Whoever writes holds ``locked()``."""

    def __init__(self, engine_folder: Path, run: str) -> None:
        self._run = run
        self._folder = engine_folder / "answers" / check_run_id(run)

    @contextmanager
    def locked(self) -> Iterator[Notebook]:
        """One process at a time answers for a run."""
        with locked(self._folder / "lock", "Another process of this institute's engine", LOCK_SECONDS):
            yield self

    def begin(self, permit: Permit) -> None:
        """Pin the permit at the first request; raises ``RunConflict`` if a later one is about something else."""
        path = self._folder / "begun.json"
        if not path.exists():
            write_private(path, canonical_json(permit.model_dump(mode="json")))
            return
        begun = self.begun()
        if any(getattr(begun, name) != getattr(permit, name) for name in _PINNED):
            raise RunConflict(f"The permit of run {self._run} was changed after it began: record a new run.")

    def begun(self) -> Permit:
        """The permit under which the run began; raises ``RunNotFound``."""
        path = self._folder / "begun.json"
        if not path.exists():
            raise RunNotFound(f"Run {self._run} has not begun here.")
        try:
            return Permit.model_validate_json(self._read("begun.json"))
        except ValidationError as error:
            raise RunConflict(f"{path} was changed by somebody: restore it from a backup.") from error

    def answered(self) -> int:
        """The last round whose answer is stored."""
        return self._count("answer")

    def totals(self) -> int:
        """The last round whose total is stored."""
        return self._count("total")

    def _count(self, suffix: str) -> int:
        number = 0
        while (self._folder / f"{number + 1:04}.{suffix}").exists():
            number += 1
        return number

    def answer(self, number: int) -> bytes:
        """The bytes that left in a round."""
        return self._read(f"{number:04}.answer")

    def store_answer(self, number: int, answer: bytes) -> None:
        """Make the answer durable; it may leave after this."""
        write_private(self._folder / f"{number:04}.answer", answer)

    def own(self, number: int) -> Sums:
        """This institute's own sums of a round, as they are in the total."""
        masked = (self._folder / f"{number:04}.own").exists()
        return decode(self._read(f"{number:04}.own") if masked else self.answer(number)).arrays

    def store_own(self, number: int, sums: Sums) -> None:
        """Keep what a masked answer stands for; it never leaves."""
        write_private(self._folder / f"{number:04}.own", encode(Message("answer", self._run, number, sums)))

    def told(self, number: int, step: Step) -> Sums | None:
        """What came with a step of a round; None before it was asked."""
        path = self._folder / f"{number:04}.{step}.told"
        return decode(self._read(path.name)).extra if path.exists() else None

    def store_told(self, number: int, step: Step, extra: Sums) -> None:
        """Pin what came with a step; raises ``AlteredSet`` if something else came before."""
        path, raw = (
            self._folder / f"{number:04}.{step}.told",
            encode(Message("request", self._run, number, {}, "", step, extra)),
        )
        if not path.exists():
            write_private(path, raw)
        elif self._read(path.name) != raw:
            raise AlteredSet(
                "The Root asks for the same step in another way than before: nothing was sent, tell the board."
            )

    def said(self, number: int, step: Step) -> bytes | None:
        """The bytes that left for a step; None before."""
        path = self._folder / f"{number:04}.{step}.said"
        return self._read(path.name) if path.exists() else None

    def store_said(self, number: int, step: Step, answer: bytes) -> None:
        """Make the answer to a step durable; it may leave after this."""
        write_private(self._folder / f"{number:04}.{step}.said", answer)

    def total(self, number: int) -> bytes:
        """The total of a round."""
        return self._read(f"{number:04}.total")

    def store_total(self, number: int, total: bytes) -> None:
        """Make the total durable; it may be computed with after this."""
        write_private(self._folder / f"{number:04}.total", total)

    def end(self, transcript: str, rounds: int) -> None:
        """Note that the last total is here."""
        write_private(self._folder / "ended.json", canonical_json({"transcript": transcript, "rounds": rounds}))

    def has_ended(self) -> bool:
        """Whether the last total is here."""
        return (self._folder / "ended.json").exists()

    def transcript(self) -> str:
        """The transcript digest; raises ``RunNotFound`` before the end."""
        if not self.has_ended():
            raise RunNotFound(f"Run {self._run} has not ended here: wait for its last round.")
        return str(json.loads(self._read("ended.json"))["transcript"])

    def _read(self, name: str) -> bytes:
        with plain_os_errors(self._folder / name):
            return (self._folder / name).read_bytes()
