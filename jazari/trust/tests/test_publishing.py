"""Publishing: each record exactly once, whatever fails in between and whoever publishes at the same time."""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jazari.core.audit import AuditEvent
from jazari.core.clock import frozen, now
from jazari.core.errors import Busy, DiskFull
from jazari.core.events import subscribe, unsubscribe
from jazari.trust import errors
from jazari.trust.acceptance import accept
from jazari.trust.metadata import INSTITUTE_DAYS, LogHead
from jazari.trust.publication import Publication, Receipt
from jazari.trust.records import Record
from jazari.trust.tests.world import World, any_card, draft


def names(world: World, namespace: str = "dakhla") -> list[str]:
    """The refs of what everybody reads, in order."""
    reader = world.reader("names")
    assert reader.refresh().problems == {}
    return [record.ref for record in reader.records(namespace)]


def test_versions_follow_each_other(world: World) -> None:
    first = world.publish("dakhla", draft(rows=1))[0]
    second = world.publish("dakhla", draft(rows=2))[0]
    assert (first.ref, second.ref, second.replaces) == ("dakhla/dataset/soil@1", "dakhla/dataset/soil@2", first.ref)
    both = world.publish("dakhla", draft(rows=3), draft(rows=4))
    assert [record.version for record in both] == [3, 4]


