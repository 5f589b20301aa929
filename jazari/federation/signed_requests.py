"""How an institute proves to the Root who is calling: one signed claim per request.

The header is ``Authorization: Jazari <base64url(claim)>.<signature>``. The claim is canonical JSON naming the
institute, the purpose, the network that is meant, the moment, a nonce and the digest of the body; a publishing
key of the signed directory signs it. Pure: no clock, no database, no network.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from jazari.core.canonical import canonical_json
from jazari.core.clock import timestamp
from jazari.core.errors import JazariError
from jazari.core.identifiers import check_namespace
from jazari.federation.errors import BadRequest, BadSignature, ClockWrong, InstituteRevoked, UnknownInstitute
from jazari.trust.directory import DirectoryEntry
from jazari.trust.errors import BadSignature as BadBytes
from jazari.trust.keys import Signer, sign_bytes, verify_bytes

WINDOW = timedelta(seconds=60)
LONGEST_HEADER = 4096
_PREFIX = b"jazari request\n"
_FORM = {
    "purpose": re.compile(r"[a-z][a-z-]{1,39}"),
    "nonce": re.compile(r"[0-9a-f]{32}"),
    "moment": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "body_sha256": re.compile(r"|[0-9a-f]{64}"),
    "network": re.compile(r"[^\x00-\x1f\ud800-\udfff]{1,200}"),  # lone surrogates cannot be signed
}


@dataclass(frozen=True)
class Claim:
    """What the institute says. ``moment`` is UTC to the second; ``body_size`` is in bytes."""

    namespace: str
    network: str
    purpose: str
    moment: str
    nonce: str
    body_sha256: str = ""
    body_size: int = 0

    @property
    def time(self) -> datetime:
        """``moment`` as a date with time zone."""
        return datetime.strptime(self.moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)

    def signed_bytes(self) -> bytes:
        """What is signed: the canonical JSON with its purpose in front."""
        return _PREFIX + canonical_json(asdict(self))


@dataclass(frozen=True)
class SignedClaim:
    """A claim as received: nothing in it is believed before ``check``."""

    claim: Claim
    signature: str


def sign_request(
    signer: Signer, namespace: str, network: str, purpose: str, *, body_sha256: str = "", body_size: int = 0
) -> str:
    """The value of the ``Authorization`` header for one request, with a fresh nonce and the current time."""
    claim = Claim(namespace, network, purpose, timestamp(), secrets.token_hex(16), body_sha256, body_size)
    text = base64.urlsafe_b64encode(canonical_json(asdict(claim))).decode()
    return f"Jazari {text}.{sign_bytes(signer, claim.signed_bytes())}"


def parse(header: str) -> SignedClaim:
    """The claim in an ``Authorization`` header; ``BadRequest`` for anything that is not in our form."""
    scheme, _, value = header.partition(" ")
    text, dot, signature = value.partition(".")
    if len(header) > LONGEST_HEADER or scheme != "Jazari" or not dot:
        raise BadRequest("This request is not signed: send it with the Jazari client of an admitted institute.")
    try:
        claim = Claim(**json.loads(base64.b64decode(text, altchars=b"-_", validate=True)))
        _check_form(claim)
    except (ValueError, TypeError, RecursionError, JazariError) as error:
        raise BadRequest("The signed part of this request is malformed: send it with the Jazari client.") from error
    return SignedClaim(claim, signature)


def _check_form(claim: Claim) -> None:
    check_namespace(claim.namespace)
    for name, form in _FORM.items():
        if not form.fullmatch(getattr(claim, name)):
            raise ValueError(name)
    if type(claim.body_size) is not int or not 0 <= claim.body_size < 2**53:
        raise ValueError("body_size")
    _ = claim.time


def check(signed: SignedClaim, entry: DirectoryEntry | None, network: str, purpose: str, now: datetime) -> Claim:
    """The claim if ``entry`` (the signed directory's, or None) may make it for ``purpose`` at ``now``.

    Deny by default: unknown, wrongly signed, revoked, meant for another network or purpose, or more than
    ``WINDOW`` from ``now``. Replays are the caller's to refuse: it remembers nonces.
    """
    claim = signed.claim
    if entry is None:
        raise UnknownInstitute(f"{claim.namespace} is not in the directory of {network}: ask to be admitted first.")
    if not _signed_by_any(signed, entry):
        raise BadSignature(
            f"No publishing key of {claim.namespace} signed this request: use the key that the board admitted."
        )
    if entry.status != "active":
        raise InstituteRevoked(f"The board has revoked {claim.namespace}: contact the board of {network}.")
    if claim.network != network or claim.purpose != purpose:
        raise BadRequest("This request was signed for another network or purpose: send it with the Jazari client.")
    if abs(now - claim.time) > WINDOW:
        raise ClockWrong(clock_sentence(claim.time, now))
    return claim


def clock_sentence(theirs: datetime, ours: datetime, whose: str = "the Root's") -> str:
    """How the two clocks differ, in a sentence; ``whose`` is ours."""
    seconds = round((theirs - ours).total_seconds())
    direction = "ahead of" if seconds > 0 else "behind"
    return (
        f"The institute's clock says {timestamp(theirs)} and is {abs(seconds)} s {direction} {whose} "
        f"({timestamp(ours)}): set the wrong one, e.g. with NTP."
    )


def _signed_by_any(signed: SignedClaim, entry: DirectoryEntry) -> bool:
    return any(_signed_by(signed, key) for key in entry.publishing_keys)


def _signed_by(signed: SignedClaim, key: dict[str, object]) -> bool:
    try:
        verify_bytes(key, signed.claim.signed_bytes(), signed.signature)
    except BadBytes:
        return False
    return True
