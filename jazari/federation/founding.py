"""Founding a network and finishing its ceremonies, on the Root's machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.federation import hooks, root_node, tls
from jazari.federation.root_node import require_root
from jazari.settings.home import Home, NodeConfig
from jazari.settings.network import NetworkFile
from jazari.trust.ceremonies.ceremony_file import CeremonyFile
from jazari.trust.ceremonies.finishing import finish_ceremony
from jazari.trust.ceremonies.proposals import create_network
from jazari.trust.ceremonies.requests import make_admission_request
from jazari.trust.directory import Directory, DirectoryEntry, PublicKey
from jazari.trust.errors import BadCeremony
from jazari.trust.keys import generate_key, load_signer
from jazari.trust.repository import Repository

LOCAL_HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Board:
    """The public keys of the board and how many of them must sign."""

    keys: Sequence[PublicKey]
    threshold: int


def create_root(
    path: Path, config: NodeConfig, board: Board, passphrase: bytes | None, hosts: Sequence[str] = ()
) -> Path:
    """Make the Root's home, keys, certificate and engine authority; the ceremony file for the board.

    ``passphrase`` encrypts the online keys (None: plain, owner only). ``hosts``: further names of the web and
    engine servers. Nothing stays behind when it fails, unless the folder was there before.
    """
    with undone_on_error(path):
        home = Home.create(path, config)
        keys = {name: generate_key(getattr(home, f"{name}_key"), passphrase).key for name in _ONLINE}
        names = sorted({*LOCAL_HOSTS, *hosts, urlsplit(config.root_url).hostname or "localhost"})
        tls.write_certificate(home.tls_certificate, home.tls_key, f"{config.network} Root", names)
        authority, server = hooks.engine().found(home, sorted({*names, config.engine_host}))
        file = create_network(
            config.network,
            board.keys,
            board.threshold,
            snapshot_key=keys["snapshot"],
            timestamp_key=keys["timestamp"],
            node=make_admission_request(
                _own_entry(config, keys["publishing"], server),
                [load_signer(home.publishing_key, passphrase)],
            ),
            engine_ca=authority,
        )
        return file.write(new_ceremony_path(home, "create"))


_ONLINE = ("publishing", "snapshot", "timestamp")


def _own_entry(config: NodeConfig, key: PublicKey, server_certificate: str) -> DirectoryEntry:
    return DirectoryEntry(
        namespace=config.namespace,
        titles=config.titles or {"fr": config.network},
        region=config.region,
        publishing_keys=[key],
        engine_certificate=server_certificate,
        url=config.root_url,
        admitted=clock.now().replace(microsecond=0),
    )


def finish(home: Home, copies: Sequence[Path], passphrase_file: Path | None = None) -> Directory:
    """Install the ceremony whose signed copies are given; the directory now in force.

    Also writes ``network.json``, the invitation to the network, with the newest root metadata.
    """
    ceremony = CeremonyFile.read(copies[0])
    signers = root_node.online_signers(home, passphrase_file, _keyids(ceremony))
    repository = Repository(home.repository, signers["snapshot"], signers["timestamp"])
    finish_ceremony(repository, copies)
    root_node.tidy_online_keys(home)
    write_network_file(home, repository)
    directory = repository.committed().directory
    hooks.engine().install(home, directory)
    return directory


def _keyids(ceremony: CeremonyFile) -> dict[str, str] | None:
    """The online keys that the ceremony puts in force; None if it leaves them as they are."""
    if ceremony.root is None:
        return None
    try:
        roles = ceremony.root["signed"]["roles"]
        return {role: str(roles[role]["keyids"][0]) for role in root_node.ONLINE_ROLES}
    except (KeyError, TypeError, IndexError) as error:
        raise BadCeremony("The ceremony file is damaged: get it from the Root again.") from error


def write_network_file(home: Home, repository: Repository) -> NetworkFile:
    """Write the Root's ``network.json`` anew; newcomers pin the newest root metadata."""
    config = home.config
    host = config.engine_host if config.engine_host not in ("0.0.0.0", "::") else _host(config)  # noqa: S104
    file = NetworkFile(
        name=config.network,
        root_url=config.root_url,
        tls_certificate_pem=home.tls_certificate.read_text(),
        trusted_root=json.loads(repository.root_bytes()),
        engine_address=f"{host}:{config.engine_port}",
    )
    file.write(home.network_file)
    return file


def _host(config: NodeConfig) -> str:
    return urlsplit(config.root_url).hostname or "localhost"


def new_ceremony_path(home: Home, kind: str) -> Path:
    """A path for a new ceremony file that no earlier one has."""
    require_root(home)
    stem = f"{clock.now():%Y%m%dT%H%M%S}-{kind}"
    number, path = 1, home.ceremonies / f"{stem}.json"
    while path.exists():
        number += 1
        path = home.ceremonies / f"{stem}-{number}.json"
    return path


def propose(home: Home, file: CeremonyFile) -> Path:
    """Keep a prepared ceremony and note it in the audit trail; where it is."""
    path = file.write(new_ceremony_path(home, file.kind))
    events.emit(AuditEvent("federation.ceremony-proposed", "node", file.kind, {"file": path.name}))
    return path


@contextmanager
def undone_on_error(path: Path) -> Iterator[None]:
    """Remove the folder ``path`` again if the block fails and the folder was not there before."""
    there_before = path.exists()
    try:
        yield
    except BaseException:
        if not there_before:
            shutil.rmtree(path, ignore_errors=True)
        raise
