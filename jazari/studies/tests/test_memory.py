"""What an institute remembers: over versions, studies, processes and crashes, and nothing sent can make it forget."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jazari.studies.data.loading import load_table
from jazari.studies.data.table import Table
from jazari.studies.errors import MemoryUnreadable, OtherInstitutes, TooSimilar
from jazari.studies.memory import Memory, Question, cells_of
from jazari.studies.messages import Message, decode, encode
from jazari.studies.recipes.base import Division
from jazari.studies.tests.builders import (
    LINEAR,
    STATISTICS,
    Site,
    make_study,
    random_table,
    schema,
    write_csv,
)

TRIO = ("fes", "rabat", "taza")


def question(run: str = "r-1", number: int = 1, text: str = "a", institutes: Any = TRIO, floor: int = 10) -> Question:
    return Question("soil", run, number, text, tuple(institutes), floor)


def divide(table: Table, rows: int, variable: str = "ph") -> tuple[Division, ...]:
    """The first ``rows`` rows as one cell."""
    return (Division((variable,), np.where(np.arange(table.rows) < rows, 0, -1)),)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "engine")


@pytest.fixture
def table(tmp_path: Path, memory: Memory) -> Table:
    return load_table(write_csv(tmp_path / "soil.csv", random_table(1, 100)), schema(), key=memory.key())


def test_an_answer_about_few_more_is_refused_by_any_process(tmp_path: Path, memory: Memory, table: Table) -> None:
    memory.ask(question(), table, divide(table, 90))
    for again in (memory, Memory(tmp_path / "engine")):
        for rows in (81, 89, 91, 99):
            with pytest.raises(TooSimilar):
                again.ask(question("r-2", text="b"), table, divide(table, rows))
    memory.ask(question("r-3", text="b"), table, divide(table, 80))
    memory.ask(question("r-4", text="c"), table, divide(table, 91, "yield_"))


def test_the_same_again_adds_nothing_and_a_refusal_leaves_nothing(tmp_path: Path, memory: Memory, table: Table) -> None:
    index = tmp_path / "engine/memory/soil/index.json"
    memory.ask(question(), table, divide(table, 90))
    before = index.read_bytes()
    memory.ask(question(), table, divide(table, 90))
    with pytest.raises(TooSimilar):
        memory.ask(question("r-2", text="b"), table, divide(table, 91))
    memory.check(question("r-3", text="c"), table, divide(table, 50))
    assert index.read_bytes() == before
    assert len(list(index.parent.glob("*.npz"))) == 1


def test_a_check_sees_what_was_answered_and_makes_no_file(tmp_path: Path, memory: Memory, table: Table) -> None:
    nobody = Memory(tmp_path / "nobody")
    fresh = load_table(tmp_path / "soil.csv", schema(), key=nobody.key_for_now())
    nobody.check(question(), fresh, divide(fresh, 90))
    assert not (tmp_path / "nobody").exists()
    memory.ask(question(), table, divide(table, 90))
    with pytest.raises(TooSimilar):
        memory.check(question("check", text="b", institutes=["fes"]), table, divide(table, 91))


def test_other_data_sets_do_not_matter_and_the_floor_is_the_lower_one(memory: Memory, table: Table) -> None:
    memory.ask(question(floor=4), table, divide(table, 90))
    memory.ask(question("r-2", text="b"), table, divide(table, 95))
    with pytest.raises(TooSimilar):
        memory.ask(question("r-3", text="c"), table, divide(table, 92))
    other = Question("water", "r-4", 1, "d", TRIO, 10)
    memory.ask(other, table, divide(table, 91))


def test_the_same_question_is_never_answered_for_other_institutes(memory: Memory, table: Table) -> None:
    memory.ask(question(), table, divide(table, 90))
    memory.ask(question("r-2", institutes=TRIO[:2]), table, divide(table, 90))  # no total of r-1 was made known
    memory.released("soil", "r-1", 1, TRIO)
    memory.ask(question("r-3"), table, divide(table, 90))
    with pytest.raises(OtherInstitutes):
        memory.ask(question("r-4", institutes=TRIO[:2]), table, divide(table, 90))
    with pytest.raises(OtherInstitutes):
        memory.released("soil", "r-3", 1, TRIO[:2])
    memory.released("soil", "r-3", 1, TRIO)


def test_another_question_about_the_same_rows_differs_by_three_institutes_or_none(memory: Memory, table: Table) -> None:
    memory.ask(question(), table, divide(table, 90))
    memory.released("soil", "r-1", 1, TRIO)
    with pytest.raises(OtherInstitutes):
        memory.ask(question("r-2", text="b", institutes=["fes", "rabat"]), table, divide(table, 90))
    memory.ask(question("r-3", text="b", institutes=[*TRIO, "a", "b", "c"]), table, divide(table, 90))
    memory.ask(question("r-4", text="b", institutes=["fes", "rabat"]), table, divide(table, 60))


def test_an_institute_may_drop_out_between_two_rounds_of_a_run(memory: Memory, table: Table) -> None:
    memory.ask(question(), table, divide(table, 90))
    memory.released("soil", "r-1", 1, TRIO)
    memory.ask(question(number=2, institutes=TRIO[:2]), table, divide(table, 90))
    memory.released("soil", "r-1", 2, TRIO[:2])
    with pytest.raises(OtherInstitutes):
        memory.released("soil", "r-1", 2, TRIO)


@pytest.mark.parametrize("damage", ["cut", "other", "gone", "division", "no division", "key", "no key"])
def test_what_cannot_be_read_denies(tmp_path: Path, memory: Memory, table: Table, damage: str) -> None:
    memory.ask(question(), table, divide(table, 90))
    folder = tmp_path / "engine/memory"
    index, key = folder / "soil/index.json", folder / "key"
    (division,) = (folder / "soil").glob("*.npz")
    changes: dict[str, Any] = {
        "cut": lambda: index.write_bytes(index.read_bytes()[:-20]),
        "other": lambda: index.write_text(json.dumps({"key": "0", "entries": []})),
        "gone": index.unlink,
        "division": lambda: division.write_bytes(division.read_bytes()[:-30]),
        "no division": division.unlink,
        "key": lambda: key.write_bytes(bytes(32)),
        "no key": key.unlink,
    }
    changes[damage]()
    with pytest.raises(MemoryUnreadable):
        Memory(tmp_path / "engine").ask(question("r-2", text="b"), table, divide(table, 30))


def test_a_table_without_fingerprints_is_no_table_to_ask(memory: Memory) -> None:
    table = random_table(1, 50)
    with pytest.raises(MemoryUnreadable, match="key"):
        memory.ask(question(), table, divide(table, 40))


def test_fingerprints_follow_the_subject_and_not_the_order_of_rows(tmp_path: Path, memory: Memory) -> None:
    path = write_csv(tmp_path / "soil.csv", random_table(1, 60, rows_per_site=3))
    header, *lines = path.read_text().splitlines()
    shuffled = path.with_name("shuffled.csv")
    shuffled.write_text("\n".join([header, *reversed(lines)]) + "\n")
    for declared in (schema(), schema(subject=[])):
        one, other = (load_table(p, declared, key=memory.key()) for p in (path, shuffled))
        all_rows = Division(("ph", "crop"), np.zeros(60, dtype=np.int64))
        assert cells_of(one, all_rows, memory.key()).digest == cells_of(other, all_rows, memory.key()).digest
    stranger = Memory(tmp_path / "other")
    other = load_table(path, schema(), key=stranger.key())
    one = load_table(path, schema(), key=memory.key())
    assert one.identity is not None
    assert other.identity is not None
    assert not set(one.identity.tolist()) & set(other.identity.tolist())


def respond(site: Site, run: str) -> str:
    return decode(site.participant().respond(run, encode(Message("request", run, 1)))).text


def test_a_new_version_with_two_rows_less_and_another_study_are_refused(tmp_path: Path) -> None:
    site = Site(tmp_path / "fes", "fes", random_table(1, 120, missing=0))
    site.permit(make_study("statistics", STATISTICS, ["fes", "rabat"]), "r-1")
    assert respond(site, "r-1") == ""
    smaller = site.home / "second.csv"
    smaller.write_text("\n".join(site.data.read_text().splitlines()[:-2]) + "\n")
    changed = {"data_path": str(smaller), "data_sha256": hashlib.sha256(smaller.read_bytes()).hexdigest()}
    second = make_study("statistics", STATISTICS, ["fes", "rabat"], title="Again", datasets={
        "fes": "fes/dataset/soil@2", "rabat": "rabat/dataset/soil@1"})  # fmt: skip
    site.permit(second, "r-2", **changed)
    assert respond(site, "r-2") == "studies.too-similar"
    site.permit(make_study("glm", LINEAR, ["fes", "rabat"], title="Model"), "r-3", **changed)
    assert respond(site, "r-3") == "studies.too-similar"
    site.permit(make_study("glm", LINEAR, ["fes", "rabat"]), "r-4")
    assert respond(site, "r-4") == ""
    site.permit(make_study("statistics", STATISTICS, ["fes", "rabat"], title="Alone"), "r-5", ["fes"])
    assert respond(site, "r-5") == "studies.other-institutes"
