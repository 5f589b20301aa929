"""An institute's keys for one run: made by its worker, signed with its publishing key, gone when the run has ended.

Everything secret follows from one seed, so that a process which dies and starts again says the same to the byte.
The seed lies in ``engine/sessions/<run>.seed``, readable by its owner only; the certificate travels in the permit.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, Field

from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors, write_private
from jazari.studies.errors import BadSession
from jazari.studies.messages import check_run_id
from jazari.studies.secure.streams import KEY_BYTES, derive
from jazari.trust.errors import TrustError
from jazari.trust.keys import Signer, sign_bytes, verify_bytes

SEED_BYTES = 32
SIGNATURE_BYTES = 64
CERTIFICATE_BYTES = 2 * KEY_BYTES + SIGNATURE_BYTES
ROUND_KEY_BYTES = KEY_BYTES + SIGNATURE_BYTES
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{64}){1,2}$")]


class Certificate(BaseModel):
    """That an institute uses these keys in one run: X25519 for shares, Ed25519 for what it says of a round.

    ``signature`` is by its publishing key over ``signed_bytes``, so that the Root cannot put keys of its own there.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    run: str
    namespace: str
    agreement_key: Hex
    signing_key: Hex
    signature: Hex

    def signed_bytes(self) -> bytes:
        """What the publishing key signs."""
        return canonical_json({"purpose": "secure-aggregation", **self.model_dump(exclude={"signature"})})

    def packed(self) -> bytes:
        """As it travels: both keys and the signature; run and institute are known."""
        return bytes.fromhex(self.agreement_key + self.signing_key + self.signature)

    def check(self, publishing_keys: Sequence[Mapping[str, Any]]) -> None:
        """Raise ``BadSession`` unless one of the institute's publishing keys signed it."""
        for key in publishing_keys:
            try:
                verify_bytes(dict(key), self.signed_bytes(), self.signature)
            except TrustError:
                continue
            return
        raise BadSession(
            f"The keys said to be {self.namespace}'s are not signed by it: nothing was sent, tell the board."
        )


def unpack_certificate(raw: bytes, run: str, namespace: str) -> Certificate:
    """The certificate in ``raw`` (``CERTIFICATE_BYTES``); not checked yet."""
    parts = (raw[:KEY_BYTES], raw[KEY_BYTES : 2 * KEY_BYTES], raw[2 * KEY_BYTES :])
    agreement, signing, signature = (part.hex() for part in parts)
    return Certificate(run=run, namespace=namespace, agreement_key=agreement, signing_key=signing, signature=signature)


@dataclass(frozen=True)
class Session:
    """The secret half. Round keys are new in every round: an opened one tells nothing about another round."""

    run: str
    namespace: str
    seed: bytes = field(repr=False)
    _shared: dict[bytes, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def _signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(derive(self.seed, "signing", self.run))

    @cached_property
    def _agreement(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(derive(self.seed, "agreement", self.run))

    def certificate(self, publisher: Signer) -> Certificate:
        """The public half, signed with the institute's publishing key."""
        agreement, signing = _raw(self._agreement.public_key()).hex(), _raw(self._signer.public_key()).hex()
        unsigned = Certificate(
            run=self.run, namespace=self.namespace, agreement_key=agreement, signing_key=signing, signature="00" * 32
        )
        return unsigned.model_copy(update={"signature": sign_bytes(publisher, unsigned.signed_bytes())})

    def secret(self, purpose: str, round_number: int) -> bytes:
        """A secret of one round."""
        return derive(self.seed, purpose, self.run, round_number)

    def shared_with(self, agreement_key: bytes) -> bytes:
        """What only the holder of ``agreement_key`` and this institute can compute; raises ``BadSession``."""
        if agreement_key not in self._shared:  # the same in all rounds of the run
            self._shared[agreement_key] = agree(self._agreement, agreement_key)
        return self._shared[agreement_key]

    def sign(self, statement: bytes) -> bytes:
        """The session key's signature."""
        return self._signer.sign(statement)


def agree(private: X25519PrivateKey, public: bytes) -> bytes:
    """The shared secret of two X25519 keys; raises ``BadSession`` for a key that leads to none."""
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise BadSession("A key of the run is no valid key: nothing was sent, tell the board.") from error


def check_signature(signing_key: str, statement: bytes, signature: bytes, namespace: str) -> None:
    """Raise ``BadSession`` unless the session key of ``namespace`` signed ``statement``."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(signing_key)).verify(signature, statement)
    except (InvalidSignature, ValueError) as error:
        raise BadSession(
            f"A statement said to be {namespace}'s is not signed by it: nothing was sent, tell the board."
        ) from error


def _raw(key: X25519PublicKey | Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_of(private: X25519PrivateKey) -> bytes:
    """The 32 bytes of the public half."""
    return _raw(private.public_key())


def _seed_path(engine_folder: Path, run: str) -> Path:
    return engine_folder / "sessions" / f"{check_run_id(run)}.seed"


def open_session(engine_folder: Path, run: str, namespace: str) -> Session:
    """The session of a run: the one that was made before, or a new one."""
    path = _seed_path(engine_folder, run)
    if not path.exists():
        write_private(path, secrets.token_bytes(SEED_BYTES))
    return load_session(engine_folder, run, namespace)


def load_session(engine_folder: Path, run: str, namespace: str) -> Session:
    """The session that the worker made; raises ``BadSession`` where there is none."""
    path = _seed_path(engine_folder, run)
    with plain_os_errors(path):
        seed = path.read_bytes() if path.exists() else b""
    if len(seed) != SEED_BYTES:
        raise BadSession(f"The keys of run {run} are not here (any more): record a new run.")
    return Session(run, namespace, seed)


def forget_session(engine_folder: Path, run: str) -> None:
    """Delete the secrets of a run that has ended; harmless when there are none."""
    path = _seed_path(engine_folder, run)
    with plain_os_errors(path):
        path.unlink(missing_ok=True)
