"""Engine certificates: who gets one, what it says, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.studies.flare import pki
from jazari.studies.flare.errors import BadEngineCertificate


@pytest.fixture(scope="module")
def authority() -> tuple[bytes, bytes]:
    return pki.create_ca("morocco")


@pytest.fixture(scope="module")
def rabat() -> tuple[bytes, bytes]:
    return pki.create_request("rabat")


def _request(name: str, key: object) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_certificate_names_its_institute_and_nobody_else(authority, rabat) -> None:
    certificate = pki.issue(*authority, rabat[0], "rabat")
    assert pki.common_name(certificate) == "rabat"
    pki.check_certificate(certificate, authority[0], "rabat")
    with pytest.raises(BadEngineCertificate, match="not issued for 'fes'"):
        pki.check_certificate(certificate, authority[0], "fes")


def test_the_private_key_stays_with_the_institute_and_fits_its_certificate(authority, rabat) -> None:
    certificate = x509.load_pem_x509_certificate(pki.issue(*authority, rabat[0], "rabat"))
    private = serialization.load_pem_private_key(rabat[1], password=None)
    assert certificate.public_key() == private.public_key()
    assert b"PRIVATE" not in rabat[0]


def test_a_node_certificate_signs_no_other(authority, rabat) -> None:
    certificate = x509.load_pem_x509_certificate(pki.issue(*authority, rabat[0], "rabat"))
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert not basic.value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_only_the_key_is_taken_from_a_request(authority) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rabat")])
    wishes = x509.CertificateSigningRequestBuilder().subject_name(subject)
    wishes = wishes.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    request = wishes.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    issued = x509.load_pem_x509_certificate(pki.issue(*authority, request, "rabat"))
    assert not issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_request_for_another_name_is_refused(authority, rabat) -> None:
    with pytest.raises(BadEngineCertificate, match="not for 'fes'"):
        pki.issue(*authority, rabat[0], "fes")


@pytest.mark.parametrize("kind", ["weak", "foreign"])
def test_a_weak_or_foreign_key_is_refused(authority, kind) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  what is to be refused
    key = weak if kind == "weak" else ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(BadEngineCertificate, match="RSA key"):
        pki.issue(*authority, _request("rabat", key), "rabat")


@pytest.mark.parametrize("request_bytes", [b"", b"nonsense", b"-----BEGIN CERTIFICATE REQUEST-----\n", b"x" * 100_000])
def test_what_is_no_request_is_refused(authority, request_bytes) -> None:
    with pytest.raises(BadEngineCertificate, match="no engine certificate request"):
        pki.issue(*authority, request_bytes, "rabat")


@pytest.mark.parametrize("name", ["server", "relay", "admin", "all", "client", "simulator"])
def test_names_that_flare_keeps_are_refused_before_anything_is_made(name) -> None:
    with pytest.raises(BadEngineCertificate, match="keeps for itself"):
        pki.create_request(name)


def test_an_invalid_namespace_is_refused() -> None:
    with pytest.raises(JazariError):
        pki.create_request("../etc")


def test_another_authority_is_refused(rabat, authority) -> None:
    forged = pki.issue(*pki.create_ca("morocco"), rabat[0], "rabat")
    with pytest.raises(BadEngineCertificate, match="not issued by this network"):
        pki.check_certificate(forged, authority[0], "rabat")


def test_an_expired_certificate_is_refused_with_its_dates(authority, rabat) -> None:
    certificate = pki.issue(*authority, rabat[0], "rabat")
    with clock.frozen(clock.now() + timedelta(days=731)), pytest.raises(BadEngineCertificate, match="clock"):
        pki.check_certificate(certificate, authority[0], "rabat")


def test_the_fingerprint_is_the_one_tls_shows(authority, rabat) -> None:
    certificate = pki.issue(*authority, rabat[0], "rabat")
    der = x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    assert pki.fingerprint(certificate) == "sha256:" + digest.finalize().hex()


def test_the_server_certificate_names_its_hosts(authority) -> None:
    certificate, _key = pki.create_server(*authority, ["root.example", "192.0.2.7"])
    pki.check_certificate(certificate, authority[0], "server")
    names = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["server", "root.example"]
    assert [str(found) for found in names.value.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]


def test_a_damaged_authority_key_says_what_to_do(authority, rabat) -> None:
    with pytest.raises(BadEngineCertificate, match="backup"):
        pki.issue(authority[0], b"gone", rabat[0], "rabat")
    with pytest.raises(BadEngineCertificate, match="backup"):
        pki.issue(authority[0], rabat[1], rabat[0], "rabat")
