"""The one request by which an institute asks to be admitted, or to change its keys: for both trusts at once.

It names the publishing and steward keys, carries the engine's certificate request as opaque text and the
institute's own (empty or re-signed) log metadata, and is signed by every publishing key it names; a request
to change keys is signed by the old ones as well. Its digest is its name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.core.canonical import canonical_json, digest
from jazari.core.errors import JazariError
from jazari.federation.errors import BadEnrolment
from jazari.federation.rules import LARGEST_ENROLMENT
from jazari.trust.directory import DirectoryEntry, PublicKey
from jazari.trust.keys import Signer, key_id, sign_bytes, verify_bytes

_PREFIX = b"jazari enrolment\n"


class EnrolmentRequest(BaseModel):
    """What the institute asks for. ``log_metadata`` is TUF metadata of its log, signed by its keys."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    kind: Literal["admission", "rotation"]
    network: str = Field(min_length=1, max_length=200)
    namespace: str
    titles: dict[str, str]
    region: str = Field(max_length=20)
    url: str | None = Field(default=None, max_length=500)
    publishing_keys: list[PublicKey] = Field(min_length=1, max_length=16)
    threshold: int = Field(default=1, ge=1)
    steward_keys: list[PublicKey] = Field(min_length=1, max_length=16)
    engine_request: str = Field(max_length=64 * 1024)
    log_metadata: str = Field(max_length=64 * 1024)
    moment: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def entry(self, engine_certificate: str, admitted: datetime) -> DirectoryEntry:
        """What the board is asked to sign; ``BadEnrolment`` if a field breaks a rule of the directory."""
        asked = self.model_dump(
            include={"namespace", "titles", "region", "url", "publishing_keys", "threshold", "steward_keys"}
        )
        try:
            return DirectoryEntry(**asked, engine_certificate=engine_certificate, admitted=admitted)
        except ValidationError as error:
            raise BadEnrolment(f"The request cannot be admitted ({_first(error)}): correct it.") from error

    def signed_bytes(self) -> bytes:
        """What is signed: the canonical JSON with its purpose in front."""
        return _PREFIX + canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """``sha256:...``: names the request; people compare its first digits by telephone."""
        return digest(self.model_dump(mode="json"))


class SignedEnrolment(BaseModel):
    """The request with its signatures, by key id."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    request: EnrolmentRequest
    signatures: dict[str, str] = Field(max_length=40)

    def to_bytes(self) -> bytes:
        """The document that is sent."""
        return canonical_json(self.model_dump(mode="json"))

    def signed_by(self, keys: Sequence[PublicKey]) -> int:
        """How many of ``keys`` signed the request; a wrong signature counts as none."""
        return sum(self._is_signed_by(key) for key in keys)

    def _is_signed_by(self, key: PublicKey) -> bool:
        try:
            verify_bytes(key, self.request.signed_bytes(), self.signatures[key_id(key)])
        except (KeyError, JazariError):
            return False
        return True


def sign_enrolment(request: EnrolmentRequest, signers: Sequence[Signer]) -> SignedEnrolment:
    """The request signed by all ``signers``."""
    data = request.signed_bytes()
    return SignedEnrolment(
        request=request, signatures={str(signer.public_key.keyid): sign_bytes(signer, data) for signer in signers}
    )


def parse_enrolment(body: bytes) -> SignedEnrolment:
    """The signed request in ``body``, from anybody: right form, and every key that it names signed it."""
    if len(body) > LARGEST_ENROLMENT:
        raise BadEnrolment(f"The request is larger than {LARGEST_ENROLMENT:,} bytes: send one made by Jazari.")
    try:
        signed = SignedEnrolment.model_validate(json.loads(body))
        keys = signed.request.publishing_keys
        complete = signed.signed_by(keys) == len(keys)
    except ValidationError as error:
        raise BadEnrolment(f"The request is malformed ({_first(error)}): correct it.") from error
    except (ValueError, TypeError, RecursionError, JazariError) as error:
        raise BadEnrolment("The request is malformed: send the one made by `jazari institute request`.") from error
    if not complete:
        raise BadEnrolment("The request is not signed by every publishing key that it names: create it again.")
    return signed


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return ".".join(str(part) for part in first["loc"])[:60] + ": " + str(first["msg"])[:120]
