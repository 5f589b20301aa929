"""The event that any slice emits for the audit trail; governance listens and keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class AuditEvent:
    """Something that an auditor must be able to find later.

    ``kind`` is ``<slice>.<what-happened>``, ``actor`` a key id, namespace or ``node``, ``subject`` what it
    was done to, ``detail`` canonical JSON without personal data, ``id`` unique when the event can be
    delivered twice (from a spool).
    """

    kind: str
    actor: str
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)
    id: str = ""
