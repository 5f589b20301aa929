"""The prepared publication of an institute, on disk until the Root has it.

It is complete before anything is sent, so that after a crash the same bytes are sent again: the Root answers
a repeated publication with the same receipt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jazari.core.canonical import digest
from jazari.core.files import plain_os_errors, write_atomic
from jazari.trust.blobs import has_blob
from jazari.trust.chain import LogState, Piece
from jazari.trust.errors import RepositoryDamaged
from jazari.trust.log_index import content_digest
from jazari.trust.metadata import LogHead, blob_path
from jazari.trust.publication import Publication
from jazari.trust.records import FileRef


@dataclass(frozen=True)
class Item:
    """Something to publish, before it has a version: its files are kept already."""

    type: str
    name: str
    card: dict[str, Any]
    files: tuple[FileRef, ...]

    def to_json(self) -> dict[str, Any]:
        """The item as a JSON object."""
        files = [file.model_dump() for file in self.files]
        return {"type": self.type, "name": self.name, "card": self.card, "files": files}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Item:
        """The item in a JSON object of ours."""
        files = tuple(FileRef.model_validate(file) for file in value["files"])
        return cls(value["type"], value["name"], value["card"], files)

    @property
    def content(self) -> bytes:
        """What tells whether another version says the same."""
        return content_digest(self.card, self.files)


def items_digest(items: Sequence[Item]) -> str:
    """What identifies a request to publish, so that its repetition is recognised."""
    return digest([item.to_json() for item in items])


@dataclass(frozen=True)
class Pending:
    """A prepared publication: ``refs`` are the records that the items became, one each."""

    items: tuple[Item, ...]
    refs: tuple[str, ...]
    state: LogState
    metadata: bytes
    pieces: tuple[Piece, ...]

    def publication(self, namespace: str, folder: Path) -> Publication:
        """The publication, its files taken from ``folder``."""
        files = {file.sha256: folder / blob_path(file.sha256) for item in self.items for file in item.files}
        return Publication(namespace, self.state.head.version, self.metadata, self.pieces, files)


class Outbox:
    """The place of at most one ``Pending`` in ``folder``; ``blobs`` is where files are kept."""

    def __init__(self, folder: Path, blobs: Path) -> None:
        self._file = folder / "pending.json"
        self._log = folder / "pending.log"
        self._blobs = blobs

    def put(self, pending: Pending) -> None:
        """Keep ``pending``; it is there once this returns, whole or not at all."""
        log = b"".join(piece.data for piece in pending.pieces)
        write_atomic(self._log, log)
        value = {
            "items": [item.to_json() for item in pending.items],
            "refs": list(pending.refs),
            "head": asdict(pending.state.head),
            "records_before": pending.state.records_before,
            "metadata": pending.metadata.decode(),
            "pieces": [[piece.segment, piece.offset, len(piece.data)] for piece in pending.pieces],
        }
        write_atomic(self._file, json.dumps(value).encode())

    def get(self) -> Pending | None:
        """What waits to be sent, or None."""
        if not self._file.exists():
            return None
        with plain_os_errors(self._file):
            data, log = self._file.read_bytes(), self._log.read_bytes()
        try:
            return self._pending(json.loads(data), log)
        except (ValueError, KeyError, TypeError) as error:
            raise RepositoryDamaged(
                f"{self._file} is damaged: remove it and publish again; nothing published is lost."
            ) from error

    def clear(self) -> None:
        """Forget what was waiting."""
        with plain_os_errors(self._file):
            self._file.unlink(missing_ok=True)
            self._log.unlink(missing_ok=True)

    def _pending(self, value: dict[str, Any], log: bytes) -> Pending:
        pieces, position = [], 0
        for segment, offset, length in value["pieces"]:
            pieces.append(Piece(segment, offset, log[position : position + length]))
            position += length
        if position != len(log):
            raise ValueError("pending.log has another length")
        items = tuple(Item.from_json(item) for item in value["items"])
        self._check_files(items)
        state = LogState(LogHead(**value["head"]), value["records_before"])
        return Pending(items, tuple(value["refs"]), state, value["metadata"].encode(), tuple(pieces))

    def _check_files(self, items: Sequence[Item]) -> None:
        for file in (file for item in items for file in item.files):
            if not has_blob(self._blobs, file.sha256, file.size):
                raise ValueError(f"the file {file.name} is gone")
