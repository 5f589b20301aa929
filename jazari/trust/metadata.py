"""What our TUF metadata looks like: names, paths, expiry, and the head of a log.

An institute's metadata has exactly one target, the newest segment of its log. Each segment names the one
before it by hash in its first line, so that one signed hash covers the whole history and the metadata stays
the same size however long the log grows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.serialization import DeserializationError

from jazari.core.clock import now
from jazari.core.identifiers import check_namespace
from jazari.trust.errors import Untrusted
from jazari.trust.tuf_types import Metadata, MetaFile, Root, Signer, Snapshot, TargetFile, Targets, Timestamp

Signed = TypeVar("Signed", Root, Snapshot, Targets, Timestamp)

TIMESTAMP_DAYS = 30
SNAPSHOT_DAYS = 60
INSTITUTE_DAYS = 180
TARGETS_DAYS = 365
ROOT_DAYS = 730

MAX_INSTITUTE_METADATA = 64 * 1024
"""Largest metadata of one institute: its signatures and one target."""
MAX_SEGMENTS = 10_000_000
_LOG_PATH = re.compile(r"([a-z][a-z0-9-]{1,39})/log/([1-9][0-9]{0,7})\.ndjson\.zst")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class LogHead:
    """The end of a log: its metadata's ``version``, newest ``segment``, its ``length`` in bytes and hash.

    ``records`` counts the whole log. An empty log has segment 0.
    """

    version: int
    segment: int = 0
    length: int = 0
    sha256: str = ""
    records: int = 0

    def same_content(self, other: LogHead) -> bool:
        """Whether both name the same history, whatever their versions."""
        return (self.segment, self.length, self.sha256) == (other.segment, other.length, other.sha256)


def expiry(days: int, reference: datetime | None = None) -> datetime:
    """``days`` from ``reference`` (now by default), to the second, as TUF wants it."""
    return (reference or now()).replace(microsecond=0) + timedelta(days=days)


def log_path(namespace: str, segment: int) -> str:
    """The TUF target path of a segment."""
    return f"{namespace}/log/{segment}.ndjson.zst"


def log_pattern(namespace: str) -> str:
    """The only path pattern that the board delegates to an institute."""
    return f"{namespace}/log/*"


def blob_path(sha256: str) -> str:
    """Where a file lies under ``targets/``, by its hash in hexadecimal."""
    if not _SHA256.fullmatch(sha256):
        raise Untrusted(f"{sha256[:70]!r} is no SHA-256 hash: do not use what named it.")
    return f"blobs/sha256/{sha256[:2]}/{sha256}"


def parse_log_path(path: str) -> tuple[str, int]:
    """``(namespace, segment)`` of a log path; ``Untrusted`` for any other spelling (``..``, ``//``, ...)."""
    match = _LOG_PATH.fullmatch(path)
    if match is None:
        raise Untrusted(f"{path[:100]!r} is no path of a log: only NAMESPACE/log/NUMBER.ndjson.zst is.")
    return check_namespace(match[1]), int(match[2])


def head_target(namespace: str, head: LogHead, **custom: Any) -> dict[str, TargetFile]:
    """The ``targets`` mapping that names ``head``: empty for an empty log."""
    if head.segment == 0:
        return {}
    path = log_path(namespace, head.segment)
    file = TargetFile(head.length, {"sha256": head.sha256}, path)
    file.unrecognized_fields["custom"] = {"records": head.records, **custom}
    return {path: file}


def institute_metadata(
    namespace: str, head: LogHead, signers: Sequence[Signer], expires: datetime | None = None
) -> bytes:
    """The institute's metadata naming ``head``, signed by every one of ``signers``."""
    targets = Targets(
        version=head.version,
        expires=expires or expiry(INSTITUTE_DAYS),
        targets=head_target(namespace, head),
    )
    return sign(Metadata(targets), signers)


def sign(metadata: Metadata[Signed], signers: Sequence[Signer]) -> bytes:
    """The serialised metadata with the signature of every signer added."""
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def head_of(namespace: str, targets: Targets) -> LogHead:
    """The head that an institute's ``targets`` name; ``Untrusted`` if they name anything else as well."""
    if targets.delegations is not None or len(targets.targets) > 1:
        raise Untrusted(f"The metadata of {namespace} names more than its log: it is not accepted.")
    for path, file in targets.targets.items():
        return _head(namespace, targets.version, path, file)
    return LogHead(targets.version)


def frozen_head(namespace: str, version: int, board_targets: Targets) -> LogHead:
    """The head of a revoked institute's log as the board froze it at ``version``."""
    for path, file in board_targets.targets.items():
        if path.startswith(f"{namespace}/"):
            return _head(namespace, version, path, file)
    return LogHead(version)


def _head(namespace: str, version: int, path: str, file: TargetFile) -> LogHead:
    owner, segment = parse_log_path(path)
    custom = file.custom if isinstance(file.custom, dict) else {}
    records, digest = custom.get("records"), file.hashes.get("sha256", "")
    if owner != namespace:
        raise Untrusted(f"The metadata of {namespace} names {path!r}, which belongs to {owner}.")
    if type(records) is not int or records < 1 or file.length < 1 or not _SHA256.fullmatch(digest):
        raise Untrusted(f"The metadata of {namespace} names its log without hash, size or record count.")
    return LogHead(version, segment, file.length, digest, records)


def parse(kind: type[Signed], data: bytes, what: str) -> Metadata[Signed]:
    """The metadata in ``data``, not verified yet; ``Untrusted`` if it is malformed or of another kind."""
    try:
        metadata: Metadata[Signed] = Metadata.from_bytes(data)
    except (DeserializationError, RepositoryError, RecursionError) as error:
        raise Untrusted(f"{what} is not TUF metadata: get a new copy from its author.") from error
    if metadata.signed.type != kind.type:
        raise Untrusted(f"{what} is {metadata.signed.type} metadata where {kind.type} is expected.")
    return metadata


def meta_file(version: int, data: bytes) -> MetaFile:
    """How snapshot and timestamp name a metadata file: version, length and SHA-256, against mixing."""
    return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
