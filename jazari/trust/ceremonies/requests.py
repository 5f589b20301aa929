"""What a newcomer or an institute hands to the Root, so that the board can sign it.

The first metadata of a newcomer comes with its request, because a delegation without metadata makes the
whole namespace unreadable. It also proves that the newcomer holds the keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from jazari.core.clock import now
from jazari.trust.delegation import verify_institute
from jazari.trust.directory import DirectoryEntry
from jazari.trust.errors import BadCeremony, Untrusted
from jazari.trust.metadata import MAX_INSTITUTE_METADATA, LogHead, head_of, institute_metadata
from jazari.trust.tuf_types import Signer


class AdmissionRequest(BaseModel):
    """``entry`` as it shall stand in the directory; ``metadata``: version 1 of its (empty) log, signed."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    entry: DirectoryEntry
    metadata: str = Field(max_length=MAX_INSTITUTE_METADATA)

    def check(self) -> None:
        """``BadCeremony`` unless the metadata is that of an empty log, signed by the entry's own keys."""
        if metadata_head(self.entry, self.metadata.encode()) != LogHead(1):
            raise BadCeremony(
                f"The first metadata of {self.entry.namespace} is not that of an empty log: request again."
            )


class RotationRequest(BaseModel):
    """New keys or particulars of an admitted (or a revoked) institute.

    ``metadata`` is its log's metadata, next version and same content, signed by the new publishing keys
    (see ``Publisher.prepare_rotation``); empty when these keys do not change.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    entry: DirectoryEntry
    metadata: str = Field(default="", max_length=MAX_INSTITUTE_METADATA)


def make_admission_request(entry: DirectoryEntry, signers: Sequence[Signer]) -> AdmissionRequest:
    """The request of ``entry``, its empty log signed by ``signers`` (at least the entry's threshold)."""
    data = institute_metadata(entry.namespace, LogHead(1), signers)
    request = AdmissionRequest(entry=entry, metadata=data.decode())
    request.check()
    return request


def metadata_head(entry: DirectoryEntry, data: bytes) -> LogHead:
    """The log head that ``data`` names; ``BadCeremony`` unless ``entry``'s keys signed it and it is fresh."""
    try:
        targets = verify_institute(entry, data)
        head = head_of(entry.namespace, targets)
    except Untrusted as error:
        raise BadCeremony(f"The log metadata of {entry.namespace} cannot be used: {error}") from error
    if targets.is_expired(now()):
        raise BadCeremony(f"The log metadata of {entry.namespace} has expired: check the clocks, sign it again.")
    return head
