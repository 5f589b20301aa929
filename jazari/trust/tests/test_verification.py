"""Mirrors: anybody verifies everything offline, and one changed byte anywhere is found."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from jazari.core.clock import now
from jazari.trust.ceremonies.proposals import propose_revocation, propose_root_rotation
from jazari.trust.errors import FileMissing
from jazari.trust.mirroring import write_mirror
from jazari.trust.records import Record
from jazari.trust.segments import SEAL_RECORDS
from jazari.trust.sources import FolderSource
from jazari.trust.tests.later import days_later
from jazari.trust.tests.world import World, draft
from jazari.trust.verification import verify_folder


@pytest.fixture
def mirror(world: World, tmp_path: Path) -> Path:
    """A mirror of a network with files, several segments, a revoked institute and a second root."""
    (tmp_path / "rows.csv").write_bytes(b"a,b\n" * 20)
    world.publish("dakhla", draft(files={"rows.csv": tmp_path / "rows.csv"}))
    world.publish("dakhla", *(draft(f"r-{number}") for number in range(SEAL_RECORDS + 3)))
    world.publish("fes", draft("kept"))
    world.publish("fes", draft("dropped"))
    world.finish(propose_revocation(world.repository, "fes", 2))
    world.finish(
        propose_root_rotation(world.repository, [world.public(n) for n in world.board[:2]], 2), "amina", "brahim"
    )
    write_mirror(world.repository, tmp_path / "mirror")
    return tmp_path / "mirror"


def state_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_whole_mirror_verifies_and_is_left_alone(world: World, mirror: Path) -> None:
    before = state_of(mirror)
    seen: list[Record] = []
    report = verify_folder(mirror, world.trusted_root, watch=seen.append)
    assert report.ok
    assert report.network == "Jazari"
    assert set(report.institutes) == {"network", "dakhla", "fes"}
    assert report.frozen == ("fes",)
    assert report.records_verified == len(seen) == SEAL_RECORDS + 5
    assert report.files_verified == 1
    assert "dropped" not in {record.name for record in seen}
    assert state_of(mirror) == before
    assert json.loads(json.dumps(report.to_json()))["ok"] is True


def test_any_changed_byte_is_found(world: World, mirror: Path) -> None:
    """One byte in each file, at a random place; every file of a mirror matters."""
    chooser = random.Random(7)
    for path in sorted(path for path in mirror.rglob("*") if path.is_file()):
        good = path.read_bytes()
        if path.name.endswith(("1.root.json", ".reader")):
            continue  # the pinned one is in our hands
        bad = bytearray(good)
        position = chooser.randrange(len(bad))
        bad[position] ^= 1
        path.write_bytes(bytes(bad))
        report = verify_folder(mirror, world.trusted_root)
        assert not report.ok, f"{path} at byte {position}"
        assert all("\n" not in problem for problem in report.problems)
        path.write_bytes(good)
    assert verify_folder(mirror, world.trusted_root).ok


def test_any_missing_or_shortened_file_is_found(world: World, mirror: Path) -> None:
    for path in sorted(path for path in mirror.rglob("*") if path.is_file()):
        if path.name == "1.root.json":
            continue
        good = path.read_bytes()
        path.write_bytes(good[: len(good) // 2])
        assert not verify_folder(mirror, world.trusted_root).ok, path
        if path.name != "2.root.json":  # without it, the folder says what the board before vouched for
            path.unlink()
            assert not verify_folder(mirror, world.trusted_root).ok, path
        path.write_bytes(good)
    assert verify_folder(mirror, world.trusted_root).ok


def test_trouble_with_one_institute_leaves_the_others_verified(world: World, mirror: Path) -> None:
    (mirror / "targets/dakhla/log/2.ndjson.zst").unlink()
    report = verify_folder(mirror, world.trusted_root)
    assert set(report.institutes) == {"network", "fes"}
    assert report.records_verified == 1
    assert len(report.problems) == 1
    assert report.problems[0].startswith("dakhla: ")


def test_the_pin_decides(world: World, mirror: Path, tmp_path: Path) -> None:
    other = World(tmp_path / "other", institutes=())
    assert verify_folder(mirror, other.trusted_root).problems
    assert verify_folder(mirror, b"{}").problems
    assert verify_folder(tmp_path / "nowhere", world.trusted_root).problems


def test_an_old_bundle_verifies_as_of_its_date(world: World, mirror: Path) -> None:
    moment = now()
    with days_later(45):
        today = verify_folder(mirror, world.trusted_root)
        assert not today.ok
        assert not today.problems, "only the date is wrong"
        assert any("The timestamp expired" in sentence for sentence in today.expired)
        assert today.records_verified == SEAL_RECORDS + 5
        then = verify_folder(mirror, world.trusted_root, moment + timedelta(seconds=2))
        assert then.ok
        assert then.as_of == moment + timedelta(seconds=2)


def test_a_date_before_the_records_is_refused(world: World, mirror: Path) -> None:
    report = verify_folder(mirror, world.trusted_root, now() - timedelta(days=3))
    assert any("were published after" in problem for problem in report.problems)


def test_as_of_does_not_advance_trust(world: World, mirror: Path) -> None:
    """A reader of the old mirror still refuses it; the verification left nothing behind."""
    before = state_of(mirror)
    with days_later(45):
        assert verify_folder(mirror, world.trusted_root, now() - timedelta(days=44)).ok
        assert state_of(mirror) == before
        with pytest.raises(Exception, match="expired"):
            world.reader("late", FolderSource(mirror)).refresh()


def test_a_mirror_is_read_like_the_root(world: World, mirror: Path) -> None:
    reader = world.reader("from-mirror", FolderSource(mirror))
    assert reader.refresh().problems == {}
    record = reader.record("dakhla/dataset/soil@1")
    assert reader.file(record, "rows.csv").read_bytes() == b"a,b\n" * 20
    assert reader.standing("fes") == "frozen"


def test_a_mirror_of_a_reader_is_the_same(world: World, mirror: Path, tmp_path: Path) -> None:
    reader = world.reader()
    reader.refresh()
    report = write_mirror(reader, tmp_path / "second")
    assert report.files_copied == 1
    assert report.records == SEAL_RECORDS + 5
    assert verify_folder(tmp_path / "second", world.trusted_root).ok
    first, second = state_of(mirror), state_of(tmp_path / "second")
    assert {name: data for name, data in first.items() if "root.json" not in name} == {
        name: data for name, data in second.items() if "root.json" not in name
    }
    third = world.reader("third", FolderSource(tmp_path / "second"))
    assert third.refresh().problems == {}


def test_a_mirror_is_updated_by_what_is_new(world: World, mirror: Path, tmp_path: Path) -> None:
    sealed = (mirror / "targets/dakhla/log/1.ndjson.zst").stat().st_ino
    world.publish("dakhla", draft("later", files={"rows.csv": tmp_path / "rows.csv"}))
    report = write_mirror(world.repository, mirror)
    assert report.files_copied == 0
    assert (mirror / "targets/dakhla/log/1.ndjson.zst").stat().st_ino == sealed
    verified = verify_folder(mirror, world.trusted_root)
    assert verified.ok
    assert verified.records_verified == SEAL_RECORDS + 6


def test_records_only(world: World, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a\n")
    world.publish("dakhla", draft(files={"rows.csv": tmp_path / "rows.csv"}))
    write_mirror(world.repository, tmp_path / "light", with_files=False)
    assert not list((tmp_path / "light").rglob("blobs"))
    assert verify_folder(tmp_path / "light", world.trusted_root, with_files=False).ok
    full = verify_folder(tmp_path / "light", world.trusted_root)
    assert full.files_missing == 1
    assert not full.ok


def test_a_repository_that_lost_a_file_says_which(world: World, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a\n")
    world.publish("dakhla", draft(files={"rows.csv": tmp_path / "rows.csv"}))
    for path in (world.path / "root/targets/blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(FileMissing, match=r"rows\.csv of dakhla/dataset/soil@1"):
        write_mirror(world.repository, tmp_path / "mirror")
