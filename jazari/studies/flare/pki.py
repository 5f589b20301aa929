"""The engine's own small certificate authority: bytes in, bytes out, no files and no FLARE.

FLARE proves identities by RSA signatures over the common name, so every node holds an RSA key; the
authority itself uses P-384. Private keys never leave the node that made them: an institute sends a
request, the Root answers with a certificate. A certificate alone admits nobody: both ends also ask the
signed directory for its fingerprint (``pins``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jazari.core import clock
from jazari.core.identifiers import check_namespace
from jazari.studies.flare.errors import BadEngineCertificate

RSA_BITS = 3072
SERVER_NAME = "server"
_TAKEN = frozenset({SERVER_NAME, "admin", "all", "client", "relay", "simulator"})
_CA_DAYS, _NODE_DAYS = 3650, 730
_BACKDATED = timedelta(minutes=10)
_LONGEST = 65_536
_PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def check_engine_name(namespace: str) -> str:
    """``namespace`` if it can be an engine site: a valid namespace that FLARE keeps for nobody else."""
    if check_namespace(namespace) in _TAKEN:
        raise BadEngineCertificate(f"{namespace!r} is a name that the engine keeps for itself: choose another.")
    return namespace


def create_ca(network: str) -> tuple[bytes, bytes]:
    """(certificate, private key) in PEM of a new engine authority for ``network``, for ten years."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = _name(f"{network} engine", network)
    builder = _builder(name, name, key.public_key(), _CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(ca=True), critical=True)
    return _pem(builder.sign(key, hashes.SHA384())), _key_pem(key)


def create_request(namespace: str) -> tuple[bytes, bytes]:
    """(certificate request, private key) in PEM for the institute ``namespace``."""
    return _request(check_engine_name(namespace))


def create_server(ca_certificate: bytes, ca_key: bytes, hosts: Sequence[str]) -> tuple[bytes, bytes]:
    """(certificate, private key) in PEM of the engine server, reachable under ``hosts``."""
    request, key = _request(SERVER_NAME)
    return _issue(ca_certificate, ca_key, request, SERVER_NAME, hosts), key


def issue(ca_certificate: bytes, ca_key: bytes, request: bytes, namespace: str) -> bytes:
    """The certificate, in PEM and for two years, that answers an institute's ``request``.

    Raises ``BadEngineCertificate`` if the request is unsigned, weak, or names anybody else.
    """
    return _issue(ca_certificate, ca_key, request, check_engine_name(namespace), ())


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of the certificate's DER bytes, as ``sha256:<64 hex digits>``; ``certificate`` is PEM."""
    return "sha256:" + _certificate(certificate).fingerprint(hashes.SHA256()).hex()


def common_name(certificate: bytes) -> str:
    """The name that a PEM certificate was issued for."""
    return _common_name(_certificate(certificate).subject)


def check_certificate(certificate: bytes, ca_certificate: bytes, name: str) -> None:
    """Raise ``BadEngineCertificate`` unless the authority issued ``certificate`` to ``name`` and it is valid now."""
    leaf, authority = _certificate(certificate), _certificate(ca_certificate)
    if _common_name(leaf.subject) != name:
        raise BadEngineCertificate(f"This engine certificate was not issued for {name!r}: ask for your own.")
    try:
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        sentence = f"The engine certificate of {name!r} was not issued by this network: request a new one."
        raise BadEngineCertificate(sentence) from error
    if not leaf.not_valid_before_utc <= clock.now() <= leaf.not_valid_after_utc:
        raise BadEngineCertificate(
            f"The engine certificate of {name!r} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to "
            f"{leaf.not_valid_after_utc:%Y-%m-%d}: check this machine's clock or request a new certificate."
        )


def check_request(request: bytes, namespace: str) -> None:
    """Raise ``BadEngineCertificate`` unless ``request`` is a signed, strong request of ``namespace``."""
    _checked_request(request, check_engine_name(namespace))


def _request(name: str) -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    request = x509.CertificateSigningRequestBuilder().subject_name(_name(name, name)).sign(key, hashes.SHA256())
    return _pem(request), _key_pem(key)


def _checked_request(request: bytes, name: str) -> rsa.RSAPublicKey:
    try:
        if len(request) > _LONGEST:
            raise ValueError("too long")
        parsed = x509.load_pem_x509_csr(request)
    except ValueError as error:
        raise BadEngineCertificate("This is no engine certificate request: create it again.") from error
    key = parsed.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or not 2048 <= key.key_size <= 4096:
        raise BadEngineCertificate("The engine needs an RSA key of 2048 to 4096 bits: create the request again.")
    if not parsed.is_signature_valid:
        raise BadEngineCertificate("The engine certificate request was changed after signing: create it again.")
    if _common_name(parsed.subject) != name:
        raise BadEngineCertificate(f"This engine certificate request is not for {name!r}: send your own.")
    return key


def _issue(ca_certificate: bytes, ca_key: bytes, request: bytes, name: str, hosts: Sequence[str]) -> bytes:
    authority, key = _certificate(ca_certificate), _authority_key(ca_key)
    public = _checked_request(request, name)
    # Only the public key is taken from the request: subject and extensions are ours.
    builder = _builder(_name(name, name), authority.subject, public, _NODE_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(ca=False), critical=True)
    # A site's parent process also serves its own job processes, on loopback, so every node may do both.
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(purposes, critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(name, hosts)), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return _pem(builder.add_extension(issuer, critical=False).sign(key, hashes.SHA384()))


def _builder(subject: x509.Name, issuer: x509.Name, key: _PublicKey, days: int) -> x509.CertificateBuilder:
    start: datetime = clock.now() - _BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_encipherment=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(name: str, hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [x509.DNSName(name), *(_host(host) for host in hosts)]


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(common: str, organisation: str) -> x509.Name:
    attributes = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def _common_name(subject: x509.Name) -> str:
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        if len(pem) > _LONGEST:
            raise ValueError("too long")
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise BadEngineCertificate("This is no engine certificate in PEM: copy the whole file again.") from error


def _authority_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise BadEngineCertificate("The engine authority's key cannot be read: restore it from a backup.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadEngineCertificate("This is not the engine authority's key: restore it from a backup.")
    return key


def _pem(signed: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return signed.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
