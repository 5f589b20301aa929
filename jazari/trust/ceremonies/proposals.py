"""Preparing ceremonies at the Root: each function returns an unsigned ``CeremonyFile`` for the board.

Nothing changes before ``finish_ceremony``; a ceremony may be prepared, thrown away and prepared again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jazari.core.clock import timestamp
from jazari.trust.board import board_targets
from jazari.trust.ceremonies.ceremony_file import CeremonyFile, Kind, open_ceremony
from jazari.trust.ceremonies.requests import AdmissionRequest, RotationRequest, metadata_head
from jazari.trust.delegation import delegations
from jazari.trust.directory import Directory, DirectoryEntry, PublicKey
from jazari.trust.errors import BadCeremony, CeremonyOutdated
from jazari.trust.keys import key_id, tuf_key
from jazari.trust.metadata import ROOT_DAYS, TARGETS_DAYS, LogHead, expiry, head_of, head_target, parse
from jazari.trust.repository import Committed, Repository
from jazari.trust.tuf_types import Key, Metadata, Role, Root, TargetFile, Targets


def create_network(
    name: str,
    board_keys: Sequence[PublicKey],
    threshold: int,
    *,
    snapshot_key: PublicKey,
    timestamp_key: PublicKey,
    node: AdmissionRequest,
    engine_ca: str = "",
) -> CeremonyFile:
    """Found a network: ``threshold`` of ``board_keys`` rule it, ``node`` is the Root's own node.

    ``snapshot_key`` and ``timestamp_key`` are the Root's online keys (public halves).
    """
    node.check()
    namespace = node.entry.namespace
    directory = Directory(network_name=name, root=namespace, entries={namespace: node.entry}, engine_ca=engine_ca)
    root = _root(1, board_keys, threshold, snapshot_key, timestamp_key)
    return _file("create", None, directory, root=root, institutes={namespace: node.metadata})


def propose_admission(repository: Repository, requests: Sequence[AdmissionRequest]) -> CeremonyFile:
    """Admit newcomers, several at once; ``BadCeremony`` where a request breaks a rule."""
    base = repository.committed()
    entries = dict(base.directory.entries)
    for request in requests:
        request.check()
        if request.entry.namespace in entries or base.version(request.entry.namespace):
            raise BadCeremony(f"{request.entry.namespace} was admitted before: propose a rotation instead.")
        entries[request.entry.namespace] = request.entry
    _check_keys_apart(entries.values())
    metadata = {request.entry.namespace: request.metadata for request in requests}
    return _change("admit", repository, base, _with(base.directory, entries), institutes=metadata)


def propose_rotation(repository: Repository, requests: Sequence[RotationRequest]) -> CeremonyFile:
    """Replace keys or particulars of institutes; a revoked one is admitted again by new keys."""
    base = repository.committed()
    entries = dict(base.directory.entries)
    metadata: dict[str, str] = {}
    for request in requests:
        name = request.entry.namespace
        if name not in entries:
            raise BadCeremony(f"{name} is not in the directory: propose its admission instead.")
        if needs_metadata(entries[name], request.entry):
            check_handover(repository, base, request.entry, request.metadata.encode())
            metadata[name] = request.metadata
        entries[name] = request.entry
    _check_keys_apart(entries.values())
    return _change("rotate", repository, base, _with(base.directory, entries), institutes=metadata)


def propose_revocation(repository: Repository, namespace: str, frozen_version: int | None = None) -> CeremonyFile:
    """End an institute's right to publish; its log is frozen at ``frozen_version`` (the newest by default)."""
    base = repository.committed()
    entry = base.directory.entries.get(namespace)
    if entry is None or entry.status == "revoked":
        raise BadCeremony(f"{namespace} is not an active institute: check the namespace.")
    if namespace == base.directory.root:
        raise BadCeremony("The Root's own node cannot be revoked: rotate its keys instead.")
    version = frozen_version or base.version(namespace)
    data = repository.institute_bytes(namespace, version).decode()
    revoked = entry.model_copy(update={"status": "revoked", "frozen_version": version})
    head = head_of(namespace, parse(Targets, data.encode(), namespace).signed)
    directory = _with(base.directory, base.directory.entries | {namespace: revoked})
    return _change("revoke", repository, base, directory, frozen={namespace: head})


def propose_root_rotation(
    repository: Repository,
    board_keys: Sequence[PublicKey],
    threshold: int,
    *,
    snapshot_key: PublicKey | None = None,
    timestamp_key: PublicKey | None = None,
    engine_ca: str | None = None,
) -> CeremonyFile:
    """Replace board members, threshold or the Root's online keys (the present ones where None)."""
    base = repository.committed()
    root = _root(
        base.root.version + 1,
        board_keys,
        threshold,
        snapshot_key or _online_key(base.root, "snapshot"),
        timestamp_key or _online_key(base.root, "timestamp"),
    )
    update = {} if engine_ca is None else {"engine_ca": engine_ca}
    return _change("root", repository, base, base.directory.model_copy(update=update), root=root)


