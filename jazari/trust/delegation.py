"""What the board delegates to institutes, and whether an institute's signature fulfils it."""

from __future__ import annotations

from collections.abc import Iterable

from tuf.api.exceptions import UnsignedMetadataError

from jazari.trust.directory import DirectoryEntry
from jazari.trust.errors import Untrusted
from jazari.trust.keys import tuf_key
from jazari.trust.metadata import log_pattern, parse
from jazari.trust.tuf_types import DelegatedRole, Delegations, Key, Metadata, Targets


def delegations(entries: Iterable[DirectoryEntry]) -> Delegations:
    """To each active institute its own log, to its own keys, and nothing else."""
    keys: dict[str, Key] = {}
    roles: dict[str, DelegatedRole] = {}
    for entry in sorted(entries, key=lambda item: item.namespace):
        if entry.status == "active":
            own = [tuf_key(key) for key in entry.publishing_keys]
            keys |= {key.keyid: key for key in own}
            roles[entry.namespace] = _role(entry, [key.keyid for key in own])
    return Delegations(keys, roles)


def _role(entry: DirectoryEntry, keyids: list[str]) -> DelegatedRole:
    paths = [log_pattern(entry.namespace)]
    return DelegatedRole(entry.namespace, keyids, entry.threshold, terminating=True, paths=paths)


def verify_institute(entry: DirectoryEntry, data: bytes) -> Targets:
    """The institute's metadata in ``data``; ``Untrusted`` unless ``entry``'s threshold of keys signed it."""
    metadata = parse(Targets, data, f"The metadata of {entry.namespace}")
    verify_delegated(Targets(delegations=delegations([entry])), entry.namespace, metadata)
    return metadata.signed


def verify_delegated(board: Targets, namespace: str, metadata: Metadata[Targets]) -> None:
    """``Untrusted`` unless ``metadata`` is signed as ``board`` delegates ``namespace``."""
    try:
        board.verify_delegate(namespace, metadata.signed_bytes, metadata.signatures)
    except (UnsignedMetadataError, ValueError) as error:
        raise Untrusted(
            f"The metadata of {namespace} is not signed by enough of the keys that the board admitted."
        ) from error
