"""The Root's own keys and repository, from its home."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from jazari.cli.passphrases import passphrase_reader
from jazari.core.files import plain_os_errors, write_atomic
from jazari.federation.errors import NotRoot
from jazari.settings.home import Home
from jazari.trust.keys import Signer, key_id, load_signer, read_public_key
from jazari.trust.repository import Repository

ONLINE_ROLES = ("snapshot", "timestamp")


def require_root(home: Home) -> Home:
    """``home`` if it is a Root's; ``NotRoot`` otherwise."""
    if not home.is_root:
        raise NotRoot(f"{home.path} is an institute's: run this command on the Root.")
    return home


def repository(home: Home) -> Repository:
    """The repository for reading only; needs no key."""
    return Repository(require_root(home).repository)


def writable_repository(home: Home, passphrase_file: Path | None = None) -> Repository:
    """The repository with the online keys, so that it can be changed."""
    signers = online_signers(home, passphrase_file)
    return Repository(home.repository, signers["snapshot"], signers["timestamp"])


def online_signers(
    home: Home, passphrase_file: Path | None = None, keyids: Mapping[str, str] | None = None
) -> dict[str, Signer]:
    """The Root's signers by role: with the ``keyids`` given, or those that the committed root metadata name."""
    keyids = keyids or _committed_keyids(require_root(home))
    return {role: open_key(online_key(home, role, keyids.get(role, "")), passphrase_file) for role in ONLINE_ROLES}


def _committed_keyids(home: Home) -> dict[str, str]:
    repository = Repository(home.repository)
    if not repository.exists:
        return {}
    # After a crash between a rotation and the tidying up, the metadata say which key is in force.
    root = json.loads(repository.root_bytes())["signed"]["roles"]
    return {role: root[role]["keyids"][0] for role in ONLINE_ROLES}


def online_key(home: Home, role: str, keyid: str) -> Path:
    """The file of the online key ``keyid``: the present one, or the next one once it is in force."""
    following = next_online_key(home, role)
    if following.exists() and key_id(read_public_key(following.with_name(following.name + ".pub"))) == keyid:
        return following
    return home.keys / f"{role}.pem"


def next_online_key(home: Home, role: str) -> Path:
    """Where the next key of ``role`` waits for the board."""
    return home.keys / f"{role}-next.pem"


def tidy_online_keys(home: Home) -> None:
    """Give keys that came into force their usual names. Harmless to repeat or to interrupt."""
    for role, keyid in _committed_keyids(home).items():
        path = online_key(home, role, keyid)
        target = home.keys / f"{role}.pem"
        if path != target:
            with plain_os_errors(path):
                write_atomic(target.with_name(target.name + ".pub"), path.with_name(path.name + ".pub").read_bytes())
                path.replace(target)
                path.with_name(path.name + ".pub").unlink()


def open_key(path: Path, passphrase_file: Path | None = None) -> Signer:
    """The signer in ``path``; its passphrase is asked for only if it is encrypted."""
    return load_signer(path, passphrase_reader(passphrase_file, f"the key {path}"))
