"""The audit trail's one table. Its triggers (see migrations) refuse every change but the next entry."""

from __future__ import annotations

import json
from typing import Any

from django.db import models

from jazari.governance.rules import LONGEST_NAME, Entry


class AuditEntry(models.Model):
    """One entry. ``moment`` and ``detail_text`` are kept as the very text that was hashed."""

    seq = models.PositiveBigIntegerField(primary_key=True)
    moment = models.CharField(max_length=32)
    kind = models.CharField(max_length=LONGEST_NAME, db_index=True)
    actor = models.CharField(max_length=LONGEST_NAME)
    subject = models.CharField(max_length=LONGEST_NAME)
    detail_text = models.TextField()
    event_id = models.CharField(max_length=LONGEST_NAME, null=True, unique=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("seq",)

    def __str__(self) -> str:
        return f"{self.seq} {self.moment} {self.kind} {self.subject}"

    @property
    def detail(self) -> dict[str, Any]:
        """What was said about it, as JSON values."""
        value: dict[str, Any] = json.loads(self.detail_text)
        return value

    def as_entry(self) -> Entry:
        """The plain values that the rules work on."""
        return Entry(
            seq=self.seq,
            moment=self.moment,
            kind=self.kind,
            actor=self.actor,
            subject=self.subject,
            detail=self.detail_text,
            event_id=self.event_id,
            previous_hash=self.previous_hash,
            hash=self.hash,
        )