def test_saying_the_same_again_publishes_nothing(world: World, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a\n")
    same = draft(rows=1, files={"rows.csv": tmp_path / "rows.csv"})
    first = world.publish("dakhla", same)
    head = world.repository.head("dakhla")
    assert world.publish("dakhla", same) == first
    assert world.repository.head("dakhla") == head
    mixed = world.publish("dakhla", same, draft("other"))
    assert [record.ref for record in mixed] == ["dakhla/dataset/soil@1", "dakhla/dataset/other@1"]
    (tmp_path / "rows.csv").write_bytes(b"b\n")
    assert world.publish("dakhla", same)[0].version == 2


class Cut(Exception):
    """The connection broke."""


def test_a_cut_before_the_root_heard_it(world: World) -> None:
    def no_connection(_publication: Publication) -> Receipt:
        raise Cut

    publisher = world.publisher("dakhla")
    with pytest.raises(Cut):
        publisher.publish([draft("one")], no_connection)
    assert publisher.waiting
    assert names(world) == []
    assert [record.name for record in publisher.resume(world.upload)] == ["one"]
    assert not publisher.waiting
    assert publisher.resume(world.upload) == ()
    assert names(world) == ["dakhla/dataset/one@1"]


def test_a_cut_after_the_root_accepted(world: World) -> None:
    def answer_lost(publication: Publication) -> Receipt:
        world.upload(publication)
        raise Cut

    with pytest.raises(Cut):
        world.publisher("dakhla").publish([draft("one"), draft("one", rows=2)], answer_lost)
    records = world.publish("dakhla", draft("one"), draft("one", rows=2))
    assert [record.ref for record in records] == ["dakhla/dataset/one@1", "dakhla/dataset/one@2"]
    assert names(world) == [record.ref for record in records]


def test_what_waits_goes_first(world: World) -> None:
    with pytest.raises(Cut):
        world.publisher("dakhla").publish([draft("one")], _cut)
    world.publish("dakhla", draft("two"))
    assert names(world) == ["dakhla/dataset/one@1", "dakhla/dataset/two@1"]


def test_while_something_waits_the_next_is_told_that_it_does_not(world: World) -> None:
    def away(_publication: Publication) -> Receipt:
        raise errors.SourceUnavailable("The Root is away: try again later.")

    publisher = world.publisher("dakhla")
    for _ in range(2):
        with pytest.raises(errors.SourceUnavailable):
            publisher.publish([draft("one")], away)
    with pytest.raises(errors.NotKept, match=r"not kept.*The Root is away"):
        publisher.publish([draft("two")], away)
    assert [record.name for record in publisher.resume(world.upload)] == ["one"]
    assert names(world) == ["dakhla/dataset/one@1"]


def _cut(_publication: Publication) -> Receipt:
    raise Cut


def test_what_a_wrong_clock_dated_is_dated_again_once_the_clock_is_right(world: World) -> None:
    with frozen(now() + timedelta(days=1)), pytest.raises(Cut):
        world.publisher("dakhla").publish([draft("one")], _cut)
    records = world.publisher("dakhla").resume(world.upload)
    assert [record.ref for record in records] == ["dakhla/dataset/one@1"]
    assert records[0].published <= now()
    assert names(world) == ["dakhla/dataset/one@1"]


def test_a_date_that_stays_wrong_is_refused_and_blocks_nothing(world: World) -> None:
    def ahead(publication: Publication) -> Receipt:
        with frozen(now() - timedelta(days=1)):
            return world.upload(publication)

    publisher = world.publisher("dakhla")
    with pytest.raises(errors.ClockWrong):
        publisher.publish([draft("one")], ahead)
    assert not publisher.waiting
    assert world.publish("dakhla", draft("one"))[0].ref == "dakhla/dataset/one@1"


def test_what_the_trail_could_not_take_is_told_when_it_can(world: World) -> None:
    told: list[AuditEvent] = []

    def trail(event: AuditEvent) -> None:
        if event.kind == "trust.published" and not full:
            told.append(event)
        elif event.kind == "trust.published":
            raise DiskFull("The disk is full: free some space.")

    full = True
    subscribe(AuditEvent, trail)
    try:
        with pytest.raises(DiskFull):
            world.publish("dakhla", draft("one"))
        full = False
        records = world.publish("dakhla", draft("one"))
    finally:
        unsubscribe(AuditEvent, trail)
    assert [record.ref for record in records] == names(world) == ["dakhla/dataset/one@1"]
    assert [event.detail["records"] for event in told] == [["dakhla/dataset/one@1"]]


def test_a_refused_publication_does_not_block_the_next(world: World) -> None:
    def refuse(record: Record) -> None:
        if record.name == "bad":
            raise errors.BadRecord("This card is bad.")

    def upload(publication: Publication) -> Receipt:
        return accept(world.repository, world.travelled(publication), refuse).receipt

    publisher = world.publisher("dakhla")
    with pytest.raises(errors.CardRefused):
        publisher.publish([draft("bad")], upload)
    assert not publisher.waiting
    publisher.publish([draft("good")], upload)
    assert names(world) == ["dakhla/dataset/good@1"]


def test_a_receipt_for_something_else_is_not_believed(world: World) -> None:
    def wrong(publication: Publication) -> Receipt:
        world.upload(publication)
        return Receipt("dakhla", publication.version, "0" * 64, 1)

    publisher = world.publisher("dakhla")
    with pytest.raises(errors.VersionConflict):
        publisher.publish([draft("one")], wrong)
    assert publisher.waiting
    publisher.resume(world.upload)
    assert names(world) == ["dakhla/dataset/one@1"]


def test_two_machines_with_one_key_take_turns(world: World) -> None:
    """Each fetches what the other published and goes on from there."""
    here = world.publisher("dakhla", "here", world.reader("here"))
    there = world.publisher("dakhla", "there", world.reader("there"))
    for number in range(3):
        here.publish([draft("shared", here=number)], world.upload)
        there.publish([draft("shared", there=number), draft("own")], world.upload)
    assert names(world) == [f"dakhla/dataset/{name}" for name in _expected_shared()]


def _expected_shared() -> list[str]:
    return ["shared@1", "shared@2", "own@1", "shared@3", "shared@4", "shared@5", "shared@6"]


def test_without_a_reader_a_conflict_is_reported(world: World) -> None:
    world.publish("dakhla", draft("one"))
    elsewhere = world.publisher("dakhla", "elsewhere")
    with pytest.raises(errors.VersionConflict, match="sync, then publish again"):
        elsewhere.publish([draft("two")], world.upload)


def _publish_many(path: Path, worker: int) -> None:
    world = World.__new__(World)
    world.path = path
    world.signers = {}
    from jazari.trust.keys import load_signer

    for name in ("dakhla", "snapshot", "timestamp"):
        world.signers[name] = load_signer(path / "keys" / f"{name}.pem")
    world.repository = world.open_repository()

    def upload(publication: Publication) -> Receipt:
        return accept(world.repository, publication, any_card).receipt

    for number in range(8):
        world.publisher("dakhla").publish([draft(f"w-{worker}-{number}"), draft("shared", by=[worker, number])], upload)


def test_two_processes_with_one_folder_take_turns(world: World) -> None:
    """The command line and the worker publish at the same time; nothing is lost, doubled or out of order."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_publish_many, args=(world.path, number)) for number in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    found = names(world)
    assert len(found) == 32
    assert [ref for ref in found if "shared" in ref] == [f"dakhla/dataset/shared@{n}" for n in range(1, 17)]


def test_two_publishers_race_at_the_root(world: World) -> None:
    """Different folders, same key, at the same moment: both end published, in some order."""
    failures: list[BaseException] = []

    def run(name: str) -> None:
        try:
            publisher = world.publisher("dakhla", name, world.reader(name))
            for number in range(4):
                publisher.publish([draft(f"{name}-{number}")], upload)
        except BaseException as error:
            failures.append(error)

    def upload(publication: Publication) -> Receipt:
        return accept(world.open_repository(), publication, any_card).receipt

    threads = [threading.Thread(target=run, args=(name,)) for name in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(names(world)) == sorted(f"dakhla/dataset/{s}-{n}@1" for s in ("left", "right") for n in range(4))


def test_a_publisher_that_never_ends_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = world.publisher("dakhla")
    with publisher._turn():
        from jazari.core import files

        monkeypatch.setattr(files.time, "monotonic", _hurried())
        with pytest.raises(Busy, match="Another publication of dakhla"):
            world.publish("dakhla")


def _hurried() -> Any:
    moments = iter(range(0, 10**9, 1000))
    return lambda: float(next(moments))


def test_a_lost_folder_is_taken_over_from_the_network(world: World) -> None:
    world.publish("dakhla", *(draft(f"r-{number}") for number in range(1500)))
    world.publish("dakhla", draft("r-7", rows=2))
    shutil.rmtree(world.path / "homes/dakhla")
    publisher = world.publisher("dakhla", reader=world.reader())
    record = publisher.publish([draft("r-7", rows=3)], world.upload)[0]
    assert record.ref == "dakhla/dataset/r-7@3"
    assert len(names(world)) == 1502


def test_recover_takes_over_at_once(world: World) -> None:
    world.publish("dakhla", draft("one"))
    again = world.publisher("dakhla", "restored", world.reader())
    assert again.head == LogHead(1)
    assert again.recover() == world.repository.head("dakhla")
    with pytest.raises(errors.VersionConflict):
        world.publisher("dakhla", "no-reader").recover()


def test_a_damaged_outbox_says_what_to_do(world: World) -> None:
    with pytest.raises(Cut):
        world.publisher("dakhla").publish([draft("one")], _cut)
    file = world.path / "homes/dakhla/log/outbox/pending.json"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(errors.RepositoryDamaged, match="remove it and publish again"):
        world.publish("dakhla", draft("one"))
    file.unlink()
    assert world.publish("dakhla", draft("one"))


def test_a_file_that_changes_while_it_waits(world: World, tmp_path: Path) -> None:
    """What is published is the file as it was when the command ran: a copy is kept."""
    (tmp_path / "rows.csv").write_bytes(b"before\n")
    waiting = draft(files={"rows.csv": tmp_path / "rows.csv"})
    with pytest.raises(Cut):
        world.publisher("dakhla").publish([waiting], _cut)
    (tmp_path / "rows.csv").write_bytes(b"after\n")
    world.publisher("dakhla").resume(world.upload)
    reader = world.reader()
    reader.refresh()
    assert reader.file(reader.record("dakhla/dataset/soil@1"), "rows.csv").read_bytes() == b"before\n"


def test_a_log_is_renewed_at_half_its_life(world: World) -> None:
    world.publish("dakhla")
    publisher = world.publisher("dakhla")
    assert not publisher.renew(world.upload)
    with frozen(now() + timedelta(days=INSTITUTE_DAYS // 2 + 1)):
        assert publisher.renew(world.upload)
        assert not publisher.renew(world.upload)
    assert publisher.renew(world.upload, force=True)
    assert names(world) == ["dakhla/dataset/soil@1"]


def _publish_on_a_full_disk(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))
    world = World.__new__(World)
    world.path = path
    from jazari.trust.keys import load_signer

    world.signers = {"dakhla": load_signer(path / "keys" / "dakhla.pem")}
    try:
        world.publisher("dakhla").publish([draft(files={"big.bin": path / "big.bin"})], _cut)
    except DiskFull as error:
        if "free some space" in str(error):
            raise SystemExit(42) from error


def test_a_full_disk_loses_nothing(world: World) -> None:
    (world.path / "big.bin").write_bytes(b"x" * 100_000)
    world.publish("dakhla", draft("before"))
    process = multiprocessing.get_context("spawn").Process(target=_publish_on_a_full_disk, args=(world.path,))
    process.start()
    process.join(60)
    assert process.exitcode == 42
    left = [path.name for path in (world.path / "homes/dakhla/log/blobs").rglob("*") if path.is_file()]
    assert left == []
    world.publish("dakhla", draft(files={"big.bin": world.path / "big.bin"}))
    assert names(world) == ["dakhla/dataset/before@1", "dakhla/dataset/soil@1"]
