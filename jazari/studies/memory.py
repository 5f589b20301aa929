"""What this institute has answered about each data set, so that no later answer isolates anybody.

::

    engine/memory/key                         this institute's secret for fingerprints of subjects
    engine/memory/<data set>/index.json       every answered round, oldest first, and who took part
    engine/memory/<data set>/<digest>.npz     who was in which cell, as keyed fingerprints

It belongs to the data set, all versions together, and outlives runs, studies and permits: nothing that is sent
can reset it. What cannot be read denies. All of it stays at the institute.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from jazari.core.canonical import digest
from jazari.core.files import locked, plain_os_errors, write_private
from jazari.core.identifiers import RecordRef
from jazari.studies.agreement import StudyText
from jazari.studies.data.identity import join, numbered, of_texts
from jazari.studies.data.table import Table
from jazari.studies.differencing import LARGEST_LEVERAGE, Cells, largest_leverage, too_similar
from jazari.studies.errors import MemoryUnreadable, OtherInstitutes, TooSimilar
from jazari.studies.recipes.base import Division

FEWEST_INSTITUTES = 3
"""Two totals of the same rows must differ by so many institutes, or by none."""

KEY_BYTES = 32
HOLDER = "Another process of this institute's engine"
LOCK_SECONDS = 3600.0
MOST_COMPARED = 100_000


@dataclass(frozen=True)
class Question:
    """One round of a run, as the memory knows it. ``text``: what is asked, apart from who and which version.

    ``institutes``: over whom the total becomes known if this is answered; empty where that is seen only when a
    masked total is opened (``released``).
    """

    dataset: str
    run: str
    round: int
    text: str
    institutes: tuple[str, ...]
    floor: int


def question_of(study: StudyText, namespace: str, run: str, number: int, institutes: Sequence[str]) -> Question:
    """The question that round ``number`` of ``run`` asks of ``namespace``'s data set, whatever its version."""
    name = RecordRef.parse(study.datasets[namespace]).name
    asked = {"recipe": study.recipe, "parameters": study.parameters, "variables": [v.name for v in study.variables]}
    return Question(name, run, number, digest(asked), tuple(sorted(institutes)), study.floor)


