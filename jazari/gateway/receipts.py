"""What a call leaves: a receipt without content, and the proof that it is among those that were anchored. Pure."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from jazari.core import clock
from jazari.core.audit import AuditEvent
from jazari.gateway.credits import MOST
from jazari.gateway.errors import ReceiptUntrusted
from jazari.gateway.merkle import leaf_hash, root_from
from jazari.gateway.words import DataClass, Kind, Usage
from jazari.trust.records import Sha256

Count = Annotated[int, Field(ge=0, le=MOST)]
LONGEST_WORD = 200
Word = Annotated[str, Field(max_length=LONGEST_WORD)]
INTERRUPTED = "interrupted"
ANCHORED = "gateway.receipts-anchored"

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode


def canonical_text(value: dict[str, Any]) -> str:
    """RFC 8785 JSON of a value without fractions, with ASCII names and whole numbers within 2**53.

    For those the standard library's encoder gives the text of ``jazari.core.canonical``, seven times as fast.
    """
    return _encode(value)


def new_call_id(moment: datetime | None = None) -> str:
    """An id for a call and its receipt: when it began (so that the receipt is found fast), and 80 random bits."""
    milliseconds = int((moment or clock.now()).timestamp() * 1000)
    return f"rc-{milliseconds:011x}-{secrets.token_hex(10)}"


class _Frozen(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)


class Tried(_Frozen):
    """One attempt: which provider, how it ended, and the code of the policy's decision about it."""

    provider: Word
    outcome: Word
    decision: Word = ""

    def body(self) -> dict[str, str]:
        """As JSON, without what is not known."""
        known = {"outcome": self.outcome, "provider": self.provider}
        return known | {"decision": self.decision} if self.decision else known


class Receipt(_Frozen):
    """Facts of one call; nothing of what was asked or answered.

    Amounts are microcredits, times milliseconds. ``energy_microwatt_hours`` is None where nobody declared a figure.
    ``policy`` and ``rule`` say which record allowed or refused it. Whole numbers only, so that it hashes exactly; a
    member at its default is not written, so that a member added later changes no hash of before.
    """

    id: Word
    project: Word
    key: Word = ""
    route: Word = ""
    kind: Kind | None = None
    data_class: DataClass | None = None
    declassified: bool = False
    provider: Word = ""
    model: Word = ""
    tried: tuple[Tried, ...] = ()
    policy: Word = ""
    rule: Word = ""
    usage: Usage = Usage(0, 0)
    charge: Count = 0
    capped: bool = False
    energy_microwatt_hours: Count | None = None
    energy_source: Word = ""
    first_byte_ms: Count | None = None
    total_ms: Count = 0
    outcome: Word
    status: int = Field(default=0, ge=0, le=999)
    moment: Word

    @property
    def energy_wh(self) -> float | None:
        """The estimate in watt-hours."""
        return None if self.energy_microwatt_hours is None else self.energy_microwatt_hours / 1_000_000

    def text(self) -> str:
        """Its canonical JSON: what is kept and hashed."""
        # What model_dump(mode="json", exclude_defaults=True) gives, at a fraction of its cost; a test compares them.
        written = {name: value for name, value in vars(self).items() if value != _DEFAULTS.get(name, _REQUIRED)}
        if self.tried:
            written["tried"] = [one.body() for one in self.tried]
        if "usage" in written:
            written["usage"] = {name: value for name, value in vars(self.usage).items() if value is not False}
        return canonical_text(written)

    def hash(self) -> str:
        """The RFC 6962 leaf hash of ``text``, in hexadecimal: what a proof starts from."""
        return leaf_hash(self.text().encode()).hex()


_REQUIRED = object()
_DEFAULTS = {name: field.default for name, field in Receipt.model_fields.items() if not field.is_required()}


class Anchor(_Frozen):
    """One closed batch: receipts on lines ``first`` to ``last`` of the journal, how many, and their Merkle root.

    ``head`` is the hash of the journal's line before the anchor, so that the whole journal up to there is committed.
    """

    first: int = Field(ge=1)
    last: int = Field(ge=1)
    count: int = Field(ge=1)
    root: Sha256
    head: Sha256

    def event(self) -> AuditEvent:
        """What the node's audit trail keeps; delivered twice, it is kept once."""
        return AuditEvent(ANCHORED, "gateway", f"receipts/{self.first}-{self.last}", self.model_dump(), self.root)


class Proof(_Frozen):
    """That a receipt is number ``index`` of a batch of ``count``: the audit path from its neighbour to the root."""

    index: int = Field(ge=0)
    count: int = Field(ge=1)
    path: tuple[Sha256, ...]


def verify(receipt: Receipt, proof: Proof, anchor: Anchor) -> None:
    """Nothing if ``receipt`` is in the batch that ``anchor`` names; ``ReceiptUntrusted`` otherwise."""
    path = [bytes.fromhex(step) for step in proof.path]
    root = root_from(bytes.fromhex(receipt.hash()), proof.index, proof.count, path)
    if proof.count != anchor.count or root is None or root.hex() != anchor.root:
        raise ReceiptUntrusted(
            f"The receipt {receipt.id[:60]} is not among those anchored as {anchor.root[:16]}: it was changed, or the "
            "proof belongs to another; ask the gateway for both again."
        )
