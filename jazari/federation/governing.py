"""The Root's proposals to the board, and how the network stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jazari.core import clock
from jazari.federation import admissions, hooks, presence, root_node
from jazari.federation.enrolment import EnrolmentRequest
from jazari.federation.errors import EnrolmentUnclear
from jazari.federation.founding import propose
from jazari.settings.home import Home
from jazari.settings.process_state import read_state
from jazari.trust.ceremonies.proposals import propose_admission, propose_root_rotation, propose_rotation
from jazari.trust.ceremonies.requests import AdmissionRequest, RotationRequest
from jazari.trust.directory import Directory, DirectoryEntry
from jazari.trust.keys import generate_key, read_public_key
from jazari.trust.repository import Repository, seconds_valid


def propose_requests(home: Home, names: Sequence[str]) -> tuple[Path, list[str]]:
    """One ceremony for the waiting requests of ``names``; its path and the namespaces.

    Each request is checked again and the engine's certificate issued. Raises ``EnrolmentUnclear`` if
    admissions and key changes are mixed, since they are different ceremonies.
    """
    repository = root_node.repository(home)
    directory = repository.committed().directory
    rows = list({row.digest: row for row in map(admissions.find, names)}.values())
    signed = [admissions.signed_enrolment(row) for row in rows]
    for one in signed:
        admissions.check_enrolment(one, directory)
    path = propose(home, _proposal(home, repository, directory, [one.request for one in signed]))
    admissions.mark_proposed(rows)
    return path, [row.namespace for row in rows]


def _proposal(home: Home, repository: Repository, directory: Directory, requests: Sequence[EnrolmentRequest]) -> Any:
    kinds = {request.kind for request in requests}
    entries = [_entry(home, directory, request) for request in requests]
    pairs = list(zip(entries, requests, strict=True))
    if kinds == {"admission"}:
        asked = [AdmissionRequest(entry=entry, metadata=request.log_metadata) for entry, request in pairs]
        return propose_admission(repository, asked)
    if kinds == {"rotation"}:
        changes = [RotationRequest(entry=entry, metadata=request.log_metadata) for entry, request in pairs]
        return propose_rotation(repository, changes)
    raise EnrolmentUnclear("Admissions and changes of keys are two ceremonies: name only one kind of request.")


def _entry(home: Home, directory: Directory, request: EnrolmentRequest) -> DirectoryEntry:
    certificate = hooks.engine().issue(home, request.engine_request, request.namespace)
    current = directory.entries.get(request.namespace)
    admitted = current.admitted if current else clock.now().replace(microsecond=0)
    return request.entry(certificate, admitted)


def propose_online_keys(home: Home, passphrase: bytes | None) -> Path:
    """Make the next snapshot and timestamp keys (once) and the ceremony for them; its path.

    They come into use when the ceremony is finished (see ``root_node.online_key``).
    """
    repository = root_node.repository(home)
    root = repository.committed().root
    keys = {role: _next_key(home, role, passphrase) for role in root_node.ONLINE_ROLES}
    board = [dict(root.keys[keyid].to_dict()) for keyid in root.roles["root"].keyids]
    file = propose_root_rotation(
        repository,
        board,
        root.roles["root"].threshold,
        snapshot_key=keys["snapshot"],
        timestamp_key=keys["timestamp"],
    )
    return propose(home, file)


def _next_key(home: Home, role: str, passphrase: bytes | None) -> dict[str, Any]:
    path = root_node.next_online_key(home, role)
    if not path.exists():
        generate_key(path, passphrase)
    return read_public_key(path.with_name(path.name + ".pub"))


def root_status(home: Home) -> dict[str, Any]:
    """The network as its Root sees it; ``days_valid`` until something must be signed again."""
    state = root_node.repository(home).committed()
    processes = read_state(home).get("processes", {})
    return {
        "network": state.directory.network_name,
        "namespace": home.namespace,
        "version": state.snapshot.version,
        "days_valid": int(seconds_valid(state) // 86_400),
        "institutes": presence.institutes(state.directory),
        "requests": len(admissions.enrolments(state.directory)),
        "processes": {name: _process(facts) for name, facts in processes.items()},
    }


def _process(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: facts.get(name) for name in ("pid", "ready", "restarts")}
