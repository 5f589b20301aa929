"""Reading a network: verified metadata, logs and files, kept in a mirror folder and brought up to date.

The cost of ``refresh`` follows what is new: unchanged institutes are told apart by the snapshot alone, of a
changed log only the missing frames are fetched, and only new records are parsed. Nothing unverified is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from jazari.core.clock import now
from jazari.core.files import locked, plain_os_errors, write_atomic
from jazari.trust.blobs import has_blob
from jazari.trust.directory import DIRECTORY_TARGET, MAX_DIRECTORY_BYTES, Directory, DirectoryEntry
from jazari.trust.downloads import download_file
from jazari.trust.errors import FileAbsent, RecordMissing, SourceUnavailable, TrustError, Untrusted
from jazari.trust.log_store import LogStore
from jazari.trust.log_sync import mend_log, sync_log
from jazari.trust.metadata import LogHead, blob_path, frozen_head, head_of, log_path, parse
from jazari.trust.records import Record
from jazari.trust.sources import Source, SourceFetcher, SourceMissing
from jazari.trust.tuf_errors import as_trust_errors
from jazari.trust.tuf_types import Root, Snapshot, Targets, Timestamp
from jazari.trust.tuf_updater import Updater

Standing = Literal["fresh", "stale", "frozen"]
_TOP = ("timestamp", "snapshot", "targets", "root")


@dataclass(frozen=True)
class NewRecords:
    """The records that a refresh brought, read when they are iterated over; ``len`` costs nothing."""

    logs: LogStore
    ranges: dict[str, tuple[int, int]]

    def __len__(self) -> int:
        return sum(upto - after for after, upto in self.ranges.values())

    def __iter__(self) -> Iterator[Record]:
        for namespace, (after, _upto) in self.ranges.items():
            yield from self.logs.records(namespace, after)


@dataclass
class RefreshReport:
    """What a refresh brought. ``changed``: namespaces with new log versions; ``shortened``: those that the
    board froze earlier than what was known, so that derived data must be built anew; ``problems``: what was
    wrong with a namespace, whose earlier records remain; ``bytes_downloaded`` over all requests.
    """

    logs: LogStore
    snapshot: int = 0
    directory_changed: bool = False
    changed: tuple[str, ...] = ()
    shortened: tuple[str, ...] = ()
    problems: dict[str, TrustError] = field(default_factory=dict)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)
    bytes_downloaded: int = 0

    @property
    def new_records(self) -> NewRecords:
        """The new records, by namespace in log order."""
        return NewRecords(self.logs, self.ranges)


class Reader:
    """Reads the network whose ``trusted_root`` (root metadata) it was given, through ``source``.

    ``mirror`` is its own folder: everything in it was verified. Without ``refresh`` it works offline.
    """

    def __init__(self, mirror: Path, source: Source, trusted_root: bytes) -> None:
        self.mirror = mirror
        self.source = source
        self.targets = mirror / "targets"
        self.metadata = mirror / "metadata"
        self._trusted_root = trusted_root

    @cached_property
    def logs(self) -> LogStore:
        """The verified logs."""
        return LogStore(self.targets, self.mirror / "index.sqlite3")

    def refresh(self) -> RefreshReport:
        """Bring the mirror up to date.

        Raises ``SourceUnavailable`` (what arrived is kept), ``Expired``, ``RollbackSeen`` or ``Untrusted``
        for the network as a whole; trouble with one institute is in the report and stops no other.
        """
        with locked(self.mirror / "lock", "Another sync", 60.0):
            before = self.source.bytes_read
            report = RefreshReport(self.logs)
            with as_trust_errors():
                updater = self._updater()
                updater.refresh()
                self._refresh_directory(updater, report)
            self._refresh_logs(updater, report)
            report.bytes_downloaded = self.source.bytes_read - before
            return report

    def directory(self) -> Directory:
        """Who is admitted, as last verified; ``SourceUnavailable`` before the first refresh."""
        path = self.targets / DIRECTORY_TARGET
        if not path.exists():
            raise SourceUnavailable("Nothing of this network is here yet: run `jazari sync` first.")
        with plain_os_errors(path):
            return Directory.from_bytes(path.read_bytes())

    def namespaces(self) -> list[str]:
        """All namespaces that have a verified log, revoked ones included."""
        return self.logs.index.namespaces()

    def head(self, namespace: str) -> LogHead:
        """The verified end of a log (version 0 if there is none); ``.records`` is its length."""
        return self.logs.index.state(namespace).head

    def records(self, namespace: str | None = None, after: int = 0, kind: str | None = None) -> Iterator[Record]:
        """Verified records in log order, of one namespace or of all; only those of type ``kind``.

        ``after`` skips that many records of each log: keep ``head(namespace).records`` to go on later.
        """
        for name in [namespace] if namespace is not None else self.namespaces():
            yield from self.logs.records(name, after, kind)

    def record(self, ref: str) -> Record:
        """The verified record ``ref``; ``RecordMissing`` if there is none."""
        return self.logs.find(ref)

    def latest(self, series: str) -> Record:
        """The newest version of ``<namespace>/<type>/<name>``; ``RecordMissing`` if there is none."""
        version = self.logs.index.last_version(series)
        if not version:
            raise RecordMissing(f"There is no record {series[:120]}: check its name, or sync first.")
        return self.logs.find(f"{series}@{version}")

    def file(self, record: Record, name: str) -> Path:
        """The file ``name`` of ``record`` on this disk, fetched and verified if it is not here yet."""
        file = record.file(name)
        if file is None:
            raise FileAbsent(f"{record.ref} has no file {name[:60]!r}: see its card for the names.")
        path = blob_path(file.sha256)
        if has_blob(self.targets, file.sha256, file.size):
            return self.targets / path
        return download_file(self.source, f"targets/{path}", self.targets / path, file.sha256, file.size)

    def standing(self, namespace: str) -> Standing:
        """``frozen`` if revoked, ``stale`` if what proves freshness has expired, else ``fresh``."""
        entry = self.directory().entries.get(namespace)
        if entry is not None and entry.status == "revoked":
            return "frozen"
        expiries = [self.logs.index.fact(f"expires:{name}") for name in (*_TOP, f"institute:{namespace}")]
        if any(not text or datetime.fromisoformat(text) <= now() for text in expiries):
            return "stale"
        return "fresh"

    def expires(self, namespace: str) -> datetime | None:
        """Until when the last verified metadata of a log prove that it is fresh; None before any was read."""
        text = self.logs.index.fact(f"expires:institute:{namespace}")
        return datetime.fromisoformat(text) if text else None

    def root_version(self) -> int:
        """The version of the board's root metadata that is trusted now."""
        return parse(Root, self._local("root"), "root.json").signed.version

    def _updater(self) -> Updater:
        self.metadata.mkdir(parents=True, exist_ok=True)
        self.targets.mkdir(parents=True, exist_ok=True)
        fetcher = SourceFetcher(self.source, parts=self.mirror / "parts")
        return Updater(
            str(self.metadata),
            "source:metadata/",
            str(self.targets),
            "source:targets/",
            fetcher=fetcher,
            bootstrap=self._trusted_root,
        )

    def _refresh_directory(self, updater: Updater, report: RefreshReport) -> None:
        info = updater.get_targetinfo(DIRECTORY_TARGET)
        if info is None or info.length > MAX_DIRECTORY_BYTES:
            raise Untrusted("The board signed no usable directory: tell the Root's team.")
        path = self.targets / DIRECTORY_TARGET
        if updater.find_cached_target(info, str(path)) is None:
            incoming = self.mirror / "incoming.json"
            updater.download_target(info, str(incoming))
            Directory.from_bytes(incoming.read_bytes())
            write_atomic(path, incoming.read_bytes())
            incoming.unlink()
            report.directory_changed = True
        self._remember_expiries()

    def _remember_expiries(self) -> None:
        kinds: dict[str, Any] = dict(zip(_TOP, (Timestamp, Snapshot, Targets, Root), strict=True))
        for name, kind in kinds.items():
            self._remember(name, parse(kind, self._local(name), f"{name}.json").signed.expires)

    def _remember(self, name: str, expires: datetime) -> None:
        text = expires.isoformat()
        if self.logs.index.fact(f"expires:{name}") != text:
            self.logs.index.remember(f"expires:{name}", text)

    def _refresh_logs(self, updater: Updater, report: RefreshReport) -> None:
        snapshot = parse(Snapshot, self._local("snapshot"), "snapshot.json").signed
        board = parse(Targets, self._local("targets"), "targets.json").signed
        report.snapshot = snapshot.version
        for entry in self.directory().entries.values():
            try:
                if self.logs.is_damaged(entry.namespace):
                    mend_log(self.logs, self.source, entry.namespace)
                head = self._signed_head(updater, snapshot, board, entry)
                if head is not None:
                    self._refresh_log(entry, head, report)
            except SourceMissing as error:
                report.problems[entry.namespace] = error
            except SourceUnavailable:
                raise
            except TrustError as error:
                report.problems[entry.namespace] = error

    def _signed_head(
        self, updater: Updater, snapshot: Snapshot, board: Targets, entry: DirectoryEntry
    ) -> LogHead | None:
        """The head that is signed now, or None if it is the one that we have."""
        namespace = entry.namespace
        if entry.frozen_version is not None:
            head = frozen_head(namespace, entry.frozen_version, board)
            return None if head == self.head(namespace) else head
        meta = snapshot.meta.get(f"{namespace}.json")
        if meta is None or meta.version == self.head(namespace).version:
            return None
        with as_trust_errors():
            # Looking up any path of the namespace makes the updater fetch and verify its metadata.
            updater.get_targetinfo(log_path(namespace, 1))
        targets = parse(Targets, self._local(namespace), namespace).signed
        self._remember(f"institute:{namespace}", targets.expires)
        return head_of(namespace, targets)

    def _refresh_log(self, entry: DirectoryEntry, head: LogHead, report: RefreshReport) -> None:
        old = self.head(entry.namespace)
        frozen = entry.frozen_version is not None
        sync_log(self.logs, self.source, entry.namespace, head, may_shorten=frozen)
        report.changed += (entry.namespace,)
        if head.records > old.records:
            report.ranges[entry.namespace] = (old.records, head.records)
        elif head.records < old.records:
            report.shortened += (entry.namespace,)

    def _local(self, role: str) -> bytes:
        path = self.metadata / f"{role}.json"
        with plain_os_errors(path):
            return path.read_bytes()


def trusted_digest(trusted_root: bytes) -> str:
    """SHA-256 of root metadata, to compare a pinned root by voice."""
    return hashlib.sha256(parse(Root, trusted_root, "The trusted root").signed_bytes).hexdigest()
