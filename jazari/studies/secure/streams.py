"""Keys from secrets (HKDF-SHA256, RFC 5869) and masks from keys (ChaCha20 as a generator, RFC 8439)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from jazari.studies.secure.fixed_point import Words
from jazari.studies.secure.sharing import PRIME

KEY_BYTES = 32
_SCHEME = "jazari-secure-aggregation-v1"
_NONCE = bytes(16)
"""Every key is derived for one purpose and used once, so its nonce may be fixed."""


def derive(secret: bytes, purpose: str, *context: str | int) -> bytes:
    """32 bytes for one purpose; different purposes or contexts give independent ones."""
    # Each part with its length before it, so that no two contexts are written alike.
    info = "".join(f"{len(part)}:{part}" for part in (_SCHEME, purpose, *map(str, context)))
    return HKDF(SHA256(), KEY_BYTES, None, info.encode()).derive(secret)


def keystream(key: bytes, size: int) -> bytes:
    """``size`` pseudorandom bytes; a key is for one stream only."""
    return Cipher(ChaCha20(key, _NONCE), mode=None).encryptor().update(bytes(size))


def words_of(key: bytes, count: int) -> Words:
    """``count`` words, uniform for whoever lacks the key."""
    return np.frombuffer(keystream(key, 8 * count), "<u8").astype(np.uint64)


def field_values(key: bytes, shape: tuple[int, int]) -> npt.NDArray[np.uint64]:
    """Values below ``PRIME``; 64 bits are reduced to 32, so none is likelier than another by more than 2**-32."""
    return (words_of(key, shape[0] * shape[1]) % PRIME).reshape(shape)
