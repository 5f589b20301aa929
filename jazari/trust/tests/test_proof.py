"""Proving one record from a mirror: every step can fail, says so, and stops what rests on it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from jazari.core.clock import now
from jazari.trust.ceremonies.proposals import propose_revocation
from jazari.trust.metadata import blob_path
from jazari.trust.proof import Proof, StepName, prove
from jazari.trust.reading import Reader
from jazari.trust.records import Record
from jazari.trust.tests.world import World, draft


class Case:
    """A mirror of a small network in which one institute published a record with a file."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "world", institutes=("fes", "dakhla"))
        data = folder / "data.csv"
        data.write_text("a\n1\n")
        self.world.publish("fes", draft("before"))
        (self.record,) = self.world.publish("fes", draft("soil", files={"data.csv": data}))
        self.world.publish("fes", draft("after"))
        self.world.publish("dakhla", draft("other"))
        self.reader = self.world.reader()
        self.reader.refresh()
        self.reader.file(self.record, "data.csv")

    def prove(self, record: Record | None = None, reader: Reader | None = None, **more: object) -> Proof:
        ref = (record or self.record).ref
        return prove(reader or self.reader, self.world.trusted_root, ref, **more)  # type: ignore[arg-type]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def failure(proof: Proof) -> tuple[StepName, str]:
    """The step that failed and what it says; those after it must not have been reached."""
    step = proof.failed
    assert step is not None
    assert step.passed is False
    after = proof.steps[proof.steps.index(step) + 1 :]
    assert all(each.passed is None for each in after)
    return step.name, step.problem


def change(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def test_every_step_passes_and_tells_what_was_compared(case: Case) -> None:
    proof = case.prove(digest=case.record.digest)
    assert proof.ok
    facts = {step.name: step.facts for step in proof.steps}
    assert proof.record == case.record
    assert (facts[StepName.ROOT]["needed"], facts[StepName.ROOT]["members"]) == (2, 3)
    assert facts[StepName.INSTITUTE]["keys"] == [case.world.signers["fes"].public_key.keyid]
    assert (facts[StepName.RECORD]["number"], facts[StepName.LOG]["records"]) == (2, 3)
    assert facts[StepName.FILES] == {"hashed": ["data.csv"], "sized": []}


def test_another_pinned_root_is_noticed(case: Case, tmp_path: Path) -> None:
    other = World(tmp_path / "other", institutes=())
    step, _ = failure(prove(case.reader, other.trusted_root, case.record.ref))
    assert step in (StepName.ROOT, StepName.SNAPSHOT)


@pytest.mark.parametrize(
    ("file", "old", "new", "step"),
    [
        ("metadata/timestamp.json", b'"version":', b'"version":9', StepName.SNAPSHOT),
        ("metadata/snapshot.json", b'"version":', b'"version":9', StepName.SNAPSHOT),
        ("metadata/targets.json", b"fes", b"fex", StepName.DIRECTORY),
        ("targets/directory.json", b"Institut fes", b"Institut fex", StepName.DIRECTORY),
        ("metadata/fes.json", b'"records":3', b'"records":4', StepName.INSTITUTE),
    ],
)
def test_changed_metadata_fails_at_its_step(case: Case, file: str, old: bytes, new: bytes, step: StepName) -> None:
    change(case.reader.mirror / file, old, new)
    assert failure(case.prove())[0] is step


def test_a_changed_byte_of_the_log_fails_at_the_log(case: Case) -> None:
    path = case.reader.logs.segment_path("fes", 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    name, said = failure(case.prove())
    assert name is StepName.LOG
    assert "not what was signed" in said


def test_a_log_that_was_cut_short_fails_at_the_log(case: Case) -> None:
    path = case.reader.logs.segment_path("fes", 1)
    path.write_bytes(path.read_bytes()[:-20])
    assert failure(case.prove())[0] is StepName.LOG


def test_an_index_that_says_something_else_fails_at_the_record(case: Case) -> None:
    name, said = failure(case.prove(digest="sha256:" + "0" * 64))
    assert name is StepName.RECORD
    assert "not what was signed" in said


def test_a_changed_or_missing_file_fails_at_the_files(case: Case) -> None:
    path = case.reader.targets / blob_path(case.record.files[0].sha256)
    path.write_text("a\n2\n")
    assert failure(case.prove()) == (StepName.FILES, "The file data.csv on this disk is not what was signed.")
    path.unlink()
    assert "not here" in failure(case.prove())[1]


def test_what_is_too_much_to_hash_is_said(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jazari.trust.proof.MOST_HASHED", 1)
    assert case.prove().steps[6].facts == {"hashed": [], "sized": ["data.csv"]}


def test_an_unknown_record_is_not_proven(case: Case) -> None:
    proof = prove(case.reader, case.world.trusted_root, "fes/dataset/none@1")
    assert failure(proof)[0] is StepName.LOG
    assert proof.record is None
    assert failure(prove(case.reader, case.world.trusted_root, "nobody/dataset/none@1"))[0] is StepName.DIRECTORY


def test_what_expired_is_stale_but_the_record_remains_proven(case: Case) -> None:
    proof = case.prove(as_of=now() + timedelta(days=40))
    assert failure(proof)[0] is StepName.FRESHNESS
    assert proof.record == case.record


def test_a_revoked_institute_is_proven_by_the_board(case: Case) -> None:
    world = case.world
    world.finish(propose_revocation(world.repository, "fes", world.repository.head("fes").version))
    case.reader.refresh()
    proof = case.prove()
    assert proof.ok
    assert proof.steps[3].facts["frozen"] == world.repository.head("fes").version


def test_an_empty_mirror_proves_nothing(case: Case, tmp_path: Path) -> None:
    shutil.rmtree(case.reader.metadata)
    assert failure(case.prove())[0] is StepName.SNAPSHOT
