"""An institute's way into the network: make keys, ask, verify what the board signed, install."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.files import plain_os_errors, write_atomic
from jazari.federation import hooks, tls
from jazari.federation.enrolment import EnrolmentRequest, SignedEnrolment, parse_enrolment, sign_enrolment
from jazari.federation.errors import DirectoryDiffers, EnrolmentMissing, NotAdmitted, NotRoot
from jazari.federation.exchange import root_client
from jazari.federation.founding import LOCAL_HOSTS, undone_on_error
from jazari.federation.root_node import open_key
from jazari.settings.home import Home, NodeConfig
from jazari.settings.network import NetworkFile
from jazari.trust.ceremonies.requests import make_admission_request
from jazari.trust.directory import Directory, DirectoryEntry, PublicKey
from jazari.trust.keys import generate_key, public_key, read_public_key


def create_institute(
    path: Path,
    config: NodeConfig,
    passphrase: bytes | None,
    steward_passphrase: bytes | None,
    steward_public_keys: Sequence[PublicKey] = (),
) -> Home:
    """Make an institute's home with its publishing, steward and engine keys and its web certificate.

    ``steward_public_keys``: keys of stewards who made their own elsewhere; then none is made here. Nothing
    stays behind when it fails, unless the folder was there before.
    """
    with undone_on_error(path):
        home = Home.create(path, config)
        generate_key(home.publishing_key, passphrase)
        if not steward_public_keys:
            generate_key(home.steward_key, steward_passphrase)
        keys = list(steward_public_keys) or [read_public_key(_pub(home.steward_key))]
        write_atomic(_stewards(home), json.dumps(keys).encode())
        names = sorted({*LOCAL_HOSTS, config.host} - {"0.0.0.0", "::"})  # noqa: S104
        tls.write_certificate(home.tls_certificate, home.tls_key, config.namespace, names)
        hooks.engine().create_request(home)
    return home


def make_request(home: Home, network: NetworkFile, passphrase_file: Path | None = None) -> SignedEnrolment:
    """The signed request to be admitted to ``network``; it is kept in the home and the same when repeated."""
    require_institute(home)
    kept = _kept_request(home)
    if kept is not None and kept.request.network == network.name:
        return kept
    signer = open_key(home.publishing_key, passphrase_file)
    request = _request(home, network, public_key(signer), "")
    empty_log = make_admission_request(request.entry("", clock.now()), [signer]).metadata
    signed = sign_enrolment(request.model_copy(update={"log_metadata": empty_log}), [signer])
    remember_network(home, network)
    write_atomic(_request_file(home), signed.to_bytes())
    return signed


def _request(home: Home, network: NetworkFile, key: PublicKey, log_metadata: str) -> EnrolmentRequest:
    config = home.config
    return EnrolmentRequest(
        kind="admission",
        network=network.name,
        namespace=config.namespace,
        titles=config.titles or {"fr": config.namespace},
        region=config.region,
        url=config.url or None,
        publishing_keys=[key],
        steward_keys=steward_keys(home),
        engine_request=hooks.engine().create_request(home),
        log_metadata=log_metadata,
        moment=clock.timestamp(),
    )


def remember_network(home: Home, network: NetworkFile) -> None:
    """Keep the invitation in the home and in ``jazari.toml``."""
    host, _, port = network.engine_address.rpartition(":")
    engine = {"engine_host": host, "engine_port": int(port)} if host and port.isdigit() else {}
    network.write(home.network_file)
    home.write(replace(home.config, network=network.name, root_url=network.root_url, **engine))  # type: ignore[arg-type]


def send_request(home: Home, signed: SignedEnrolment) -> dict[str, Any]:
    """Send the request to the Root; its state there."""
    with root_client(home) as client:
        state = client.enrol(signed.to_bytes())
    detail = {"digest": signed.request.digest}
    events.emit(AuditEvent("federation.enrolment-sent", home.namespace, home.namespace, detail))
    return state


def join(home: Home, directory: Directory) -> DirectoryEntry:
    """Install this institute in the network, once the verified ``directory`` says what it asked for.

    Raises ``NotAdmitted`` before the board has signed, ``DirectoryDiffers`` if it signed something else.
    """
    entry = check_admitted(home, directory)
    hooks.engine().install(home, directory)
    events.emit(AuditEvent("federation.joined", home.namespace, directory.network_name))
    return entry


def check_admitted(home: Home, directory: Directory) -> DirectoryEntry:
    """Our entry of the verified ``directory``, if it is exactly what we asked for."""
    entry = directory.entries.get(require_institute(home).namespace)
    if entry is None:
        raise NotAdmitted(f"The board has not admitted {home.namespace} yet: try again after its ceremony.")
    if entry.status != "active":
        raise NotAdmitted(f"The board has revoked {home.namespace}: contact the board.")
    kept = _kept_request(home)
    if kept is None:
        raise EnrolmentMissing("This home holds no request: run `jazari institute request` first.")
    different = _differences(kept.request, entry)
    if different:
        raise DirectoryDiffers(
            f"The directory says otherwise than {home.namespace} asked ({', '.join(different)}): do not join, "
            "and tell the board by another way."
        )
    return entry


def _differences(request: EnrolmentRequest, entry: DirectoryEntry) -> list[str]:
    asked = request.entry(entry.engine_certificate, entry.admitted)
    return [name for name in DirectoryEntry.model_fields if getattr(asked, name) != getattr(entry, name)]


def require_institute(home: Home) -> Home:
    """``home`` if it is an institute's; ``NotRoot`` says which command the Root has instead."""
    if home.is_root:
        raise NotRoot(f"{home.path} is the Root's: this command is for an institute's home.")
    return home


def steward_keys(home: Home) -> list[PublicKey]:
    """The public keys of the institute's stewards, as it asks the board to sign them."""
    path = _stewards(home)
    with plain_os_errors(path):
        return list(json.loads(path.read_bytes()))


def kept_digest(home: Home) -> str:
    """The digest of the request that this home sent or will send; "" before it was made."""
    kept = _kept_request(home)
    return kept.request.digest if kept else ""


def _kept_request(home: Home) -> SignedEnrolment | None:
    path = _request_file(home)
    if not path.exists():
        return None
    with plain_os_errors(path):
        return parse_enrolment(path.read_bytes())


def _request_file(home: Home) -> Path:
    return home.keys / "enrolment.json"


def _stewards(home: Home) -> Path:
    return home.keys / "stewards.json"


def _pub(path: Path) -> Path:
    return path.with_name(path.name + ".pub")
