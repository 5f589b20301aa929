"""Keys: made once, kept safely, and every way to fail says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from jazari.trust import errors
from jazari.trust.keys import (
    generate_key,
    is_encrypted,
    key_id,
    load_signer,
    public_key,
    read_public_key,
    sign_bytes,
    tuf_key,
    verify_bytes,
)
from jazari.trust.tuf_types import CryptoSigner

SIGNER = CryptoSigner(ed25519.Ed25519PrivateKey.generate())


@pytest.mark.parametrize("passphrase", [None, "صعبة جدا".encode()])
def test_a_key_signs_after_it_was_kept(tmp_path: Path, passphrase: bytes | None) -> None:
    made = generate_key(tmp_path / "k.pem", passphrase)
    signer = load_signer(tmp_path / "k.pem", passphrase)
    assert key_id(public_key(signer)) == made.keyid == signer.public_key.keyid
    assert read_public_key(made.path) == made.key
    assert (tmp_path / "k.pem").stat().st_mode & 0o777 == 0o600
    assert is_encrypted(tmp_path / "k.pem") == (passphrase is not None)
    verify_bytes(made.key, b"text", sign_bytes(signer, b"text"))


def test_the_passphrase_is_asked_only_when_needed(tmp_path: Path) -> None:
    generate_key(tmp_path / "plain.pem", None)
    load_signer(tmp_path / "plain.pem", lambda: pytest.fail("asked"))
    generate_key(tmp_path / "locked.pem", b"one")
    load_signer(tmp_path / "locked.pem", lambda: b"one")


def test_the_private_key_is_not_in_the_encrypted_file(tmp_path: Path) -> None:
    generate_key(tmp_path / "k.pem", b"one")
    data = (tmp_path / "k.pem").read_bytes()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in data
    assert b"scrypt n=32768" in data
    # The passphrase itself does not open the PEM block; one in 256 wrong keys gives bytes that end well and are no key.
    with pytest.raises(ValueError, match=r"decrypt|deserialize"):
        serialization.load_pem_private_key(data, b"one")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    generate_key(tmp_path / "k.pem", None)
    before = (tmp_path / "k.pem").read_bytes()
    with pytest.raises(errors.KeyExists):
        generate_key(tmp_path / "k.pem", None)
    assert (tmp_path / "k.pem").read_bytes() == before


def test_wrong_passphrase(tmp_path: Path) -> None:
    generate_key(tmp_path / "k.pem", b"right")
    with pytest.raises(errors.WrongPassphrase, match="does not open"):
        load_signer(tmp_path / "k.pem", b"wrong")
    with pytest.raises(errors.PassphraseNeeded):
        load_signer(tmp_path / "k.pem")
    with pytest.raises(errors.PassphraseNeeded):
        generate_key(tmp_path / "empty.pem", b"")


def test_lost_key_file(tmp_path: Path) -> None:
    with pytest.raises(errors.KeyMissing, match="restore it from your backup"):
        load_signer(tmp_path / "gone.pem")
    with pytest.raises(errors.KeyMissing):
        read_public_key(tmp_path / "gone.pem.pub")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666])
def test_too_open_key_mode(tmp_path: Path, mode: int) -> None:
    generate_key(tmp_path / "k.pem", None)
    (tmp_path / "k.pem").chmod(mode)
    with pytest.raises(errors.KeyTooOpen, match="chmod 600"):
        load_signer(tmp_path / "k.pem")


def test_a_damaged_or_foreign_key_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    generate_key(path, None)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(errors.BadKey, match="cut short"):
        load_signer(path)
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(other)
    with pytest.raises(errors.BadKey, match="Ed25519"):
        load_signer(path)


def test_absurd_scrypt_parameters_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    generate_key(path, b"one")
    path.write_bytes(path.read_bytes().replace(b"n=32768", b"n=16777216"))
    with pytest.raises(errors.BadKey, match="damaged"):
        load_signer(path, b"one")


@pytest.mark.parametrize(
    "key",
    [
        {},
        None,
        [],
        {"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": "x"}},
        {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "zz"}},
        {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "00" * 31}},
    ],
)
def test_only_ed25519_public_keys_are_taken(key: dict[str, object]) -> None:
    with pytest.raises(errors.BadKey):
        tuf_key(key)


def test_the_key_determines_its_id() -> None:
    key = public_key(SIGNER)
    assert key_id(key | {"keyid": "0" * 64}) == SIGNER.public_key.keyid


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_signature_covers_its_bytes_and_no_others(data: bytes, other: bytes) -> None:
    signature = sign_bytes(SIGNER, data)
    verify_bytes(public_key(SIGNER), data, signature)
    if other != data:
        with pytest.raises(errors.BadSignature):
            verify_bytes(public_key(SIGNER), other, signature)


@given(st.text(max_size=140))
def test_no_text_is_a_signature(signature: str) -> None:
    with pytest.raises(errors.BadSignature):
        verify_bytes(public_key(SIGNER), b"data", signature)


def test_a_message_signature_is_none_for_metadata() -> None:
    """The same key signs TUF metadata and messages; one can never pass for the other."""
    data = b'{"_type":"targets"}'
    raw = SIGNER.sign(data).signature
    with pytest.raises(errors.BadSignature):
        verify_bytes(public_key(SIGNER), data, raw)
