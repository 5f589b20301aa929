"""Reading: what is new arrives cheaply, and what is wrong does not arrive at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jazari.trust import errors
from jazari.trust.ceremonies.proposals import propose_revocation
from jazari.trust.chain import LogState
from jazari.trust.http_source import HttpSource
from jazari.trust.log_writer import LogWriter
from jazari.trust.metadata import LogHead, blob_path, expiry, institute_metadata, sign
from jazari.trust.reading import Reader
from jazari.trust.segments import SEAL_RECORDS
from jazari.trust.sources import FolderSource
from jazari.trust.tests.later import days_later
from jazari.trust.tests.test_segments import line
from jazari.trust.tests.web import WebFolder
from jazari.trust.tests.world import World, draft
from jazari.trust.tuf_types import Metadata, Snapshot, TargetFile, Targets, Timestamp


def refs(reader: Reader, namespace: str = "dakhla") -> list[str]:
    return [record.ref.removeprefix(f"{namespace}/dataset/") for record in reader.records(namespace)]


def http_reader(world: World, web: WebFolder, name: str = "reader") -> Reader:
    return world.reader(name, HttpSource(web.url))


# -- what a reader is for ---------------------------------------------------------------------------------


def test_a_refresh_brings_exactly_what_is_new(world: World) -> None:
    world.publish("dakhla", draft("one"))
    world.publish("fes", draft("two"))
    reader = world.reader()
    first = reader.refresh()
    assert {record.ref for record in first.new_records} == {"dakhla/dataset/one@1", "fes/dataset/two@1"}
    assert len(first.new_records) == 2
    second = reader.refresh()
    assert (second.changed, len(second.new_records), second.directory_changed) == ((), 0, False)
    world.publish("fes", draft("three"))
    third = reader.refresh()
    assert third.changed == ("fes",)
    assert [record.name for record in third.new_records] == ["three"]
    assert list(third.new_records) == list(third.new_records), "it can be read again"
    assert third.snapshot > second.snapshot


def test_looking_things_up(world: World) -> None:
    world.publish("dakhla", draft("soil", rows=1), draft("study-a", "study"))
    world.publish("dakhla", draft("soil", rows=2))
    reader = world.reader()
    reader.refresh()
    assert reader.record("dakhla/dataset/soil@1").card == {"rows": 1}
    assert reader.latest("dakhla/dataset/soil").version == 2
    assert [record.ref for record in reader.records("dakhla", kind="study")] == ["dakhla/study/study-a@1"]
    assert [record.version for record in reader.records("dakhla", after=2)] == [2]
    assert len(list(reader.records())) == 3
    assert reader.namespaces() == ["dakhla", "fes", "network"]
    assert reader.head("dakhla").records == 3
    for missing in ("dakhla/dataset/soil@3", "dakhla/dataset/x@1", "nonsense", "dakhla/dataset/soil@x", ""):
        with pytest.raises(errors.RecordMissing):
            reader.record(missing)
    with pytest.raises(errors.RecordMissing):
        reader.latest("fes/dataset/soil")


def test_offline_it_goes_on_with_what_it_knows(world: World) -> None:
    world.publish("dakhla")
    world.reader().refresh()
    offline = world.reader(source=FolderSource(world.path / "nowhere"))
    with pytest.raises(errors.SourceUnavailable):
        offline.refresh()
    assert refs(offline) == ["soil@1"]
    assert offline.standing("dakhla") == "fresh"
    with pytest.raises(errors.SourceUnavailable, match="jazari sync"):
        world.reader("empty").directory()


def test_the_index_is_rebuilt_without_downloading_again(world: World, web: WebFolder) -> None:
    world.publish("dakhla", *(draft(f"r-{number}") for number in range(SEAL_RECORDS + 5)))
    http_reader(world, web).refresh()
    (world.path / "mirrors/reader/index.sqlite3").unlink()
    web.requests.clear()
    again = http_reader(world, web)
    assert len(again.refresh().new_records) == SEAL_RECORDS + 5
    assert web.bytes_of("targets/dakhla/log") == 0


def test_files_come_on_demand_and_once(world: World, web: WebFolder, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a,b\n" * 500)
    world.publish("dakhla", draft(files={"rows.csv": tmp_path / "rows.csv"}))
    reader = http_reader(world, web)
    reader.refresh()
    assert web.bytes_of("blobs") == 0
    record = reader.record("dakhla/dataset/soil@1")
    for _ in range(2):
        assert reader.file(record, "rows.csv").read_bytes() == b"a,b\n" * 500
    assert web.bytes_of("blobs") == 2000
    with pytest.raises(errors.FileAbsent):
        reader.file(record, "other.csv")


# -- cost -------------------------------------------------------------------------------------------------


def test_only_missing_frames_are_fetched(world: World, web: WebFolder) -> None:
    world.publish("dakhla", *(draft(f"r-{number}") for number in range(300)))
    reader = http_reader(world, web)
    reader.refresh()
    before = world.repository.head("dakhla").length
    world.publish("dakhla", draft("new"))
    web.requests.clear()
    reader.refresh()
    after = world.repository.head("dakhla").length
    assert web.bytes_of("dakhla/log") == after - before
    assert ("targets/dakhla/log/1.ndjson.zst", f"bytes={before}-{after - 1}", after - before) in web.requests
    assert len(web.requests) == 5, "root, timestamp, snapshot, institute, frames"


@pytest.mark.parametrize("history", [SEAL_RECORDS, 12 * SEAL_RECORDS])
def test_one_record_costs_the_same_whatever_came_before(history: int, tmp_path: Path) -> None:
    """Bytes sent, bytes fetched and lines parsed; benchmarks/ measures times as well."""
    world = World(tmp_path, ["dakhla"])
    publisher = world.publisher("dakhla")
    for start in range(0, history, 4000):
        publisher.publish([draft(f"r-{n}") for n in range(start, min(history, start + 4000))], world.upload)
    reader = world.reader()
    reader.refresh()
    sizes: list[int] = []
    parsed: list[int] = []
    original = LogWriter.append

    def upload(publication):  # type: ignore[no-untyped-def]
        sizes.append(publication.size)
        return world.upload(publication)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogWriter, "append", lambda self, lines: (parsed.append(len(lines)), original(self, lines))[1])
        patch.setattr("jazari.trust.chain.frames", _counting(parsed))
        publisher.publish([draft("new")], upload)
        report = reader.refresh()
    assert len(report.new_records) == 1
    assert sizes[0] < 1100
    assert report.bytes_downloaded < 2800
    assert sum(parsed) < 12, "the history was parsed again"


def _counting(parsed: list[int]):  # type: ignore[no-untyped-def]
    from jazari.trust.segments import frames

    def counted(data: bytes, offset: int = 0):  # type: ignore[no-untyped-def]
        for frame in frames(data, offset):
            parsed.append(len(frame.lines))
            yield frame

    return counted


# -- bad connections --------------------------------------------------------------------------------------


def big(world: World, size: int = 3_000_000) -> tuple[str, bytes]:
    import random

    content = random.Random(1).randbytes(size)
    (world.path / "big.bin").write_bytes(content)
    record = world.publish("dakhla", draft("big", files={"big.bin": world.path / "big.bin"}))[0]
    return f"targets/{blob_path(record.files[0].sha256)}", content


def test_a_cut_download_is_taken_up_where_it_was_cut(world: World, web: WebFolder) -> None:
    path, content = big(world)
    reader = http_reader(world, web)
    reader.refresh()
    web.cut_after[path] = 2_000_000
    assert reader.file(reader.record("dakhla/dataset/big@1"), "big.bin").read_bytes() == content
    asked = [asked for sent_path, asked, _ in web.requests if sent_path == path]
    assert asked[0] == "bytes=0-2999999"
    resumed_at = int(asked[1].removeprefix("bytes=").split("-")[0])
    assert resumed_at > 1_000_000
    assert web.bytes_of(path) < len(content) + 1_000_000


def test_it_is_taken_up_even_by_another_process(world: World, web: WebFolder) -> None:
    path, content = big(world)
    reader = http_reader(world, web)
    reader.refresh()
    part = reader.targets / (path.removeprefix("targets/") + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(content[:2_500_000])
    web.requests.clear()
    assert reader.file(reader.record("dakhla/dataset/big@1"), "big.bin").read_bytes() == content
    assert web.bytes_of(path) == 500_000
    assert not part.exists()


def test_a_poisoned_part_is_thrown_away(world: World, web: WebFolder) -> None:
    path, content = big(world)
    reader = http_reader(world, web)
    reader.refresh()
    part = reader.targets / (path.removeprefix("targets/") + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"poison" * 1000)
    assert reader.file(reader.record("dakhla/dataset/big@1"), "big.bin").read_bytes() == content
    part.write_bytes(b"x" * 4_000_000)
    (reader.targets / path.removeprefix("targets/")).unlink()
    assert reader.file(reader.record("dakhla/dataset/big@1"), "big.bin").read_bytes() == content


def test_a_poisoned_part_of_a_log_is_thrown_away(world: World, web: WebFolder) -> None:
    world.publish("dakhla", draft("one"))
    reader = http_reader(world, web)
    reader.refresh()
    length = reader.head("dakhla").length
    world.publish("dakhla", draft("two"))
    part = reader.targets / f"dakhla/log/1.ndjson.zst.{length}.part"
    part.write_bytes(b"poison")
    assert reader.refresh().problems == {}
    assert refs(reader) == ["one@1", "two@1"]
    assert not part.exists()


def test_a_server_without_ranges_works(world: World, web: WebFolder) -> None:
    web.ranges = False
    path, content = big(world)
    reader = http_reader(world, web)
    reader.refresh()
    web.cut_after[path] = 2_000_000
    assert reader.file(reader.record("dakhla/dataset/big@1"), "big.bin").read_bytes() == content
    world.publish("dakhla", draft("two"))
    assert reader.refresh().problems == {}
    assert refs(reader) == ["big@1", "two@1"]


def test_a_cut_in_the_log_or_the_metadata_loses_nothing(world: World, web: WebFolder) -> None:
    world.publish("dakhla", *(draft(f"r-{number}") for number in range(800)))
    reader = http_reader(world, web)
    web.cut_after["metadata/timestamp.json"] = 100
    with pytest.raises(errors.SourceUnavailable):
        reader.refresh()
    web.cut_after["targets/dakhla/log/1.ndjson.zst"] = 1000
    assert reader.refresh().problems == {}
    assert reader.head("dakhla").records == 800


def test_a_root_that_is_down_is_told_from_one_that_lies(world: World, web: WebFolder) -> None:
    web.down = True
    with pytest.raises(errors.SourceUnavailable, match="try again later") as caught:
        http_reader(world, web).refresh()
    assert not isinstance(caught.value, errors.Untrusted)
    web.close()
    with pytest.raises(errors.SourceUnavailable, match="check the connection"):
        http_reader(world, web).refresh()


def test_a_file_that_is_gone_at_the_root_stops_nobody_else(world: World, web: WebFolder) -> None:
    world.publish("dakhla")
    world.publish("fes")
    (world.path / "root/targets/dakhla/log/1.ndjson.zst").unlink()
    reader = http_reader(world, web)
    report = reader.refresh()
    assert set(report.problems) == {"dakhla"}
    assert refs(reader, "fes") == ["soil@1"]
    assert refs(reader) == []


# -- attacks ----------------------------------------------------------------------------------------------


def copy_of(world: World, name: str = "old") -> Path:
    return Path(shutil.copytree(world.path / "root", world.path / name))


def test_rollback_of_the_whole_repository(world: World) -> None:
    world.publish("dakhla", draft("one"))
    old = copy_of(world)
    world.publish("dakhla", draft("two"))
    reader = world.reader()
    reader.refresh()
    behind = world.reader(source=FolderSource(old))
    with pytest.raises(errors.RollbackSeen, match="tell the Root's team"):
        behind.refresh()
    assert refs(behind) == ["one@1", "two@1"]


def signed_snapshot(world: World, folder: Path, meta: dict[str, tuple[int, bytes]]) -> None:
    """What somebody who stole both online keys can sign: any snapshot and timestamp."""
    state = world.repository.committed()
    snapshot = Snapshot(version=state.snapshot.version + 1, expires=expiry(60), meta=dict(state.snapshot.meta))
    for role, (version, data) in meta.items():
        from jazari.trust.metadata import meta_file

        snapshot.meta[f"{role}.json"] = meta_file(version, data)
        (folder / f"metadata/{version}.{role}.json").write_bytes(data)
    data = sign(Metadata(snapshot), [world.signers["snapshot"]])
    (folder / f"metadata/{snapshot.version}.snapshot.json").write_bytes(data)
    named = Timestamp(
        version=state.timestamp.version + 1, expires=expiry(30), snapshot_meta=meta_file(snapshot.version, data)
    )
    (folder / "metadata/timestamp.json").write_bytes(sign(Metadata(named), [world.signers["timestamp"]]))


def test_rollback_of_one_institute_with_stolen_online_keys(world: World) -> None:
    world.publish("dakhla", draft("one"))
    world.publish("dakhla", draft("two"))
    reader = world.reader()
    reader.refresh()
    stolen = copy_of(world)
    signed_snapshot(world, stolen, {"dakhla": (2, world.repository.institute_bytes("dakhla", 2))})
    with pytest.raises(errors.RollbackSeen):
        world.reader(source=FolderSource(stolen)).refresh()
    assert refs(world.reader()) == ["one@1", "two@1"]


def test_stolen_online_keys_forge_no_record(world: World) -> None:
    world.publish("dakhla", draft("one"))
    reader = world.reader()
    reader.refresh()
    stolen = copy_of(world)
    state = world.repository.logs.catch_up("dakhla", world.repository.head("dakhla"))
    stored = world.repository.logs.stored("dakhla", 1, state.head.length)
    writer = LogWriter("dakhla", state, stored)
    writer.append([line(66)])
    following, pieces = writer.result(state.head.version + 1)
    forged = institute_metadata("dakhla", following.head, [world.signers["timestamp"]])
    signed_snapshot(world, stolen, {"dakhla": (following.head.version, forged)})
    (stolen / "targets/dakhla/log/1.ndjson.zst").write_bytes(stored + pieces[0].data)
    victim = world.reader(source=FolderSource(stolen))
    assert isinstance(victim.refresh().problems["dakhla"], errors.Untrusted)
    assert refs(victim) == ["one@1"]


def test_stolen_online_keys_admit_nobody(world: World) -> None:
    stolen = copy_of(world)
    state = world.repository.committed()
    thief = world.new_key("thief")
    targets = Metadata[Targets].from_bytes(world.repository.targets_bytes()).signed
    targets.version += 1
    targets.add_key(thief.public_key, "dakhla")
    data = sign(Metadata(targets), [thief, world.signers["snapshot"]])
    signed_snapshot(world, stolen, {"targets": (targets.version, data)})
    with pytest.raises(errors.Untrusted):
        world.reader(source=FolderSource(stolen)).refresh()
    assert state.targets.version == targets.version - 1


def test_mix_and_match(world: World, web: WebFolder) -> None:
    """Genuine files of different moments do not pass for one state."""
    world.publish("dakhla", draft("one"))
    world.publish("dakhla", draft("two"))
    old = world.repository.institute_bytes("dakhla", 2)
    web.replaced["metadata/3.dakhla.json"] = old
    report = http_reader(world, web).refresh()
    assert isinstance(report.problems["dakhla"], errors.Untrusted)
    newest = world.repository.committed().snapshot.version
    older = (world.path / f"root/metadata/{newest - 1}.snapshot.json").read_bytes()
    web.replaced[f"metadata/{newest}.snapshot.json"] = older
    with pytest.raises(errors.Untrusted):
        http_reader(world, web, "other").refresh()


def test_freeze_is_noticed_when_the_timestamp_expires(world: World) -> None:
    world.publish("dakhla")
    reader = world.reader()
    reader.refresh()
    with days_later(31):
        with pytest.raises(errors.Expired, match="check this machine's clock"):
            reader.refresh()
        assert reader.standing("dakhla") == "stale"
        assert refs(reader) == ["soil@1"]
        with pytest.raises(errors.Expired):
            world.reader("new").refresh()
        assert world.repository.refresh_timestamp()
        reader.refresh()
        assert reader.standing("dakhla") == "fresh"


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_wrong_by_a_day_still_reads(world: World, days: int) -> None:
    world.publish("dakhla")
    with days_later(days):
        reader = world.reader()
        assert reader.refresh().problems == {}
        assert reader.standing("dakhla") == "fresh"


def test_the_timestamp_is_signed_daily_and_the_snapshot_in_time(world: World) -> None:
    assert not world.repository.refresh_timestamp()
    with days_later(1.1):
        assert world.repository.refresh_timestamp()
        assert not world.repository.refresh_timestamp()
    version = world.repository.committed().snapshot.version
    with days_later(40):
        assert world.repository.refresh_timestamp()
        assert world.repository.committed().snapshot.version == version + 1
        assert world.reader().refresh().problems == {}


def test_an_expired_institute_is_stale_and_brings_nothing_new(world: World) -> None:
    world.publish("dakhla", draft("one"))
    world.publish("fes", draft("one"))
    reader = world.reader()
    reader.refresh()
    with days_later(181):
        world.publisher("fes").renew(world.upload)
        reader.refresh()
        assert reader.standing("dakhla") == "stale"
        assert reader.standing("fes") == "fresh"
        assert refs(reader) == ["one@1"]
        newcomer = world.reader("new")
        assert isinstance(newcomer.refresh().problems["dakhla"], errors.Expired)
        assert refs(newcomer) == []
        assert refs(newcomer, "fes") == ["one@1"]


def test_a_revoked_institute_is_frozen_where_the_board_says(world: World) -> None:
    world.publish("dakhla", draft("good"))
    world.publish("dakhla", draft("forged-by-a-thief"))
    reader = world.reader()
    reader.refresh()
    world.finish(propose_revocation(world.repository, "dakhla", 2))
    report = reader.refresh()
    assert report.shortened == ("dakhla",)
    assert report.problems == {}
    for each in (reader, world.reader("new")):
        each.refresh()
        assert refs(each) == ["good@1"]
        assert each.standing("dakhla") == "frozen"
        with pytest.raises(errors.RecordMissing):
            each.record("dakhla/dataset/forged-by-a-thief@1")
    with days_later(400):
        assert reader.standing("dakhla") == "frozen", "frozen does not expire"


def test_a_revocation_over_several_segments(world: World) -> None:
    world.publish("dakhla", *(draft(f"r-{number}") for number in range(SEAL_RECORDS - 1)))
    world.publish("dakhla", *(draft(f"s-{number}") for number in range(SEAL_RECORDS + 9)))
    reader = world.reader()
    reader.refresh()
    world.finish(propose_revocation(world.repository, "dakhla", 2))
    for each in (reader, world.reader("new")):
        assert each.refresh().problems == {}
        assert each.head("dakhla").records == SEAL_RECORDS - 1


def rewritten(world: World, lines: list[bytes], version: int) -> None:
    """The institute signs another history, and a Root that plays along serves it."""
    writer = LogWriter("dakhla", LogState(LogHead(1)), b"")
    writer.append(lines)
    following, pieces = writer.result(version)
    metadata = institute_metadata("dakhla", following.head, [world.signers["dakhla"]])
    for piece in pieces:
        (world.path / f"root/targets/dakhla/log/{piece.segment}.ndjson.zst").write_bytes(piece.data)
    with world.repository.locked():
        world.repository.commit({"dakhla": (version, metadata)})


@pytest.mark.parametrize("length", [1, 2, 30, SEAL_RECORDS + 30])
def test_a_rewritten_history_is_refused(world: World, length: int) -> None:
    """A hash that changes under an existing path, shorter, longer or over several segments."""
    world.publish("dakhla", draft("one"), draft("two"))
    reader = world.reader()
    reader.refresh()
    rewritten(world, [line(number) for number in range(length)], 3)
    problem = reader.refresh().problems["dakhla"]
    assert isinstance(problem, errors.HistoryRewritten)
    assert refs(reader) == ["one@1", "two@1"]
    assert reader.refresh().problems, "it is said every time"


def test_a_sealed_segment_that_was_changed_is_refused(world: World) -> None:
    world.publish("dakhla", *(draft(f"r-{number}") for number in range(SEAL_RECORDS + 10)))
    path = world.path / "root/targets/dakhla/log/1.ndjson.zst"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    reader = world.reader()
    assert isinstance(reader.refresh().problems["dakhla"], errors.BadDownload)
    assert refs(reader) == []
    assert not list((reader.targets / "dakhla").rglob("1.ndjson.zst"))


def test_a_truncated_segment_is_refused(world: World) -> None:
    world.publish("dakhla")
    path = world.path / "root/targets/dakhla/log/1.ndjson.zst"
    path.write_bytes(path.read_bytes()[:-1])
    reader = world.reader()
    with pytest.raises(errors.SourceUnavailable, match="shorter"):
        reader.refresh()
    assert refs(reader) == []


def test_a_blob_that_was_changed_is_refused(world: World) -> None:
    path, content = big(world, 1000)
    (world.path / "root" / path).write_bytes(content[:-1] + b"x")
    reader = world.reader()
    reader.refresh()
    with pytest.raises(errors.BadDownload, match="not what was signed"):
        reader.file(reader.record("dakhla/dataset/big@1"), "big.bin")
    assert not list(reader.targets.rglob("*.part"))


@pytest.mark.parametrize("path", ["fes/log/1.ndjson.zst", "dakhla/log/../../fes/log/1.ndjson.zst", "dakhla/log/x"])
def test_path_tricks_of_an_institute_are_refused(world: World, path: str) -> None:
    """Even if a stolen Root lets the metadata through."""
    world.publish("fes")
    file = TargetFile(5, {"sha256": "0" * 64}, path)
    file.unrecognized_fields["custom"] = {"records": 1}
    targets = Targets(version=2, expires=expiry(100), targets={path: file})
    with world.repository.locked():
        world.repository.commit({"dakhla": (2, sign(Metadata(targets), [world.signers["dakhla"]]))})
    reader = world.reader()
    assert isinstance(reader.refresh().problems["dakhla"], errors.Untrusted)
    assert refs(reader, "fes") == ["soil@1"]


def test_an_absurd_size_is_not_fetched(world: World, web: WebFolder) -> None:
    head = LogHead(2, 1, 10**12, "0" * 64, 1)
    metadata = institute_metadata("dakhla", head, [world.signers["dakhla"]])
    with world.repository.locked():
        world.repository.commit({"dakhla": (2, metadata)})
    assert isinstance(http_reader(world, web).refresh().problems["dakhla"], errors.Untrusted)
    assert web.bytes_of("dakhla/log") == 0


def test_metadata_without_end_is_cut_off(world: World, web: WebFolder) -> None:
    web.replaced["metadata/timestamp.json"] = b" " * 5_000_000
    reader = http_reader(world, web)
    with pytest.raises(errors.TrustError):
        reader.refresh()
    assert reader.source.bytes_read < 1_000_000


def test_another_networks_root_is_not_ours(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other", institutes=())
    with pytest.raises(errors.Untrusted):
        Reader(tmp_path / "mirror", FolderSource(other.path / "root"), world.trusted_root).refresh()


def test_nonsense_is_no_trusted_root(world: World) -> None:
    with pytest.raises(errors.Untrusted):
        Reader(world.path / "mirror", world.source(), b"{}").refresh()


def test_bytes_past_the_committed_end_are_nobodys(world: World) -> None:
    """A crash may leave more in the open segment than what was committed."""
    world.publish("dakhla", draft("one"))
    with (world.path / "root/targets/dakhla/log/1.ndjson.zst").open("ab") as file:
        file.write(b"half a frame")
    reader = world.reader()
    reader.refresh()
    world.publish("dakhla", draft("two"))
    reader.refresh()
    assert refs(reader) == ["one@1", "two@1"]
    assert refs(_fresh(world)) == ["one@1", "two@1"]


def _fresh(world: World) -> Reader:
    reader = world.reader("fresh")
    assert reader.refresh().problems == {}
    return reader


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def _spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [_cut, _spoil, Path.unlink], ids=["cut", "spoilt", "gone"])
def test_what_a_mirror_lost_is_said_and_fetched_again(world: World, harm: Callable[[Path], None]) -> None:
    world.publish("dakhla")
    reader = world.reader()
    reader.refresh()
    harm(reader.targets / "dakhla/log/1.ndjson.zst")
    with pytest.raises(errors.RepositoryDamaged, match="run `jazari sync`, which fetches it again"):
        reader.record("dakhla/dataset/soil@1")
    assert reader.refresh().problems == {}
    assert reader.record("dakhla/dataset/soil@1").card == draft().card
    assert reader.refresh().bytes_downloaded < 2000, "nothing is fetched twice"


@pytest.mark.parametrize("harm", [_cut, _spoil, Path.unlink], ids=["cut", "spoilt", "gone"])
def test_nobody_is_blamed_for_what_a_mirror_lost(world: World, harm: Callable[[Path], None]) -> None:
    world.publish("dakhla", draft("one"))
    reader = world.reader()
    reader.refresh()
    harm(reader.targets / "dakhla/log/1.ndjson.zst")
    world.publish("dakhla", draft("two"))
    assert world.reader().refresh().problems == {}
    assert refs(world.reader()) == ["one@1", "two@1"]


def test_a_sealed_segment_that_a_mirror_lost_is_fetched_again(world: World) -> None:
    world.publish("dakhla", *(draft(f"d{number}") for number in range(SEAL_RECORDS + 5)))
    reader = world.reader()
    reader.refresh()
    known = refs(reader)
    _spoil(reader.targets / "dakhla/log/1.ndjson.zst")
    reader = world.reader()
    with pytest.raises(errors.RepositoryDamaged):
        refs(reader)
    assert reader.refresh().problems == {}
    assert refs(reader) == known


def test_a_lying_source_cannot_use_a_loss_to_change_what_was_known(world: World) -> None:
    world.publish("dakhla")
    reader = world.reader()
    reader.refresh()
    _cut(reader.targets / "dakhla/log/1.ndjson.zst")
    _spoil(world.path / "root/targets/dakhla/log/1.ndjson.zst")
    assert isinstance(reader.refresh().problems["dakhla"], errors.BadDownload)
    with pytest.raises(errors.RepositoryDamaged):
        reader.record("dakhla/dataset/soil@1")
