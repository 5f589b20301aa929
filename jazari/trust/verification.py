"""Verifying a whole mirror folder offline, now or as of a stated date.

Own code on ``tuf.api``: ``tuf.ngclient`` refuses expired metadata whatever the question is, and it writes. Here
nothing is written and nothing is remembered: the answer is about this folder and this date only, and no
reader trusts more or less because of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError

from jazari.core.clock import now, timestamp
from jazari.core.errors import JazariError
from jazari.core.files import plain_os_errors
from jazari.trust.blobs import hash_file
from jazari.trust.board import check_board_targets, verify_root
from jazari.trust.chain import LogCursor, LogState, Piece
from jazari.trust.delegation import verify_delegated
from jazari.trust.directory import DIRECTORY_TARGET, MAX_DIRECTORY_BYTES, Directory, DirectoryEntry
from jazari.trust.errors import BadDownload, SourceUnavailable, TrustError, Untrusted
from jazari.trust.metadata import LogHead, Signed, blob_path, frozen_head, head_of, log_path, parse
from jazari.trust.records import Record
from jazari.trust.segments import MAX_SEGMENT_BYTES, SegmentHeader, frames
from jazari.trust.tuf_types import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

MAX_METADATA = 32 * 1024 * 1024
Watch = Callable[[Record], None]
"""Called with every verified record, in log order."""


@dataclass
class VerificationReport:
    """What was found. ``ok``: everything verifies and nothing had expired at ``as_of``.

    ``expired`` and ``problems`` are sentences; ``files_missing`` counts files that the mirror leaves out.
    """

    as_of: datetime
    network: str = ""
    institutes: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    records_verified: int = 0
    files_verified: int = 0
    files_missing: int = 0
    problems: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not self.expired

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "ok": self.ok,
            "network": self.network,
            "as_of": timestamp(self.as_of),
            "institutes": list(self.institutes),
            "frozen": list(self.frozen),
            "records_verified": self.records_verified,
            "files_verified": self.files_verified,
            "files_missing": self.files_missing,
            "problems": self.problems,
            "expired": self.expired,
        }


def verify_folder(
    folder: Path,
    trusted_root: bytes,
    as_of: datetime | None = None,
    *,
    with_files: bool = True,
    watch: Watch | None = None,
) -> VerificationReport:
    """Verify everything in the mirror ``folder`` from ``trusted_root``; it never raises for its content.

    ``as_of``: judge expiry at that moment instead of now. ``with_files=False`` does not look at files; with
    it, a file that a record names and the folder lacks is a problem.
    """
    report = VerificationReport(as_of or now())
    verifier = _Verifier(folder, report, with_files, watch)
    with verifier.noting("The network"):
        verifier.run(trusted_root)
    return report


class _Verifier:
    def __init__(self, folder: Path, report: VerificationReport, with_files: bool, watch: Watch | None) -> None:
        self.folder = folder
        self.report = report
        self.with_files = with_files
        self.watch = watch
        self._files: dict[str, int] = {}
        self._newer: list[str] = []

    def run(self, trusted_root: bytes) -> None:
        """The whole verification; raises where nothing further can be said."""
        root = self._root(trusted_root)
        stamp = self._signed(Timestamp, "timestamp", root, None)
        snapshot = self._signed(Snapshot, "snapshot", root, stamp.snapshot_meta)
        board = self._signed(Targets, "targets", root, snapshot.meta["targets.json"])
        directory = self._directory(board)
        self.report.network = directory.network_name
        for entry in directory.entries.values():
            with self.noting(entry.namespace):
                self._institute(entry, snapshot, board)
        self._check_newest()

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Turn refusals inside the block into problems of the report."""
        try:
            yield
        except (JazariError, RepositoryError, KeyError, ValueError) as error:
            self.report.problems.append(f"{what}: {error}")

    def _root(self, trusted_root: bytes) -> Root:
        metadata = parse(Root, trusted_root, "The trusted root")
        verify_root(None, metadata)
        while (path := self._metadata(f"{metadata.signed.version + 1}.root")).exists():
            following = parse(Root, self._read(path, MAX_METADATA), path.name)
            verify_root(metadata.signed, following)
            metadata = following
        self._check_expiry("The board's root", metadata.signed)
        return metadata.signed

    def _signed(self, kind: type[Signed], role: str, root: Root, named: MetaFile | None) -> Signed:
        """The metadata of a top-level role, as ``named`` by the one above it and signed by the root's keys."""
        name = role if named is None else f"{named.version}.{role}"
        metadata: Metadata[Signed] = self._named(kind, name, named)
        root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        self._check_expiry(f"The {role}", metadata.signed)
        return metadata.signed

    def _named(self, kind: type[Signed], name: str, named: MetaFile | None) -> Metadata[Signed]:
        data = self._read(self._metadata(name), MAX_METADATA)
        if named is not None:
            named.verify_length_and_hashes(data)
        metadata = parse(kind, data, f"{name}.json")
        if named is not None and metadata.signed.version != named.version:
            raise Untrusted(f"{name}.json has version {metadata.signed.version} inside.")
        return metadata

    def _directory(self, board: Targets) -> Directory:
        target = board.targets[DIRECTORY_TARGET]
        path = self.folder / "targets" / f"{target.hashes['sha256']}.{DIRECTORY_TARGET}"
        data = self._read(path, MAX_DIRECTORY_BYTES)
        target.verify_length_and_hashes(data)
        directory = Directory.from_bytes(data)
        check_board_targets(board, directory)
        return directory

    def _institute(self, entry: DirectoryEntry, snapshot: Snapshot, board: Targets) -> None:
        head = self._head(entry, snapshot, board)
        reached = self._log(entry.namespace, head)
        self.report.institutes += (entry.namespace,)
        self.report.records_verified += reached

    def _head(self, entry: DirectoryEntry, snapshot: Snapshot, board: Targets) -> LogHead:
        namespace = entry.namespace
        if entry.frozen_version is not None:
            self.report.frozen += (namespace,)
            return frozen_head(namespace, entry.frozen_version, board)
        named = snapshot.meta[f"{namespace}.json"]
        metadata: Metadata[Targets] = self._named(Targets, f"{named.version}.{namespace}", named)
        verify_delegated(board, namespace, metadata)
        self._check_expiry(f"The log of {namespace}", metadata.signed)
        return head_of(namespace, metadata.signed)

    def _log(self, namespace: str, head: LogHead) -> int:
        """Follow a log from its start, once its bytes are known to be the signed ones; how many records."""
        self._check_hashes(namespace, head)
        cursor = LogCursor(namespace, LogState(LogHead(0)))
        for segment in range(1, head.segment + 1):
            data = self._segment(namespace, segment)[: head.length if segment == head.segment else None]
            for placed in cursor.feed(Piece(segment, 0, data)):
                self._record(placed.record)
        return cursor.finish(head).head.records

    def _check_hashes(self, namespace: str, head: LogHead) -> None:
        length, sha256 = head.length, head.sha256
        for segment in range(head.segment, 0, -1):
            data = self._segment(namespace, segment)[:length]
            if hashlib.sha256(data).hexdigest() != sha256:
                raise BadDownload(f"segment {segment} is not what was signed: do not use this folder.")
            header = SegmentHeader.from_line(next(iter(frames(data))).lines[0])
            length, sha256 = header.previous_length, header.previous_sha256

    def _segment(self, namespace: str, segment: int) -> bytes:
        return self._read(self.folder / "targets" / log_path(namespace, segment), MAX_SEGMENT_BYTES)

    def _record(self, record: Record) -> None:
        if record.published > self.report.as_of:
            self._newer.append(record.ref)
        for file in record.files if self.with_files else ():
            with self.noting(record.ref):
                self._file(file.sha256, file.size, file.name)
        if self.watch is not None:
            self.watch(record)

    def _file(self, sha256: str, size: int, name: str) -> None:
        path = self.folder / "targets" / blob_path(sha256)
        if not path.is_file():
            self.report.files_missing += 1
            raise SourceUnavailable(f"the file {name} is not in this folder: get a complete mirror.")
        if sha256 not in self._files:
            if hash_file(path) != (sha256, size):
                raise BadDownload(f"the file {name} was changed after it was signed: do not use {path}.")
            self._files[sha256] = size
            self.report.files_verified += 1

    def _check_newest(self) -> None:
        if self._newer:
            self.report.problems.append(
                f"{len(self._newer)} records, e.g. {self._newer[0]}, were published after "
                f"{timestamp(self.report.as_of)}: state a later date, or check this machine's clock."
            )

    def _check_expiry(self, what: str, signed: Root | Timestamp | Snapshot | Targets) -> None:
        if signed.is_expired(self.report.as_of):
            self.report.expired.append(
                f"{what} expired on {timestamp(signed.expires)}: get a newer mirror, or verify as of a date."
            )

    def _metadata(self, name: str) -> Path:
        return self.folder / "metadata" / f"{name}.json"

    def _read(self, path: Path, limit: int) -> bytes:
        if not path.is_file():
            raise SourceUnavailable(f"{path} is missing: get a complete mirror.")
        with plain_os_errors(path), path.open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise TrustError(f"{path} is larger than {limit:,} bytes: get a correct mirror.")
        return data