class _Frozen(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Entry(_Frozen):
    """One answered round: digests of its divisions and, by variable, of the rows that it measured."""

    run: str
    round: int
    text: str
    floor: int
    divisions: tuple[str, ...]
    populations: dict[str, tuple[str, ...]]


class Release(_Frozen):
    """That the total of a round over ``institutes`` was made known."""

    run: str
    round: int
    institutes: tuple[str, ...]


class Index(_Frozen):
    """All that was answered about one data set. ``key``: a fingerprint that tells whether the secret is the same."""

    key: str
    entries: tuple[Entry, ...] = ()
    released: tuple[Release, ...] = ()

    def sets(self, entry: Entry) -> set[tuple[str, ...]]:
        """The sets of institutes over which the total of an answered round was made known."""
        return {r.institutes for r in self.released if (r.run, r.round) == (entry.run, entry.round)}


class Memory:
    """The memory of one institute; usable from any process."""

    def __init__(self, engine_folder: Path) -> None:
        self._folder = engine_folder / "memory"
        self._known: dict[Path, Cells] = {}
        self._compared: dict[tuple[str, str, int], bool] = {}

    def key(self) -> bytes:
        """The secret for fingerprints, made at the first use. Raises ``MemoryUnreadable`` if it was lost."""
        path = self._folder / "key"
        with self._locked(self._folder):
            if not path.exists():
                if any(self._folder.glob("*/index.json")):
                    raise _unreadable(path)
                write_private(path, os.urandom(KEY_BYTES))
            with plain_os_errors(path):
                key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise _unreadable(path)
        return key

    def check(self, question: Question, table: Table, divisions: Sequence[Division]) -> None:
        """Raise what ``ask`` would, whoever takes part, and keep nothing. ``table`` has ``key_for_now()``."""
        key = self.key_for_now()
        index = self._load(question.dataset) if (self._folder / question.dataset).exists() else Index(key="")
        self._check_similar(index, question, [cells_of(table, division, key) for division in divisions])

    def key_for_now(self) -> bytes:
        """The secret, or, before anything was answered, one that is kept nowhere."""
        return self.key() if self._folder.exists() else bytes(KEY_BYTES)

    def ask(self, question: Question, table: Table, divisions: Sequence[Division]) -> None:
        """Keep, durably and before anything leaves, that these cells are told; or refuse.

        ``table`` was loaded with ``key()``. Asking for the same again is harmless. Raises ``TooSimilar``,
        ``OtherInstitutes`` or ``MemoryUnreadable``.
        """
        with self._locked(self._folder / question.dataset):
            index, told = self._admit(question, table, divisions)
            entry = _entry(question, told)
            if entry in index.entries:
                return
            if not index.entries:
                self._save(question.dataset, index)  # before any division: divisions without an index deny
            for cells in told:
                self._write(question.dataset, cells)
            self._save(question.dataset, index.model_copy(update={"entries": (*index.entries, entry)}))

    def released(self, dataset: str, run: str, number: int, institutes: Sequence[str]) -> None:
        """Keep that the total of a round over exactly ``institutes`` is made known; before it is.

        Raises ``OtherInstitutes`` where another total is known from which this one could be subtracted.
        """
        with self._locked(self._folder / dataset):
            index = self._load(dataset)
            release = Release(run=run, round=number, institutes=tuple(sorted(institutes)))
            if release in index.released:
                return
            for entry in index.entries:
                if (entry.run, entry.round) == (run, number):
                    _check_institutes(index, entry, release.institutes)
            self._save(dataset, index.model_copy(update={"released": (*index.released, release)}))

    def _admit(self, question: Question, table: Table, divisions: Sequence[Division]) -> tuple[Index, list[Cells]]:
        index, key = self._load(question.dataset), self.key()
        told = [cells_of(table, division, key) for division in divisions]
        if question.institutes:
            _check_institutes(index, _entry(question, told), question.institutes)
        self._check_similar(index, question, told)
        return index, told

    def _check_similar(self, index: Index, question: Question, told: Sequence[Cells]) -> None:
        floors = _floors(index)
        fresh = {cells.digest: cells for cells in told if cells.digest not in floors}
        if question.floor <= 1 or not fresh:
            return
        old = [(self._read(question.dataset, name), floor) for name, floor in floors.items() if floor > 1]
        for cells in fresh.values():
            if any(self._too_similar(cells, kept, min(floor, question.floor)) for kept, floor in old):
                raise _too_similar(question.floor)
        known = [*(kept for kept, _ in old), *fresh.values()]
        most = max(LARGEST_LEVERAGE, 1 / min([question.floor, *(floor for _, floor in old)])) + 1e-6
        for variable in sorted({name for cells in fresh.values() for name in cells.content}):
            if largest_leverage([cells for cells in known if variable in cells.content], variable) > most:
                raise _too_similar(question.floor)

    def _too_similar(self, new: Cells, old: Cells, floor: int) -> bool:
        """As ``too_similar``; a process that is asked the same again does not compute it again."""
        pair = (new.digest, old.digest, floor)
        if pair not in self._compared:
            if len(self._compared) >= MOST_COMPARED:
                self._compared.clear()
            self._compared[pair] = too_similar(new, old, floor)
        return self._compared[pair]

    @contextmanager
    def _locked(self, folder: Path) -> Iterator[None]:
        with locked(folder / "lock", HOLDER, LOCK_SECONDS):
            yield

    def _load(self, dataset: str) -> Index:
        path, key = self._folder / dataset / "index.json", self.key()
        with plain_os_errors(path):
            try:
                raw = path.read_bytes()
            except FileNotFoundError:
                if any(path.parent.glob("*.npz")):  # an index that was there is gone
                    raise _unreadable(path) from None
                return Index(key=_check_value(key))
        try:
            index = Index.model_validate_json(raw)
        except (ValidationError, ValueError, RecursionError) as error:
            raise _unreadable(path) from error
        if index.key != _check_value(key):
            raise _unreadable(path)
        return index

    def _save(self, dataset: str, index: Index) -> None:
        write_private(self._folder / dataset / "index.json", index.model_dump_json().encode())

    def _write(self, dataset: str, cells: Cells) -> None:
        path = self._folder / dataset / f"{cells.digest}.npz"
        if not path.exists():
            arrays = {f"of.{name}": array for name, array in cells.content.items()}
            file = io.BytesIO()
            np.savez_compressed(file, cell=cells.cell.astype(np.int32), subject=cells.subject, **arrays)  # type: ignore[arg-type]
            write_private(path, file.getvalue())
        self._known[path] = cells

    def _read(self, dataset: str, name: str) -> Cells:
        path = self._folder / dataset / f"{name}.npz"
        if path not in self._known:
            try:
                cells = _parse(path.read_bytes())
            except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
                raise _unreadable(path) from error
            if cells.digest != name:
                raise _unreadable(path)
            self._known[path] = cells
        return self._known[path]


def _parse(raw: bytes) -> Cells:
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        content = {name[3:]: arrays[name] for name in arrays.files if name.startswith("of.")}
        return Cells(arrays["cell"].astype(np.int64), arrays["subject"], content)


def cells_of(table: Table, division: Division, key: bytes) -> Cells:
    """A division of ``table`` as it is kept. Raises ``MemoryUnreadable`` for a table without fingerprints."""
    if table.identity is None:
        raise MemoryUnreadable("The table was loaded without this institute's key: load it with the key.")
    inside = table.order[division.cell[table.order] >= 0]
    subject = table.identity[inside]
    content = {
        name: numbered(join(subject, table.value_prints(name, key)[inside]))
        for name in dict.fromkeys(division.measures)
    }
    return Cells(division.cell[inside], subject, content)


def _entry(question: Question, told: Sequence[Cells]) -> Entry:
    populations: dict[str, set[str]] = {}
    for cells in told:
        for variable in cells.content:
            populations.setdefault(variable, set()).add(cells.population(variable))
    return Entry(
        run=question.run,
        round=question.round,
        text=question.text,
        floor=question.floor,
        divisions=tuple(sorted({cells.digest for cells in told})),
        populations={name: tuple(sorted(found)) for name, found in sorted(populations.items())},
    )


def _floors(index: Index) -> dict[str, int]:
    """The lowest floor under which each kept division was told."""
    floors: dict[str, int] = {}
    for entry in index.entries:
        for name in entry.divisions:
            floors[name] = min(entry.floor, floors.get(name, entry.floor))
    return floors


def _check_institutes(index: Index, asked: Entry, institutes: tuple[str, ...]) -> None:
    """Rounds of one run ask something new each time, so that an institute may drop out between them."""
    for entry in index.entries:
        another_round = entry.run == asked.run and entry.round != asked.round
        if another_round or not (entry.text == asked.text or _same_rows(entry, asked)):
            continue
        for others in index.sets(entry):
            apart = set(others) ^ set(institutes)
            if apart and (entry.text == asked.text or len(apart) < FEWEST_INSTITUTES):
                raise OtherInstitutes(
                    "A total over the same rows is known for other institutes, and the difference would be theirs: "
                    "nothing was computed, ask the same institutes or another question."
                )


def _same_rows(one: Entry, other: Entry) -> bool:
    shared = set(one.populations) & set(other.populations)
    return any(set(one.populations[name]) & set(other.populations[name]) for name in shared)


def _too_similar(floor: int) -> TooSimilar:
    return TooSimilar(
        f"This answer and earlier ones about the data set could together tell about fewer than {floor} subjects: "
        "nothing was sent, ask an earlier question again or one about larger groups."
    )


def _unreadable(path: Path) -> MemoryUnreadable:
    return MemoryUnreadable(f"What was answered before ({path}) cannot be read: restore it from a backup.")


def _check_value(key: bytes) -> str:
    return f"{int(of_texts(['check'], key)[0]):016x}"
