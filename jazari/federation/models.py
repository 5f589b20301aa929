"""What the Root keeps about nodes beside the signed directory: requests to join, presence, used nonces."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Enrolment(models.Model):
    """One request to be admitted, or to change keys, as it was received.

    ``digest`` is that of the signed request and names it; ``document`` is the request itself.
    """

    class State(models.TextChoices):
        RECEIVED = "received"
        PROPOSED = "proposed"
        ADMITTED = "admitted"
        REFUSED = "refused"

    digest = models.CharField(max_length=80, unique=True)
    namespace = models.CharField(max_length=40, db_index=True)
    kind = models.CharField(max_length=16)
    document = models.JSONField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.RECEIVED)
    reason = models.CharField(max_length=500, blank=True)
    received = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["received", "id"]


class Presence(models.Model):
    """When an admitted node last called the Root, and how its clock then differed (seconds, theirs - ours)."""

    namespace = models.CharField(max_length=40, primary_key=True)
    last_seen = models.DateTimeField()
    clock_offset_seconds = models.FloatField(default=0.0)


class UsedNonce(models.Model):
    """A nonce that was accepted, kept until its claim is too old to be accepted again."""

    namespace = models.CharField(max_length=40)
    nonce = models.CharField(max_length=32)
    moment = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["namespace", "nonce"], name="federation_nonce_once")
        ]
