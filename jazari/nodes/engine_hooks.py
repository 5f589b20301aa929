"""The study engine's keys and kits for federation: ``studies.flare`` makes the bytes, the home keeps them."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from jazari.core.errors import JazariError
from jazari.core.files import plain_os_errors, write_atomic, write_private
from jazari.settings.home import Home
from jazari.settings.process_state import engine_restart
from jazari.studies.flare import kit, pins, pki
from jazari.studies.flare.errors import BadEngineCertificate
from jazari.trust.directory import Directory


class FlareHooks:
    """``jazari.federation.hooks.Engine`` for NVIDIA FLARE. Imports no FLARE: certificates and files only."""

    def found(self, home: Home, hosts: list[str]) -> tuple[str, str]:
        """Make the engine's authority and server keys in ``keys/``; both certificates in PEM."""
        authority, authority_key = pki.create_ca(home.config.network)
        server, server_key = pki.create_server(authority, authority_key, hosts)
        write_private(home.keys / "engine-ca.key", authority_key)
        write_atomic(home.keys / "engine-ca.crt", authority)
        write_private(home.keys / "engine.key", server_key)
        write_atomic(home.keys / "engine.crt", server)
        return authority.decode(), server.decode()

    def create_request(self, home: Home) -> str:
        """Make the engine key and its certificate request, once; the request in PEM."""
        path = home.keys / "engine.csr"
        if not path.exists():
            request, key = pki.create_request(home.namespace)
            write_private(home.keys / "engine.key", key)
            write_atomic(path, request)
        return _read(path).decode()

    def check_request(self, request: str, namespace: str) -> None:
        """Refuse a request that could not be issued."""
        pki.check_request(request.encode(), namespace)

    def issue(self, home: Home, request: str, namespace: str) -> str:
        """Answer a request with a certificate of this network's engine authority."""
        authority, key = _read(home.keys / "engine-ca.crt"), _read(home.keys / "engine-ca.key")
        return pki.issue(authority, key, request.encode(), namespace).decode()

    def install(self, home: Home, directory: Directory) -> None:
        """Write this node's kit where it is missing or its certificate changed, and who may take part."""
        certificate = directory.entries[home.namespace].engine_certificate.encode()
        if not _is_installed(home.engine, certificate):
            authority, key = directory.engine_ca.encode(), _read(home.keys / "engine.key")
            _check_own_key(certificate, key)
            place = (home.config.engine_host, home.config.engine_port)
            if home.is_root:
                kit.write_server_kit(home.engine, kit.ServerKit(authority, certificate, key, *place))
            else:
                site = kit.SiteKit(authority, certificate, key, home.namespace, *place)
                kit.write_site_kit(home.engine, site)
            engine_restart(home).touch()
        self.refresh(home, directory)

    def refresh(self, home: Home, directory: Directory) -> None:
        """Write the fingerprints of everybody whom ``directory`` admits; running engines follow at once."""
        institutes = {
            entry.namespace: entry.engine_certificate.encode()
            for entry in directory.active()
            if entry.namespace != directory.root
        }
        server = directory.root_entry.engine_certificate.encode()
        found = pins.pins_from(directory.engine_ca.encode(), server, institutes)
        if found != pins.read_pins(home.engine):
            pins.write_pins(home.engine, found)


def _is_installed(engine: Path, certificate: bytes) -> bool:
    try:
        return kit.own_pin(engine) == pki.fingerprint(certificate)
    except (JazariError, OSError):  # no kit, half a kit, a damaged one: all mean that it must be written
        return False


def _check_own_key(certificate: bytes, key: bytes) -> None:
    """The board must have signed a certificate of the key that we hold, not somebody else's."""
    try:
        ours = load_pem_private_key(key, None).public_key()
        same = load_pem_x509_certificate(certificate).public_key() == ours
    except ValueError as error:
        sentence = "The engine key or its certificate is damaged: restore keys/, or ask for a new certificate."
        raise BadEngineCertificate(sentence) from error
    if not same:
        raise BadEngineCertificate(
            "The engine certificate in the directory is not for this node's key: do not join, tell the board."
        )


def _read(path: Path) -> bytes:
    with plain_os_errors(path):
        return path.read_bytes()
