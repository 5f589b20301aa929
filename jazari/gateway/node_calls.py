"""What a call from one institute's gateway to another's says, signed by the scheme of ``federation.signed_requests``.

The digest in the claim covers not the body alone but all that the call means (``Bound``). A gateway that was called can
therefore neither pass the same call on to a third one in the caller's name, nor change the class of its data. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import asdict, dataclass
from datetime import datetime

from jazari.core.canonical import canonical_json
from jazari.federation import errors as refused
from jazari.federation.signed_requests import Claim, SignedClaim, check, clock_sentence, parse, sign_request
from jazari.gateway.errors import GatewayError
from jazari.gateway.node_errors import BadNodeCall, NodeClockWrong, NodeRefused
from jazari.trust.directory import Directory
from jazari.trust.keys import Signer

PURPOSE = "gateway-call"
SCHEME = "Jazari "
CLASS_HEADER = "jazari-data-class"
RELAYED_HEADER = "jazari-relayed-for"
_PREFIX = b"jazari gateway call\n"


@dataclass(frozen=True)
class Bound:
    """What is signed besides the body.

    ``to``: the institute whose gateway is called. ``path``: below the API's base, ``/chat/completions``.
    ``relayed_for``: the institute that called the Root, where the Root passes its call on; else empty.
    """

    to: str
    path: str
    data_class: str = ""
    relayed_for: str = ""

    def digest(self, body: bytes) -> str:
        """SHA-256 of all of it, in hexadecimal."""
        meant = asdict(self) | {"body_sha256": hashlib.sha256(body).hexdigest()}
        return hashlib.sha256(_PREFIX + canonical_json(meant)).hexdigest()


@dataclass(frozen=True)
class NodeIdentity:
    """Who this node is in its network, with its publishing key."""

    namespace: str
    network: str
    signer: Signer

    def headers(self, bound: Bound, body: bytes) -> dict[str, str]:
        """The headers of one call, with a fresh nonce and the current time."""
        digest = bound.digest(body)
        claim = sign_request(
            self.signer, self.namespace, self.network, PURPOSE, body_sha256=digest, body_size=len(body)
        )
        headers = {"authorization": claim, CLASS_HEADER: bound.data_class}
        return headers | ({RELAYED_HEADER: bound.relayed_for} if bound.relayed_for else {})


def check_caller(header: str, directory: Directory, now: datetime) -> Claim:
    """The claim in ``header`` if ``directory`` lets its institute make it at ``now``; what it is about is not checked.

    Raises ``BadNodeCall``, ``NodeRefused`` or ``NodeClockWrong``.
    """
    signed: SignedClaim | None = None
    try:
        signed = parse(header)
        entry = directory.entries.get(signed.claim.namespace)
        return check(signed, entry, directory.network_name, PURPOSE, now)
    except refused.RequestRefused as error:
        raise _as_ours(error, signed, now) from error


def _as_ours(error: refused.RequestRefused, signed: SignedClaim | None, now: datetime) -> GatewayError:
    if isinstance(error, refused.UnknownInstitute | refused.InstituteRevoked):
        return NodeRefused(str(error))
    if isinstance(error, refused.ClockWrong) and signed is not None:
        return NodeClockWrong(clock_sentence(signed.claim.time, now, "this gateway's"))
    return BadNodeCall(str(error))


def check_content(claim: Claim, bound: Bound, body: bytes) -> None:
    """Raise ``BadNodeCall`` unless ``claim`` was made for just this call."""
    same = hmac.compare_digest(claim.body_sha256, bound.digest(body))
    if not same or claim.body_size != len(body):
        raise BadNodeCall(
            f"This call is not the one that {claim.namespace} signed for {bound.to}: nothing may change on its way, "
            "and no other gateway may be called with it."
        )
