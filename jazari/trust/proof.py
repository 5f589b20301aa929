"""Proving one record from a reader's mirror, step by step, each with what was compared.

Nothing is taken from an earlier verification: every signature and hash on the way from the pinned root to the record's
line and files is computed again from the bytes on this disk. The index only says in which segment to look. Nothing is
written. The first step that fails ends the proof: what rests on it is not reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError

from jazari.core.clock import now
from jazari.core.errors import JazariError
from jazari.core.files import plain_os_errors
from jazari.core.identifiers import RecordRef
from jazari.trust.blobs import hash_file
from jazari.trust.board import check_board_targets, verify_root
from jazari.trust.delegation import verify_delegated
from jazari.trust.directory import DIRECTORY_TARGET, MAX_DIRECTORY_BYTES, Directory
from jazari.trust.errors import BadDownload, RecordMissing, SourceUnavailable, TrustError, Untrusted
from jazari.trust.log_index import Position
from jazari.trust.metadata import LogHead, Signed, blob_path, frozen_head, head_of, parse
from jazari.trust.reading import Reader
from jazari.trust.records import Record
from jazari.trust.segments import MAX_SEGMENT_BYTES, SegmentHeader, frames
from jazari.trust.tuf_types import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

MAX_METADATA = 32 * 1024 * 1024
MOST_HASHED = 200 * 1024 * 1024
"""Bytes of files that one proof hashes; of larger ones only the size is compared, and the step says so."""


class StepName(StrEnum):
    """The steps of a proof, in their order."""

    ROOT = "root"
    SNAPSHOT = "snapshot"
    DIRECTORY = "directory"
    INSTITUTE = "institute"
    LOG = "log"
    RECORD = "record"
    FILES = "files"
    FRESHNESS = "freshness"


@dataclass(frozen=True)
class Step:
    """One step: ``passed`` is None where an earlier one failed. ``facts`` is what was compared, ``problem`` what
    is wrong."""

    name: StepName
    passed: bool | None
    facts: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Proof:
    """What was found about ``ref``. ``record`` is the proven record, None where it could not be proven."""

    ref: str
    as_of: datetime
    steps: tuple[Step, ...]
    record: Record | None

    @property
    def ok(self) -> bool:
        """Whether every step passed."""
        return all(step.passed for step in self.steps)

    @property
    def failed(self) -> Step | None:
        """The first step that did not pass."""
        return next((step for step in self.steps if not step.passed), None)


def prove(reader: Reader, trusted_root: bytes, ref: str, digest: str = "", as_of: datetime | None = None) -> Proof:
    """Prove ``ref`` from ``reader``'s mirror. It never raises for what the mirror holds.

    ``digest``: what the record is believed to be elsewhere (in an index), which must be the proven one.
    """
    return _Prover(reader, trusted_root, ref, digest, as_of or now()).run()


class _Prover:
    def __init__(self, reader: Reader, trusted_root: bytes, ref: str, digest: str, as_of: datetime) -> None:
        self.reader = reader
        self.trusted_root = trusted_root
        self.ref = ref
        self.digest = digest
        self.as_of = as_of
        self.namespace = ref.partition("/")[0]
        self.expiries: dict[str, datetime] = {}
        self.record: Record | None = None

    def run(self) -> Proof:
        actions: dict[StepName, Callable[[], dict[str, Any]]] = {
            StepName.ROOT: self._root,
            StepName.SNAPSHOT: self._snapshot,
            StepName.DIRECTORY: self._directory,
            StepName.INSTITUTE: self._institute,
            StepName.LOG: self._log,
            StepName.RECORD: self._record,
            StepName.FILES: self._files,
            StepName.FRESHNESS: self._freshness,
        }
        steps: list[Step] = []
        for name, action in actions.items():
            broken = any(not step.passed for step in steps)
            steps.append(Step(name, None) if broken else _attempt(name, action))
        return Proof(self.ref, self.as_of, tuple(steps), self.record if steps[-3].passed else None)

    def _root(self) -> dict[str, Any]:
        metadata = parse(Root, self.trusted_root, "The pinned root")
        verify_root(None, metadata)
        pinned = metadata.signed.version
        while (path := self.reader.metadata / "root_history" / f"{metadata.signed.version + 1}.root.json").is_file():
            following = parse(Root, _read(path, MAX_METADATA), path.name)
            verify_root(metadata.signed, following)
            metadata = following
        self.root = metadata.signed
        self._expires("root", self.root)
        role = self.root.roles["root"]
        return {
            "pinned": pinned,
            "version": self.root.version,
            "needed": role.threshold,
            "members": len(role.keyids),
            "keys": _valid_keys(self.root, "root", metadata),
        }

    def _snapshot(self) -> dict[str, Any]:
        stamp = self._signed(Timestamp, "timestamp", None)
        self.snapshot = self._signed(Snapshot, "snapshot", stamp.snapshot_meta)
        hashes = stamp.snapshot_meta.hashes or {}
        return {
            "timestamp": stamp.version,
            "snapshot": self.snapshot.version,
            "sha256": hashes.get("sha256", ""),
        }

    def _directory(self) -> dict[str, Any]:
        self.board = self._signed(Targets, "targets", self.snapshot.meta["targets.json"])
        target = self.board.targets[DIRECTORY_TARGET]
        data = _read(self.reader.targets / DIRECTORY_TARGET, MAX_DIRECTORY_BYTES)
        target.verify_length_and_hashes(data)
        directory = Directory.from_bytes(data)
        check_board_targets(self.board, directory)
        entry = directory.entries.get(self.namespace)
        if entry is None:
            raise Untrusted(f"{self.namespace} is not in the directory that the board signed: do not rely on it.")
        self.entry = entry
        return {
            "network": directory.network_name,
            "sha256": target.hashes["sha256"],
            "admitted": entry.admitted,
            "keys": entry.key_ids(),
            "needed": entry.threshold,
            "frozen": entry.frozen_version,
        }

    def _institute(self) -> dict[str, Any]:
        if self.entry.frozen_version is not None:
            self.head = frozen_head(self.namespace, self.entry.frozen_version, self.board)
            return {"frozen": self.entry.frozen_version, "keys": []}
        named = self.snapshot.meta[f"{self.namespace}.json"]
        metadata: Metadata[Targets] = self._named(Targets, self.namespace, named)
        verify_delegated(self.board, self.namespace, metadata)
        self._expires("institute", metadata.signed)
        self.head = head_of(self.namespace, metadata.signed)
        return {"version": metadata.signed.version, "keys": _valid_keys(self.board, self.namespace, metadata)}

    def _log(self) -> dict[str, Any]:
        """Hashes from the signed end back to the segment that holds the record; each names the one before it."""
        self.position = self._position()
        length, sha256, checked = self.head.length, self.head.sha256, 0
        for segment in range(self.head.segment, self.position.segment - 1, -1):
            data = self._segment(segment)[:length]
            if hashlib.sha256(data).hexdigest() != sha256:
                raise BadDownload(f"Segment {segment} of the log is not what was signed: its hash is another one.")
            header = SegmentHeader.from_line(next(iter(frames(data))).lines[0])
            if (header.namespace, header.segment) != (self.namespace, segment):
                raise Untrusted(f"Segment {segment} says that it is another one.")
            self.found, self.header, checked = (data, sha256), header, checked + 1
            length, sha256 = header.previous_length, header.previous_sha256
        return {
            "segment": self.position.segment,
            "last_segment": self.head.segment,
            "segments": checked,
            "records": self.head.records,
            "sha256": self.head.sha256,
        }

    def _position(self) -> Position:
        parsed = RecordRef.parse(self.ref)
        position = self.reader.logs.index.find(parsed.series, parsed.version)
        if position is None or not 0 < position.segment <= self.head.segment:
            raise RecordMissing(f"{self.ref} is not in the log that is here: run `jazari sync`.")
        return position

    def _record(self) -> dict[str, Any]:
        """The record's line stands in the bytes whose hash was compared, and is what was indexed."""
        number, line = next(self._line(), (0, b""))
        if not number:
            raise RecordMissing(f"{self.ref} is not in the segment where it was indexed: build the index again.")
        record = Record.from_line(line)
        if self.digest and record.digest != self.digest:
            raise BadDownload("What the catalogue shows is not what was signed: build the index again.")
        self.record = record
        return {"number": number, "digest": record.digest, "indexed": self.digest, "bytes": len(line)}

    def _line(self) -> Iterator[tuple[int, bytes]]:
        lines = [line for frame in frames(self.found[0]) for line in frame.lines][1:]
        wanted = self.position.number - self.header.records_before - 1
        if 0 <= wanted < len(lines) and Record.from_line(lines[wanted]).ref == self.ref:
            yield self.position.number, lines[wanted]

    def _files(self) -> dict[str, Any]:
        hashed, sized, room = [], [], MOST_HASHED
        for file in self.record.files if self.record else ():
            path = self.reader.targets / blob_path(file.sha256)
            if not path.is_file() or path.stat().st_size != file.size:
                raise SourceUnavailable(f"The file {file.name} is not here, or not with its size: fetch it first.")
            if file.size > room:
                sized.append(file.name)
                continue
            room -= file.size
            if hash_file(path) != (file.sha256, file.size):
                raise BadDownload(f"The file {file.name} on this disk is not what was signed.")
            hashed.append(file.name)
        return {"hashed": hashed, "sized": sized}

    def _freshness(self) -> dict[str, Any]:
        expired = {name: moment for name, moment in self.expiries.items() if moment <= self.as_of}
        if expired:
            name, moment = min(expired.items(), key=lambda pair: pair[1])
            raise SourceUnavailable(f"The signature of {name} counted until {moment:%Y-%m-%d %H:%M} UTC.")
        return {"until": min(self.expiries.values())}

    def _signed(self, kind: type[Signed], role: str, named: MetaFile | None) -> Signed:
        metadata: Metadata[Signed] = self._named(kind, role, named)
        self.root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        self._expires(role, metadata.signed)
        return metadata.signed

    def _named(self, kind: type[Signed], name: str, named: MetaFile | None) -> Metadata[Signed]:
        data = _read(self.reader.metadata / f"{name}.json", MAX_METADATA)
        metadata = parse(kind, data, f"{name}.json")
        if named is not None and metadata.signed.version != named.version:
            raise Untrusted(
                f"{name}.json has version {metadata.signed.version} and {named.version} is signed: run `jazari sync`."
            )
        if named is not None:
            named.verify_length_and_hashes(data)
        return metadata

    def _expires(self, name: str, signed: Root | Timestamp | Snapshot | Targets) -> None:
        self.expiries[name] = signed.expires

    def _segment(self, segment: int) -> bytes:
        return _read(self.reader.logs.segment_path(self.namespace, segment), MAX_SEGMENT_BYTES)

    head: LogHead


def _attempt(name: StepName, action: Callable[[], dict[str, Any]]) -> Step:
    try:
        return Step(name, True, action())
    except (JazariError, RepositoryError, KeyError, ValueError) as error:
        said = f"{error.args[0]} is not named where it must be." if isinstance(error, KeyError) else str(error)
        return Step(name, False, problem=said or type(error).__name__)


def _valid_keys(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> list[str]:
    result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return sorted(result.signed)


def _read(path: Path, limit: int) -> bytes:
    if not path.is_file():
        raise SourceUnavailable(f"{path.name} is not here: run `jazari sync`.")
    with plain_os_errors(path), path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TrustError(f"{path.name} is larger than {limit:,} bytes.")
    return data
