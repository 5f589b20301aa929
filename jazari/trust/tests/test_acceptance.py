"""What the Root refuses: each attack with real keys, and nothing of it is ever visible."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.core.clock import frozen, now
from jazari.core.errors import ExitCode, JazariError
from jazari.trust import errors
from jazari.trust.acceptance import accept
from jazari.trust.ceremonies.proposals import propose_revocation
from jazari.trust.chain import LogState, Piece
from jazari.trust.log_writer import LogWriter
from jazari.trust.metadata import INSTITUTE_DAYS, LogHead, expiry, institute_metadata, log_pattern, sign
from jazari.trust.publication import Publication, Receipt
from jazari.trust.records import Record
from jazari.trust.segments import SEAL_RECORDS, SegmentHeader, encode_frame
from jazari.trust.tests.test_segments import line
from jazari.trust.tests.world import World, any_card, draft
from jazari.trust.tuf_types import DelegatedRole, Delegations, Metadata, TargetFile, Targets

_COUNTER = itertools.count()


class Stopped(Exception):
    """Raised by an upload that only looks."""


def prepared(world: World, namespace: str = "dakhla", *drafts: Any) -> Publication:
    """A good publication of ``namespace`` that was not sent."""
    seen: list[Publication] = []

    def look(publication: Publication) -> Receipt:
        seen.append(world.travelled(publication))
        raise Stopped

    with pytest.raises(Stopped):
        world.publisher(namespace, f"{namespace}-looking-{next(_COUNTER)}").publish(drafts or [draft()], look)
    return seen[0]


def snapshot(world: World) -> dict[str, bytes]:
    """Everything that readers can reach from the committed metadata, byte for byte."""
    root = world.path / "root"
    timestamp = (root / "metadata/timestamp.json").read_bytes()
    state = world.repository.committed()
    logs = {name: world.repository.head(name) for name in state.directory.entries}
    return {"timestamp": timestamp, "logs": repr(sorted(logs.items())).encode()}


def refused(world: World, publication: Publication, error: type[JazariError], match: str = "") -> None:
    """The Root refuses with ``error``, says so in one sentence, and its state stays as it was."""
    before = snapshot(world)
    with pytest.raises(error, match=match) as caught:
        accept(world.repository, publication, any_card)
    assert "\n" not in str(caught.value)
    assert snapshot(world) == before


def forged(
    world: World,
    lines: list[bytes],
    *,
    namespace: str = "dakhla",
    signer: str = "dakhla",
    state: LogState | None = None,
    stored: bytes = b"",
) -> Publication:
    """A publication that its signer signed correctly, whatever its lines say."""
    writer = LogWriter(namespace, state or LogState(LogHead(1)), stored)
    writer.append(lines)
    following, pieces = writer.result((state.head.version if state else 1) + 1)
    metadata = institute_metadata(namespace, following.head, [world.signers[signer]])
    return Publication(namespace, following.head.version, metadata, tuple(pieces), {}, received=True)


def current(world: World, namespace: str = "dakhla") -> tuple[LogState, bytes]:
    logs = world.repository.logs
    state = logs.catch_up(namespace, world.repository.head(namespace))
    return state, logs.stored(namespace, state.head.segment, state.head.length)


def test_a_good_publication_is_accepted(world: World, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a,b\n")
    publication = prepared(world, "dakhla", draft(files={"rows.csv": tmp_path / "rows.csv"}))
    accepted = accept(world.repository, publication, any_card)
    assert [record.ref for record in accepted.records] == ["dakhla/dataset/soil@1"]
    assert accepted.receipt.version == accepted.version == 2
    reader = world.reader()
    reader.refresh()
    assert reader.file(reader.record("dakhla/dataset/soil@1"), "rows.csv").read_bytes() == b"a,b\n"


def test_a_repeat_is_answered_with_the_same_receipt(world: World) -> None:
    publication = prepared(world)
    first = accept(world.repository, publication, any_card)
    again = accept(world.repository, publication, any_card)
    assert again.repeated
    assert again.receipt == first.receipt
    world.publish("fes")
    assert accept(world.repository, publication, any_card).receipt.metadata == first.receipt.metadata
    assert len(world.reader().refresh().new_records) == 2


def test_another_version_than_the_next_is_a_conflict(world: World) -> None:
    publication = prepared(world)
    world.publish("dakhla", draft("other"))
    refused(world, publication, errors.VersionConflict, "the Root has 2")
    refused(world, replace(publication, version=9), errors.VersionConflict)


def test_the_stolen_online_keys_publish_nothing(world: World) -> None:
    for thief in ("snapshot", "timestamp", "network", "fes", "amina"):
        refused(world, forged(world, [line(1)], signer=thief), errors.WrongSigner)


def test_an_unknown_institute_is_refused(world: World) -> None:
    world.new_key("agadir")
    publication = forged(world, [line(1, namespace="agadir")], namespace="agadir", signer="agadir")
    refused(world, publication, errors.NotAdmitted, "not admitted")


def test_a_revoked_institute_is_refused(world: World) -> None:
    publication = prepared(world)
    world.finish(propose_revocation(world.repository, "dakhla"))
    refused(world, publication, errors.NotAdmitted, "revoked")


def test_writing_in_another_namespace_is_refused(world: World) -> None:
    refused(world, forged(world, [line(1, namespace="fes")]), errors.OutsideNamespace, "in the log of dakhla")
    own = forged(world, [line(1)])
    refused(world, replace(own, namespace="fes"), errors.WrongSigner)


@pytest.mark.parametrize(
    "path",
    [
        "fes/log/1.ndjson.zst",
        "dakhla/../fes/log/1.ndjson.zst",
        "dakhla/log/../../fes/log/1.ndjson.zst",
        "dakhla//log/1.ndjson.zst",
        "dakhla/log/01.ndjson.zst",
        "dakhla/log/1.ndjson.zst/",
        "dakhla/log/1.ndjson.zst\n",
        "dakhla/log/١.ndjson.zst",
        "dakhla/LOG/1.ndjson.zst",
        "dakhla/log/%2e%2e",
        "directory.json",
        "",
    ],
)
def test_path_tricks_are_refused(world: World, path: str) -> None:
    good = prepared(world)
    file = TargetFile(5, {"sha256": "0" * 64}, path)
    file.unrecognized_fields["custom"] = {"records": 1}
    targets = Targets(version=2, expires=expiry(INSTITUTE_DAYS), targets={path: file})
    metadata = sign(Metadata(targets), [world.signers["dakhla"]])
    refused(world, replace(good, metadata=metadata), errors.OutsideNamespace)


def test_more_than_the_own_log_is_refused(world: World) -> None:
    good = prepared(world)
    key = world.signers["fes"].public_key
    role = DelegatedRole("fes", [key.keyid], 1, True, paths=[log_pattern("fes")])
    delegating = Targets(version=2, expires=expiry(10), delegations=Delegations({key.keyid: key}, {"fes": role}))
    metadata = sign(Metadata(delegating), [world.signers["dakhla"]])
    refused(world, replace(good, metadata=metadata), errors.OutsideNamespace, "more than its log")


@pytest.mark.parametrize("custom", [None, {}, {"records": 0}, {"records": "1"}, {"records": True}, []])
def test_a_head_without_count_is_refused(world: World, custom: Any) -> None:
    good = prepared(world)
    file = TargetFile(5, {"sha256": "0" * 64}, "dakhla/log/1.ndjson.zst")
    file.unrecognized_fields["custom"] = custom
    targets = Targets(version=2, expires=expiry(10), targets={file.path: file})
    metadata = sign(Metadata(targets), [world.signers["dakhla"]])
    refused(world, replace(good, metadata=metadata), errors.OutsideNamespace)


@pytest.mark.parametrize("metadata", [b"", b"{}", b"x" * 100_000, b'{"signed":{"_type":"root"},"signatures":[]}'])
def test_what_is_no_metadata_is_refused(world: World, metadata: bytes) -> None:
    refused(world, replace(prepared(world), metadata=metadata), errors.BadPublication)


def test_root_metadata_is_no_publication(world: World) -> None:
    refused(world, replace(prepared(world), metadata=world.trusted_root), errors.BadPublication)


def test_published_records_do_not_change(world: World) -> None:
    world.publish("dakhla", draft("one"), draft("two"))
    state, stored = current(world)
    refused(world, forged(world, [line(9)]), errors.VersionConflict)
    restarted = forged(world, [line(9)], state=LogState(LogHead(2)))
    refused(world, restarted, errors.HistoryChanged)
    again = forged(world, [stored_line(world, "one")], state=state, stored=stored)
    refused(world, again, errors.HistoryChanged, "published versions never change")


def stored_line(world: World, name: str) -> bytes:
    return world.repository.logs.find(f"dakhla/dataset/{name}@1").to_line()


def test_a_hash_that_changes_under_an_existing_path_is_refused(world: World) -> None:
    """TUF allows it; we do not: the new segment must continue the old bytes."""
    world.publish("dakhla", draft("one"))
    other = forged(world, [line(5), line(6)], state=LogState(LogHead(2)))
    refused(world, replace(other, pieces=(Piece(1, 0, other.pieces[0].data),)), errors.HistoryChanged)
    state, _ = current(world)
    tail = Piece(1, state.head.length, other.pieces[0].data[state.head.length :])
    refused(world, replace(other, pieces=(tail,)), errors.PublicationRefused)


def test_a_sealed_segment_does_not_change(world: World) -> None:
    world.publish("dakhla", *(draft(f"r-{number}") for number in range(SEAL_RECORDS)))
    state, stored = current(world)
    assert state.full
    frame = encode_frame([line(7000)])
    refused(world, _headed(world, [Piece(1, len(stored), frame)]), errors.HistoryChanged)
    header = SegmentHeader("dakhla", 2, SEAL_RECORDS, "0" * 64, len(stored))
    refused(world, _headed(world, [Piece(2, 0, encode_frame([header.to_line(), line(7000)]))]), errors.HistoryChanged)
    refused(world, _headed(world, [Piece(3, 0, frame)]), errors.HistoryChanged)
    good = forged(world, [line(7000)], state=state, stored=stored)
    assert accept(world.repository, good, any_card).records[0].name == "r-7000"


def _headed(world: World, pieces: list[Piece]) -> Publication:
    head = LogHead(3, pieces[-1].segment, 10, "0" * 64, 1)
    metadata = institute_metadata("dakhla", head, [world.signers["dakhla"]])
    return Publication("dakhla", 3, metadata, tuple(pieces), {}, received=True)


def test_the_signed_head_is_what_the_bytes_say(world: World) -> None:
    good = prepared(world)
    short = replace(good, pieces=(Piece(1, 0, good.pieces[0].data[:-1]),))
    refused(world, short, errors.BadPublication, "cut short")
    refused(world, replace(good, pieces=()), errors.HistoryChanged, "ends otherwise")
    doubled = replace(good, pieces=(good.pieces[0], Piece(1, len(good.pieces[0].data), encode_frame([line(4)]))))
    refused(world, doubled, errors.HistoryChanged, "ends otherwise")


def test_the_log_is_not_dropped(world: World) -> None:
    world.publish("dakhla")
    metadata = institute_metadata("dakhla", LogHead(3), [world.signers["dakhla"]])
    refused(world, Publication("dakhla", 3, metadata, (), {}, received=True), errors.HistoryChanged)


def test_a_record_from_the_future_names_both_clocks(world: World) -> None:
    with frozen(now() + timedelta(days=1)):
        publication = prepared(world)
    refused(world, publication, errors.ClockWrong, "Root's clock says")


def test_a_clock_that_is_a_day_behind_still_publishes(world: World) -> None:
    with frozen(now() - timedelta(days=1)):
        publication = prepared(world)
    assert accept(world.repository, publication, any_card).records


def test_metadata_for_too_long_or_too_late_is_refused(world: World) -> None:
    good = prepared(world)
    for days, word in ((INSTITUTE_DAYS + 30, "longer than"), (-1, "expired")):
        targets = Metadata[Targets].from_bytes(good.metadata).signed
        targets.expires = expiry(days)
        metadata = sign(Metadata(targets), [world.signers["dakhla"]])
        refused(world, replace(good, metadata=metadata), errors.ClockWrong, word)


def test_a_missing_file_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a,b\n")
    publication = prepared(world, "dakhla", draft(files={"rows.csv": tmp_path / "rows.csv"}))
    refused(world, replace(publication, files={}), errors.FileMissing)
    accept(world.repository, publication, any_card)
    again = prepared(world, "fes", draft(files={"rows.csv": tmp_path / "rows.csv"}))
    assert accept(world.repository, replace(again, files={}), any_card).records, "the Root has it already"


def test_a_file_that_nobody_names_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "hidden").write_bytes(b"rows of persons")
    publication = prepared(world)
    refused(world, replace(publication, files={"0" * 64: tmp_path / "hidden"}), errors.BadPublication, "no record")


class BadCard(JazariError):
    """A validator's refusal."""

    code = "trust-test.bad-card"
    exit_code = ExitCode.USAGE


