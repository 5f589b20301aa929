"""What a ceremony does, in sentences derived from the difference of the metadata, never from free text.

A board member reads them before signing: whatever the file changes is said here.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator, Sequence

from jazari.trust.ceremonies.ceremony_file import Ceremony, CeremonyFile, open_ceremony
from jazari.trust.ceremonies.finishing import missing_signatures
from jazari.trust.directory import Directory, DirectoryEntry, PublicKey
from jazari.trust.keys import key_id
from jazari.trust.metadata import frozen_head
from jazari.trust.tuf_types import Root


def describe(file: CeremonyFile, trusted_root: bytes | None = None) -> list[str]:
    """Everything that signing ``file`` changes, one sentence each; ``BadCeremony`` if it does not hold."""
    return list(_sentences(open_ceremony(file, trusted_root)))


def short(keyid: str) -> str:
    """The first 16 digits of a key id in groups of four, to be read aloud."""
    return " ".join(keyid[start : start + 4] for start in range(0, 16, 4))


def _sentences(ceremony: Ceremony) -> Iterator[str]:
    if ceremony.root is not None:
        yield from _root_changes(ceremony.base_root, ceremony.root.signed)
    yield from _directory_changes(ceremony)
    targets = ceremony.targets.signed
    yield f"The directory becomes version {targets.version}, valid until {targets.expires:%Y-%m-%d}."
    missing = missing_signatures(ceremony)
    yield f"Still missing: {' and '.join(missing)}." if missing else "All signatures are there."


def _root_changes(old: Root | None, new: Root) -> Iterator[str]:
    if old is None:
        yield f"A new network is founded; {_board(new)}."
    elif _board(old) != _board(new):
        yield f"The board changes: {_board(new)}."
        yield from _list_changes("board key", old.roles["root"].keyids, new.roles["root"].keyids)
    for role in ("snapshot", "timestamp"):
        before = old.roles[role].keyids if old else []
        if before != new.roles[role].keyids:
            yield f"The Root's online {role} key becomes {short(new.roles[role].keyids[0])}."
    yield f"The board's own metadata becomes version {new.version}, valid until {new.expires:%Y-%m-%d}."


def _board(root: Root) -> str:
    role = root.roles["root"]
    names = ", ".join(short(keyid) for keyid in sorted(role.keyids))
    return f"{role.threshold} of these {len(role.keyids)} keys decide for it: {names}"


def _list_changes(what: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for keyid in sorted(set(old) - set(new)):
        yield f"The {what} {short(keyid)} is removed."
    for keyid in sorted(set(new) - set(old)):
        yield f"The {what} {short(keyid)} is added."


def _directory_changes(ceremony: Ceremony) -> Iterator[str]:
    old, new = ceremony.base_directory, ceremony.directory
    yield from _network_changes(old, new)
    before = old.entries if old else {}
    for namespace in sorted(before.keys() | new.entries.keys()):
        entry, previous = new.entries.get(namespace), before.get(namespace)
        if entry is None:
            yield f"{namespace} disappears from the directory."
        elif previous is None:
            yield from _newcomer(entry)
        elif entry != previous:
            yield from _entry_changes(previous, entry, ceremony)


def _network_changes(old: Directory | None, new: Directory) -> Iterator[str]:
    if old is None or old.network_name != new.network_name:
        yield f"The network is called {new.network_name!r}."
    if old is None or old.root != new.root:
        yield f"The Root's own node publishes as {new.root}."
    if (old.engine_ca if old else "") != new.engine_ca:
        yield f"The engine's certificate authority becomes {fingerprint(new.engine_ca)}."


def _newcomer(entry: DirectoryEntry) -> Iterator[str]:
    title = next(iter(entry.titles.values()))
    keys = ", ".join(short(keyid) for keyid in entry.key_ids())
    yield (
        f"{entry.namespace} ({title}; {entry.region or 'no region'}) is admitted and may publish in its own "
        f"log, signed by {entry.threshold} of: {keys}."
    )
    yield from _particulars(entry)


def _particulars(entry: DirectoryEntry) -> Iterator[str]:
    if entry.steward_keys:
        yield f"Approvals of {entry.namespace} are signed by: {_keys(entry.steward_keys)}."
    if entry.engine_certificate:
        yield f"The engine certificate of {entry.namespace} is {fingerprint(entry.engine_certificate)}."
    if entry.url:
        yield f"The address of {entry.namespace} is {entry.url}."


def _entry_changes(old: DirectoryEntry, new: DirectoryEntry, ceremony: Ceremony) -> Iterator[str]:
    name = new.namespace
    if new.status != old.status:
        yield _status_change(new, ceremony)
    yield from _list_changes(f"publishing key of {name}", old.key_ids(), new.key_ids())
    if new.threshold != old.threshold:
        yield f"{name} now needs {new.threshold} signatures instead of {old.threshold}."
    stewards = [[key_id(key) for key in entry.steward_keys] for entry in (old, new)]
    yield from _list_changes(f"steward key of {name}", *stewards)
    if new.engine_certificate != old.engine_certificate:
        yield f"The engine certificate of {name} becomes {fingerprint(new.engine_certificate)}."
    for field in ("titles", "region", "url", "admitted"):
        if getattr(new, field) != getattr(old, field):
            yield f"The {field} of {name} becomes {_text(getattr(new, field))}."
    if new.status == old.status and new.frozen_version != old.frozen_version:
        yield _status_change(new, ceremony)


def _status_change(entry: DirectoryEntry, ceremony: Ceremony) -> str:
    if entry.frozen_version is None:
        return f"{entry.namespace} is admitted again and goes on from its frozen log."
    head = frozen_head(entry.namespace, entry.frozen_version, ceremony.targets.signed)
    return (
        f"{entry.namespace} is revoked: nothing new from it is accepted, and its log is frozen at version "
        f"{entry.frozen_version} with {head.records} records (hash {short(head.sha256) or 'none'})."
    )


def _text(value: object) -> str:
    return ", ".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def _keys(keys: Sequence[PublicKey]) -> str:
    return ", ".join(short(key_id(key)) for key in keys)


def fingerprint(pem: str) -> str:
    """SHA-256 of a PEM certificate as the engine shows it, in hexadecimal; ``none`` for an empty one."""
    if not pem:
        return "none"
    try:
        data = ssl.PEM_cert_to_DER_cert(pem)
    except ValueError:
        data = pem.encode()
    return f"sha256 {hashlib.sha256(data).hexdigest()}"
