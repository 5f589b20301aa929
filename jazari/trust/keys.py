"""Ed25519 keys in files: made once, encrypted with a passphrase or plain for the owner only.

A private key is PKCS#8 PEM. With a passphrase, PKCS#8 alone would stretch it by only 2,048 rounds of PBKDF2,
so the passphrase first goes through scrypt, whose parameters stand in a line before the PEM block. Beside
``<path>`` lies ``<path>.pub``: the public key as TUF writes it, which is what others are given.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError

from jazari.core.files import is_private, plain_os_errors, write_atomic, write_private
from jazari.trust.errors import (
    BadKey,
    BadSignature,
    KeyExists,
    KeyMissing,
    KeyTooOpen,
    PassphraseNeeded,
    WrongPassphrase,
)
from jazari.trust.tuf_types import CryptoSigner, Signature, Signer, SSlibKey

__all__ = [
    "CryptoSigner",
    "Passphrase",
    "PublicKeyFile",
    "SSlibKey",
    "Signer",
    "generate_key",
    "is_encrypted",
    "key_id",
    "load_signer",
    "public_key",
    "read_public_key",
    "sign_bytes",
    "tuf_key",
    "verify_bytes",
]

Passphrase = bytes | Callable[[], bytes] | None
"""A passphrase, or a function that asks for it only when the key turns out to be encrypted."""

_LARGEST = 64 * 1024
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}
_STRETCH = re.compile(rb"Jazari-Key: scrypt n=(\d{1,8}) r=(\d{1,3}) p=(\d{1,3}) salt=([0-9a-f]{32})\n")
_MESSAGE = b"jazari-message-v1\n"
"""Goes before every message of ours, so that none can pass for TUF metadata (which starts with a brace)."""


@dataclass(frozen=True)
class PublicKeyFile:
    """What ``generate_key`` made: the public key as a TUF dictionary, its id, and where it lies."""

    path: Path
    keyid: str
    key: dict[str, Any]


def generate_key(path: Path, passphrase: bytes | None) -> PublicKeyFile:
    """Make a private key at ``path`` and its public half at ``<path>.pub``.

    ``passphrase`` None keeps the key plain, readable by its owner only. Raises ``KeyExists``: a key is never
    overwritten, since what it signed could no longer be continued.
    """
    if path.exists():
        raise KeyExists(f"There is a key at {path} already: choose another path, or move it away first.")
    private = Ed25519PrivateKey.generate()
    write_private(path, _private_pem(private, passphrase))
    key = public_key(CryptoSigner(private))
    public_path = path.with_name(path.name + ".pub")
    write_atomic(public_path, (json.dumps(key, indent=1, sort_keys=True) + "\n").encode())
    return PublicKeyFile(public_path, key_id(key), key)


def load_signer(path: Path, passphrase: Passphrase = None) -> CryptoSigner:
    """The signer of the private key at ``path``; every way to fail has its own error and sentence."""
    if not path.exists():
        raise KeyMissing(f"The key {path} does not exist: restore it from your backup, or give its path.")
    with plain_os_errors(path):
        if not is_private(path):
            raise KeyTooOpen(f"Others may read the key {path}: run `chmod 600 {path}`, then try again.")
        with path.open("rb") as file:
            data = file.read(_LARGEST)
    return CryptoSigner(_open_pem(path, data, passphrase))


def public_key(signer: Signer) -> dict[str, Any]:
    """The public half of ``signer`` as a TUF dictionary (``keytype``, ``scheme``, ``keyval``)."""
    return dict(signer.public_key.to_dict())


def tuf_key(key: dict[str, Any]) -> SSlibKey:
    """The key object of a TUF dictionary, with the id that the key itself determines.

    Raises ``BadKey`` for anything but Ed25519; a forged ``keyid`` has no effect since it is computed here.
    """
    try:
        if key["keytype"] != "ed25519" or key["scheme"] != "ed25519":
            raise ValueError("not Ed25519")
        raw = bytes.fromhex(key["keyval"]["public"])
        return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadKey("This is no Ed25519 public key: give the content of a .pub file of Jazari.") from error


def key_id(key: dict[str, Any]) -> str:
    """The id of a public key: 64 hexadecimal digits, determined by the key."""
    return str(tuf_key(key).keyid)


def read_public_key(path: Path) -> dict[str, Any]:
    """The public key in a ``.pub`` file; ``KeyMissing`` or ``BadKey`` say what to do."""
    if not path.exists():
        raise KeyMissing(f"The public key {path} does not exist: ask its owner for the .pub file.")
    with plain_os_errors(path), path.open("rb") as file:
        data = file.read(_LARGEST)
    try:
        value = json.loads(data)
    except ValueError as error:
        raise BadKey(f"{path} is no public key: give the .pub file that was made with the key.") from error
    return dict(tuf_key(value).to_dict())


def sign_bytes(signer: Signer, data: bytes) -> str:
    """The signature over a message of ours, in hexadecimal; check it with ``verify_bytes``."""
    return str(signer.sign(_MESSAGE + data).signature)


def verify_bytes(key: dict[str, Any], data: bytes, signature: str) -> None:
    """Raise ``BadSignature`` unless ``signature`` (hexadecimal) is that of ``data`` by ``key``."""
    verifier = tuf_key(key)
    try:
        verifier.verify_signature(Signature(verifier.keyid, signature), _MESSAGE + data)
    except (UnverifiedSignatureError, VerificationError, ValueError, TypeError) as error:
        raise BadSignature(
            f"The signature is not that of key {verifier.keyid[:12]}: ask the sender to sign it again."
        ) from error


def _private_pem(private: Ed25519PrivateKey, passphrase: bytes | None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    head = b""
    if passphrase is not None:
        if not passphrase:
            raise PassphraseNeeded("The passphrase is empty: give one, or ask for a plain key.")
        salt = secrets.token_bytes(16)
        encryption = serialization.BestAvailableEncryption(_stretch(passphrase, salt, **_SCRYPT))
        numbers = " ".join(f"{name}={value}" for name, value in _SCRYPT.items())
        head = f"Jazari-Key: scrypt {numbers} salt={salt.hex()}\n".encode()
    return head + private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _stretch(passphrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    key = hashlib.scrypt(passphrase, salt=salt, n=n, r=r, p=p, maxmem=256 * 1024 * 1024, dklen=32)
    return key.hex().encode()


def _open_pem(path: Path, data: bytes, passphrase: Passphrase) -> Ed25519PrivateKey:
    password = _password(path, data, passphrase) if b"ENCRYPTED" in data else None
    try:
        private = serialization.load_pem_private_key(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if password is not None and b"-----END" in data:
            raise WrongPassphrase(f"The passphrase does not open the key {path}: try again.") from error
        raise BadKey(f"{path} is no private key, or it is cut short: restore it from your backup.") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BadKey(f"{path} is not an Ed25519 key: make one with `jazari board key create`.")
    return private


def _password(path: Path, data: bytes, passphrase: Passphrase) -> bytes:
    given = passphrase() if callable(passphrase) else passphrase
    if not given:
        raise PassphraseNeeded(f"The key {path} is encrypted: give its passphrase with --passphrase-file.")
    stretch = _STRETCH.match(data)
    if stretch is None:
        return given
    n, r, p = (int(value) for value in stretch.groups()[:3])
    try:
        return _stretch(given, bytes.fromhex(stretch[4].decode()), n, r, p)
    except ValueError as error:
        raise BadKey(f"The key {path} is damaged: restore it from your backup.") from error


def is_encrypted(path: Path) -> bool:
    """Whether the private key at ``path`` needs a passphrase (it must exist)."""
    with plain_os_errors(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return b"ENCRYPTED" in os.read(descriptor, _LARGEST)
        finally:
            os.close(descriptor)
