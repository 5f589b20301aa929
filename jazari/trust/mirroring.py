"""Writing a mirror: a folder that anybody can read, carry and verify like the Root itself.

Running it again on the same folder adds what is new. ``timestamp.json`` is replaced last, so that a mirror
that is being written is always a whole older one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jazari.core.files import plain_os_errors, sync_folder, write_atomic
from jazari.trust.blobs import has_blob, keep_verified
from jazari.trust.directory import DIRECTORY_TARGET, Directory
from jazari.trust.errors import FileMissing
from jazari.trust.log_store import LogStore
from jazari.trust.metadata import LogHead, blob_path, frozen_head, head_of, log_path, parse
from jazari.trust.reading import Reader
from jazari.trust.records import Record
from jazari.trust.repository import Repository, directory_file
from jazari.trust.tuf_types import Root, Snapshot, Targets, Timestamp


@dataclass(frozen=True)
class MirrorReport:
    """What the mirror holds: logs and records in all, and the files copied this time."""

    institutes: tuple[str, ...]
    records: int
    files_copied: int


@dataclass(frozen=True)
class _State:
    """One verified or committed state, as bytes to copy."""

    roots: dict[int, bytes]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    directory: bytes
    institutes: dict[str, bytes]


def write_mirror(origin: Repository | Reader, folder: Path, with_files: bool = True) -> MirrorReport:
    """Write or update the mirror of ``origin`` in ``folder``.

    From a ``Reader``, files that it has not fetched yet are fetched. Without files the mirror holds all
    records, and is verified with ``with_files=False``.
    """
    state = _reader_state(origin) if isinstance(origin, Reader) else _repository_state(origin)
    heads = _heads(state)
    for namespace, head in heads.items():
        _copy_log(origin.logs, folder / "targets", namespace, head)
    copied = _copy_files(origin, folder / "targets", heads) if with_files else 0
    _write_metadata(folder, state)
    records = sum(head.records for head in heads.values())
    return MirrorReport(tuple(sorted(heads)), records, copied)


def _repository_state(repository: Repository) -> _State:
    repository.catch_up_index()
    state = repository.committed()
    metadata = repository.metadata
    active = [entry.namespace for entry in state.directory.active()]
    return _State(
        {version: repository.root_bytes(version) for version in range(1, state.root.version + 1)},
        (metadata / "timestamp.json").read_bytes(),
        (metadata / f"{state.snapshot.version}.snapshot.json").read_bytes(),
        repository.targets_bytes(),
        (repository.targets / directory_file(state.targets)).read_bytes(),
        {name: repository.institute_bytes(name, state.version(name)) for name in active},
    )


def _reader_state(reader: Reader) -> _State:
    directory = reader.directory()
    metadata = reader.metadata
    with plain_os_errors(metadata):
        roots = [path.read_bytes() for path in (metadata / "root_history").glob("*.root.json")]
        return _State(
            {parse(Root, data, "root.json").signed.version: data for data in roots},
            (metadata / "timestamp.json").read_bytes(),
            (metadata / "snapshot.json").read_bytes(),
            (metadata / "targets.json").read_bytes(),
            (reader.targets / DIRECTORY_TARGET).read_bytes(),
            {
                entry.namespace: (metadata / f"{entry.namespace}.json").read_bytes()
                for entry in directory.active()
                if (metadata / f"{entry.namespace}.json").exists()
            },
        )


def _heads(state: _State) -> dict[str, LogHead]:
    board = parse(Targets, state.targets, "targets.json").signed
    heads = {
        name: head_of(name, parse(Targets, data, f"{name}.json").signed) for name, data in state.institutes.items()
    }
    for entry in Directory.from_bytes(state.directory).entries.values():
        if entry.frozen_version is not None:
            heads[entry.namespace] = frozen_head(entry.namespace, entry.frozen_version, board)
    return heads


def _copy_log(logs: LogStore, targets: Path, namespace: str, head: LogHead) -> None:
    """Segments that are complete in the mirror stay; the last known one and newer ones are copied."""
    for segment in range(head.segment, 0, -1):
        path = targets / log_path(namespace, segment)
        source = logs.segment_path(namespace, segment)
        length = head.length if segment == head.segment else source.stat().st_size
        if path.exists() and path.stat().st_size == length and segment < head.segment:
            return
        write_atomic(path, logs.stored(namespace, segment, length))


def _copy_files(origin: Repository | Reader, targets: Path, heads: dict[str, LogHead]) -> int:
    copied = 0
    for namespace in heads:
        for record in origin.logs.records(namespace):
            copied += sum(_copy_file(path, sha256, size, targets) for path, sha256, size in _files(origin, record))
    return copied


def _files(origin: Repository | Reader, record: Record) -> Iterator[tuple[Path, str, int]]:
    for file in record.files:
        fetched = origin.file(record, file.name) if isinstance(origin, Reader) else None
        path = fetched or origin.targets / blob_path(file.sha256)
        if not path.exists():
            raise FileMissing(f"The file {file.name} of {record.ref} is gone from {path}: restore it.")
        yield path, file.sha256, file.size


def _copy_file(path: Path, sha256: str, size: int, targets: Path) -> bool:
    if has_blob(targets, sha256, size):
        return False
    keep_verified(targets, path, sha256, size, move=False)
    return True


def _write_metadata(folder: Path, state: _State) -> None:
    metadata = folder / "metadata"
    board = parse(Targets, state.targets, "targets.json").signed
    snapshot = parse(Snapshot, state.snapshot, "snapshot.json").signed
    write_atomic(folder / "targets" / directory_file(board), state.directory)
    for version, data in state.roots.items():
        write_atomic(metadata / f"{version}.root.json", data)
    write_atomic(metadata / f"{board.version}.targets.json", state.targets)
    for name, data in state.institutes.items():
        version = parse(Targets, data, f"{name}.json").signed.version
        write_atomic(metadata / f"{version}.{name}.json", data)
    write_atomic(metadata / f"{snapshot.version}.snapshot.json", state.snapshot)
    parse(Timestamp, state.timestamp, "timestamp.json")
    write_atomic(metadata / "timestamp.json", state.timestamp)
    sync_folder(metadata)
