"""The repository on the Root's disk: what is committed, and the one way to commit more.

``metadata/`` and ``targets/`` are served as they are. ``state/`` is private: the lock, the index of the logs,
and the journal of a ceremony that is being installed. Everything is written before ``timestamp.json`` is
replaced; until then no reader can see any of it, and after a crash it is simply written again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jazari.core.clock import now
from jazari.core.files import locked, plain_os_errors, write_atomic
from jazari.trust.directory import DIRECTORY_TARGET, Directory
from jazari.trust.errors import OnlineKeyMissing, RepositoryDamaged, RepositoryMissing, Untrusted
from jazari.trust.log_store import LogStore
from jazari.trust.metadata import (
    SNAPSHOT_DAYS,
    TIMESTAMP_DAYS,
    LogHead,
    Signed,
    expiry,
    frozen_head,
    head_of,
    meta_file,
    parse,
    sign,
)
from jazari.trust.steps import reached
from jazari.trust.tuf_types import Metadata, MetaFile, Root, Signer, Snapshot, Targets, Timestamp

KEPT_SNAPSHOTS = 200
"""Old snapshots kept for readers that are in the middle of a refresh."""


@dataclass(frozen=True)
class Committed:
    """The state that readers see: the last committed metadata, parsed."""

    root: Root
    targets: Targets
    snapshot: Snapshot
    timestamp: Timestamp
    directory: Directory

    def version(self, namespace: str) -> int:
        """The committed log version of ``namespace``, 0 if it never had one."""
        meta = self.snapshot.meta.get(f"{namespace}.json")
        return meta.version if meta else 0


@dataclass(frozen=True)
class Installation:
    """What a finished ceremony puts in place: serialised metadata, all signatures checked by the caller."""

    targets: bytes
    directory: bytes
    root: bytes | None = None
    institutes: Mapping[str, bytes] | None = None

    def to_journal(self) -> bytes:
        """The journal form, from which an interrupted installation goes on."""
        return json.dumps(
            {
                "targets": self.targets.decode(),
                "directory": self.directory.decode(),
                "root": self.root.decode() if self.root else None,
                "institutes": {name: data.decode() for name, data in (self.institutes or {}).items()},
            }
        ).encode()

    @classmethod
    def from_journal(cls, data: bytes) -> Installation:
        """The installation that ``to_journal`` wrote."""
        value = json.loads(data)
        return cls(
            value["targets"].encode(),
            value["directory"].encode(),
            value["root"].encode() if value["root"] else None,
            {name: text.encode() for name, text in value["institutes"].items()},
        )


class Repository:
    """The repository in ``path``. Without the online keys it can be read, not changed."""

    def __init__(
        self, path: Path, snapshot_signer: Signer | None = None, timestamp_signer: Signer | None = None
    ) -> None:
        self.path = path
        self.metadata = path / "metadata"
        self.targets = path / "targets"
        self.state = path / "state"
        self._snapshot_signer = snapshot_signer
        self._timestamp_signer = timestamp_signer
        self._journal = self.state / "installing.json"

    @cached_property
    def logs(self) -> LogStore:
        """The institutes' logs as served, with the Root's index of them."""
        return LogStore(self.targets, self.state / "index.sqlite3")

    @property
    def exists(self) -> bool:
        """Whether a network was created here."""
        return (self.metadata / "timestamp.json").exists() or self._journal.exists()

    @contextmanager
    def locked(self, timeout_seconds: float = 30.0) -> Iterator[None]:
        """Be the only one to change the repository; finishes an interrupted installation first."""
        with locked(self.state / "lock", "Another process of the Root", timeout_seconds):
            if self._journal.exists():
                self._roll_forward(Installation.from_journal(self._read(self._journal)))
            yield

    def committed(self) -> Committed:
        """The committed state; ``RepositoryMissing`` before a network was created."""
        if not (self.metadata / "timestamp.json").exists():
            raise RepositoryMissing(
                f"There is no network in {self.path} yet: create one with `jazari root create`, or finish "
                "its first ceremony."
            )
        try:
            return self._load()
        except (Untrusted, KeyError) as error:
            raise RepositoryDamaged(f"{self.path} is damaged ({error}): restore it from a backup.") from error

    def _load(self) -> Committed:
        timestamp = parse(Timestamp, self._read(self.metadata / "timestamp.json"), "timestamp.json").signed
        snapshot = self._versioned(Snapshot, "snapshot", timestamp.snapshot_meta.version)
        targets = self._versioned(Targets, "targets", snapshot.meta["targets.json"].version)
        directory = Directory.from_bytes(self._read(self.targets / directory_file(targets)))
        return Committed(self._latest_root(), targets, snapshot, timestamp, directory)

    def _versioned(self, kind: type[Signed], role: str, version: int) -> Signed:
        name = f"{version}.{role}.json"
        return parse(kind, self._read(self.metadata / name), name).signed

    def _latest_root(self) -> Root:
        return parse(Root, self.root_bytes(), "root.json").signed

    def root_version(self) -> int:
        """The newest root version on disk."""
        version = 1
        while (self.metadata / f"{version + 1}.root.json").exists():
            version += 1
        return version

    def root_bytes(self, version: int | None = None) -> bytes:
        """Root metadata: the newest, or ``version``. Version 1 is what newcomers are given to pin."""
        return self._read(self.metadata / f"{version or self.root_version()}.root.json")

    def targets_bytes(self) -> bytes:
        """The committed board-signed ``targets`` metadata."""
        return self._read(self.metadata / f"{self.committed().targets.version}.targets.json")

    def institute_bytes(self, namespace: str, version: int) -> bytes:
        """The metadata that ``namespace`` signed as ``version``; ``RepositoryMissing`` if unknown."""
        path = self.metadata / f"{version}.{namespace}.json"
        if not path.exists():
            raise RepositoryMissing(f"{namespace} has no log version {version} here: give one that exists.")
        return self._read(path)

    def head(self, namespace: str, state: Committed | None = None) -> LogHead:
        """Where the committed log of ``namespace`` ends; version 0 if it never had one."""
        state = state or self.committed()
        entry = state.directory.entries.get(namespace)
        if entry is not None and entry.frozen_version is not None:
            return frozen_head(namespace, entry.frozen_version, state.targets)
        version = state.version(namespace)
        if version == 0:
            return LogHead(0)
        name = f"{version}.{namespace}.json"
        return head_of(namespace, parse(Targets, self._read(self.metadata / name), name).signed)

    def catch_up_index(self) -> None:
        """Bring the index of the logs to what is committed, after a crash between the two."""
        with locked(self.state / "lock", "Another process of the Root", 30.0):
            state = self.committed()
            for namespace in state.directory.entries:
                self.logs.catch_up(namespace, self.head(namespace, state))

    def commit(self, roles: Mapping[str, tuple[int, bytes]], root: bytes | None = None) -> int:
        """Publish new metadata of ``roles`` (version, bytes) at once; returns the snapshot's version.

        The caller holds the lock and has verified everything. Replacing ``timestamp.json`` is the commit.
        """
        for role, (version, data) in roles.items():
            write_atomic(self.metadata / f"{version}.{role}.json", data)
        reached("repository.metadata-written")
        snapshot = self._next_snapshot({role: meta_file(*item) for role, item in roles.items()})
        if root is not None:
            version = parse(Root, root, "root.json").signed.version
            write_atomic(self.metadata / f"{version}.root.json", root)
            reached("install.root-written")
        self._write_timestamp(snapshot)
        self._prune(snapshot.version)
        return snapshot.version

    def refresh_timestamp(self, every_days: int = 1) -> bool:
        """Sign a new timestamp if the last is ``every_days`` old (and a new snapshot at half its life).

        Returns whether it did. Meant to be called often.
        """
        with self.locked():
            state = self.committed()
            if state.timestamp.expires > expiry(TIMESTAMP_DAYS - every_days):
                return False
            snapshot = state.snapshot
            if snapshot.expires < expiry(SNAPSHOT_DAYS // 2):
                snapshot = self._next_snapshot({})
            self._write_timestamp(snapshot)
            return True

    def install(self, installation: Installation) -> None:
        """Put a finished ceremony in place (the caller holds the lock). Its journal is the commit point."""
        self._check_online_keys(installation)
        write_atomic(self._journal, installation.to_journal())
        reached("install.journal-written")
        self._roll_forward(installation)

    def _roll_forward(self, installation: Installation) -> None:
        targets = parse(Targets, installation.targets, "targets.json").signed
        write_atomic(self.targets / directory_file(targets), installation.directory)
        reached("install.directory-written")
        roles = {"targets": (targets.version, installation.targets)}
        for namespace, data in (installation.institutes or {}).items():
            roles[namespace] = (parse(Targets, data, namespace).signed.version, data)
        self.commit(roles, installation.root)
        self._freeze(Directory.from_bytes(installation.directory), targets)
        reached("install.frozen")
        with plain_os_errors(self._journal):
            self._journal.unlink()

    def _freeze(self, directory: Directory, targets: Targets) -> None:
        for entry in directory.entries.values():
            if entry.frozen_version is not None:
                head = frozen_head(entry.namespace, entry.frozen_version, targets)
                if self.logs.index.state(entry.namespace).head != head:
                    self.logs.cut(entry.namespace, head)

    def _next_snapshot(self, changed: Mapping[str, MetaFile]) -> Snapshot:
        snapshot = self._current_snapshot()
        meta = dict(snapshot.meta) if snapshot else {}
        meta |= {f"{role}.json": file for role, file in changed.items()}
        version = snapshot.version + 1 if snapshot else 1
        following = Snapshot(version=version, expires=expiry(SNAPSHOT_DAYS), meta=meta)
        data = sign(Metadata(following), [self._signer("snapshot")])
        write_atomic(self.metadata / f"{version}.snapshot.json", data)
        reached("repository.snapshot-written")
        return following

    def _current_snapshot(self) -> Snapshot | None:
        timestamp = self._current_timestamp()
        if timestamp is None:
            return None
        return self._versioned(Snapshot, "snapshot", timestamp.snapshot_meta.version)

    def _current_timestamp(self) -> Timestamp | None:
        path = self.metadata / "timestamp.json"
        return parse(Timestamp, self._read(path), path.name).signed if path.exists() else None

    def _write_timestamp(self, snapshot: Snapshot) -> None:
        current = self._current_timestamp()
        data = self._read(self.metadata / f"{snapshot.version}.snapshot.json")
        following = Timestamp(
            version=current.version + 1 if current else 1,
            expires=expiry(TIMESTAMP_DAYS),
            snapshot_meta=meta_file(snapshot.version, data),
        )
        write_atomic(self.metadata / "timestamp.json", sign(Metadata(following), [self._signer("timestamp")]))
        reached("repository.committed")

    def _prune(self, newest: int) -> None:
        (self.metadata / f"{newest - KEPT_SNAPSHOTS}.snapshot.json").unlink(missing_ok=True)

    def _signer(self, role: str) -> Signer:
        signer = self._snapshot_signer if role == "snapshot" else self._timestamp_signer
        if signer is None:
            raise OnlineKeyMissing(f"This step needs the Root's {role} key: run it on the Root's machine.")
        return signer

    def _check_online_keys(self, installation: Installation) -> None:
        data = installation.root or self.root_bytes()
        root = parse(Root, data, "root.json").signed
        for role in ("snapshot", "timestamp"):
            keyid = self._signer(role).public_key.keyid
            if keyid not in root.roles[role].keyids:
                raise OnlineKeyMissing(
                    f"The {role} key here ({keyid[:12]}) is not the one that the board signs: install the "
                    "new key of the ceremony first, or prepare the ceremony again with this one."
                )

    def _read(self, path: Path) -> bytes:
        with plain_os_errors(path):
            return path.read_bytes()


def directory_file(targets: Targets) -> str:
    """Where the directory that ``targets`` names lies under ``targets/``: its hash, then its name."""
    return f"{targets.targets[DIRECTORY_TARGET].hashes['sha256']}.{DIRECTORY_TARGET}"


def seconds_valid(state: Committed) -> float:
    """For how long readers accept the committed state if nothing is signed again."""
    ends = min(state.timestamp.expires, state.snapshot.expires, state.targets.expires, state.root.expires)
    return (ends - now()).total_seconds()
