"""The web server's certificate: self-signed, and pinned by the network file instead of any authority."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jazari.core import clock
from jazari.core.files import write_atomic, write_private

_DAYS = 3650
_BACKDATED = timedelta(days=2)
"""A newcomer whose clock is a day late must get far enough to be told so."""


def write_certificate(certificate: Path, key: Path, name: str, hosts: Sequence[str]) -> str:
    """Make a P-256 key and a certificate for ``hosts`` (names or IP addresses) at these paths; its PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    start = clock.now() - _BACKDATED
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=_DAYS))
    )
    for extension, critical in _extensions(private, hosts):
        builder = builder.add_extension(extension, critical)
    pem = builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    write_private(key, _private_pem(private))
    write_atomic(certificate, pem)
    return pem.decode()


def _extensions(private: ec.EllipticCurvePrivateKey, hosts: Sequence[str]) -> list[tuple[x509.ExtensionType, bool]]:
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    public = private.public_key()
    return [
        (x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    ]


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _private_pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