def test_a_card_that_is_not_valid_is_refused(world: World) -> None:
    def check(record: Record) -> None:
        if "rows" not in record.card:
            raise BadCard("Say how many rows there are.")

    before = snapshot(world)
    with pytest.raises(errors.CardRefused, match="dakhla/dataset/soil@1 is not valid: Say how many rows"):
        accept(world.repository, prepared(world), check)
    assert snapshot(world) == before
    assert accept(world.repository, prepared(world, "dakhla", draft(rows=3)), check).records


def test_a_validator_that_breaks_denies(world: World) -> None:
    def broken(_record: Record) -> None:
        raise ZeroDivisionError

    before = snapshot(world)
    with pytest.raises(ZeroDivisionError):
        accept(world.repository, prepared(world), broken)
    assert snapshot(world) == before


@pytest.fixture
def heard() -> list[AuditEvent]:
    found: list[AuditEvent] = []
    events.subscribe(AuditEvent, found.append)
    return found


def test_acceptance_and_refusal_are_in_the_audit_trail(world: World, heard: list[AuditEvent]) -> None:
    publication = prepared(world)
    refused(world, forged(world, [line(1)], signer="fes"), errors.WrongSigner)
    accept(world.repository, publication, any_card)
    kinds = [(event.kind, event.actor, event.detail.get("code")) for event in heard]
    assert kinds == [
        ("trust.publication-refused", "dakhla", "trust.wrong-signer"),
        ("trust.publication-accepted", "dakhla", None),
    ]
    assert heard[1].id == publication.metadata_digest


def test_what_cannot_be_audited_does_not_happen(world: World) -> None:
    def no_trail(_event: AuditEvent) -> None:
        raise OSError("the audit trail cannot be written")

    publication, before = prepared(world), snapshot(world)
    events.subscribe(AuditEvent, no_trail)
    with pytest.raises(OSError, match="audit trail"):
        accept(world.repository, publication, any_card)
    events.unsubscribe(AuditEvent, no_trail)
    assert snapshot(world) == before
    assert accept(world.repository, publication, any_card).records


def test_the_roots_index_is_only_a_cache(world: World) -> None:
    world.publish("dakhla", draft("one"))
    (world.path / "root/state/index.sqlite3").unlink()
    world.repository = world.open_repository()
    world.publish("dakhla", draft("two"))
    (world.path / "root/state/index.sqlite3").write_bytes(b"damaged" * 1000)
    for suffix in ("-wal", "-shm"):
        (world.path / f"root/state/index.sqlite3{suffix}").unlink(missing_ok=True)
    world.repository = world.open_repository()
    world.publish("dakhla", draft("three"))
    reader = world.reader()
    reader.refresh()
    assert [record.name for record in reader.records("dakhla")] == ["one", "two", "three"]