def propose_renewal(repository: Repository) -> CeremonyFile:
    """The same board, keys and directory with new expiry dates."""
    base = repository.committed()
    board = [dict(base.root.keys[keyid].to_dict()) for keyid in base.root.roles["root"].keyids]
    root = _root(
        base.root.version + 1,
        board,
        base.root.roles["root"].threshold,
        _online_key(base.root, "snapshot"),
        _online_key(base.root, "timestamp"),
    )
    return _change("renew", repository, base, base.directory, root=root)


def needs_metadata(old: DirectoryEntry, new: DirectoryEntry) -> bool:
    """Whether the change needs the log's metadata signed by the new keys, so that it stays readable."""
    same = set(old.key_ids()) == set(new.key_ids()) and old.threshold == new.threshold
    return new.status == "active" and not (same and old.status == "active")


def check_handover(repository: Repository, base: Committed, entry: DirectoryEntry, data: bytes) -> None:
    """``data`` must be the next version of ``entry``'s log metadata, by its new keys, content unchanged."""
    if not data:
        raise BadCeremony(
            f"New keys of {entry.namespace} need its log's metadata signed by them: ask it for a new request."
        )
    head = metadata_head(entry, data)
    current = repository.head(entry.namespace, base)
    if head.version != base.version(entry.namespace) + 1 or not head.same_content(current):
        raise CeremonyOutdated(
            f"{entry.namespace} has published since it signed this request: ask it for a new request."
        )


def _check_keys_apart(entries: Any) -> None:
    owners: dict[str, str] = {}
    for entry in entries:
        for keyid in [*entry.key_ids(), *(key_id(key) for key in entry.steward_keys)]:
            other = owners.setdefault(keyid, entry.namespace)
            if other != entry.namespace:
                raise BadCeremony(f"{entry.namespace} and {other} name the same key: each needs its own.")


def _with(directory: Directory, entries: Mapping[str, DirectoryEntry]) -> Directory:
    return Directory(
        network_name=directory.network_name,
        root=directory.root,
        entries=dict(entries),
        engine_ca=directory.engine_ca,
    )


def _root(
    version: int, board: Sequence[PublicKey], threshold: int, snapshot: PublicKey, timestamp_key: PublicKey
) -> Root:
    members = [tuf_key(key) for key in board]
    online = {"snapshot": tuf_key(snapshot), "timestamp": tuf_key(timestamp_key)}
    ids = [member.keyid for member in members]
    if len(set(ids)) != len(ids) or not 1 <= threshold <= len(ids):
        raise BadCeremony(f"{threshold} of {len(set(ids))} different board keys is not possible: correct it.")
    if set(ids) & {key.keyid for key in online.values()}:
        raise BadCeremony("A board key is also an online key of the Root: board keys must stay offline.")
    keys: dict[str, Key] = {key.keyid: key for key in [*members, *online.values()]}
    roles = {"root": Role(ids, threshold), "targets": Role(list(ids), threshold)}
    roles |= {role: Role([key.keyid], 1) for role, key in online.items()}
    return Root(version=version, expires=expiry(ROOT_DAYS), keys=keys, roles=roles, consistent_snapshot=True)


def _online_key(root: Root, role: str) -> PublicKey:
    return dict(root.keys[root.roles[role].keyids[0]].to_dict())


def _change(
    kind: Kind,
    repository: Repository,
    base: Committed,
    directory: Directory,
    *,
    frozen: Mapping[str, LogHead] | None = None,
    root: Root | None = None,
    institutes: Mapping[str, str] | None = None,
) -> CeremonyFile:
    targets: dict[str, TargetFile] = {}
    for namespace, head in (frozen or {}).items():
        targets |= head_target(namespace, head)
    file = _file(kind, base, directory, targets, root=root, institutes=institutes or {})
    file.roots = [json.loads(repository.root_bytes(version)) for version in range(1, base.root.version + 1)]
    file.base_targets = json.loads(repository.targets_bytes())
    file.base_directory = json.loads(base.directory.to_bytes())
    open_ceremony(file)
    return file


def _file(
    kind: Kind,
    base: Committed | None,
    directory: Directory,
    frozen: Mapping[str, TargetFile] | None = None,
    *,
    root: Root | None,
    institutes: Mapping[str, str],
) -> CeremonyFile:
    known = Targets(targets=dict(frozen or {}) | (dict(base.targets.targets) if base else {}))
    targets = Targets(
        version=base.targets.version + 1 if base else 1,
        expires=expiry(TARGETS_DAYS),
        targets=board_targets(directory, known),
        delegations=delegations(directory.entries.values()),
    )
    return CeremonyFile(
        kind=kind,
        network=directory.network_name,
        prepared=timestamp(),
        root=Metadata(root).to_dict() if root else None,
        targets=Metadata(targets).to_dict(),
        directory=json.loads(directory.to_bytes()),
        institutes=dict(institutes),
    )
