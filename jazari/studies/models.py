"""What a node keeps about studies that no signed record says: its data sets, and where each run stands."""

from __future__ import annotations

from typing import Any

from django.db import models


class DataSet(models.Model):
    """A data file of this institute. ``record`` is the published card that stands for exactly these bytes."""

    name = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    path = models.TextField()
    sha256 = models.CharField(max_length=64)
    declaration = models.JSONField()
    card = models.JSONField()
    record = models.CharField(max_length=140, blank=True)
    registered = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("name", "version"), name="one_version_of_a_data_set"),)
        ordering = ("name", "-version")


class Run(models.Model):
    """One execution of an agreement, as this node sees it: the Root drives it, an institute follows it."""

    class State(models.TextChoices):
        """``WAITING``: recorded, not started. The last three are final."""

        WAITING = "waiting"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"
        CANCELLED = "cancelled"

    reference = models.CharField(max_length=140, unique=True)
    run = models.CharField(max_length=40, unique=True)
    study = models.CharField(max_length=140, db_index=True)
    agreement = models.CharField(max_length=71)
    number = models.PositiveIntegerField()
    participants = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING, db_index=True)
    round = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    answered = models.JSONField(default=dict)
    outcome = models.JSONField(null=True)
    recorded = models.DateTimeField()
    ended = models.DateTimeField(null=True)
    # An institute's own part, each done once: permit written or refused, attestation and result published.
    permitted = models.BooleanField(null=True)
    attested = models.BooleanField(default=False)
    published = models.BooleanField(default=False)

    class Meta:
        ordering = ("recorded", "reference")

    @property
    def is_over(self) -> bool:
        """Whether the state is final."""
        return self.state in (self.State.FINISHED, self.State.FAILED, self.State.CANCELLED)

    @property
    def finished_outcome(self) -> dict[str, Any]:
        """The outcome of a finished run (see ``engine.Outcome``)."""
        if self.outcome is None:
            raise ValueError(f"{self.reference} has no outcome")
        return dict(self.outcome)


class OnSiteCheck(models.Model):
    """A try of a study on this institute's data, asked for at a page and done by the worker; the newest one counts.

    ``report`` is what ``on_site.check`` says: exact counts, for this institute's eyes.
    """

    study = models.CharField(max_length=140, unique=True)
    asked = models.DateTimeField()
    begun = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    report = models.JSONField(null=True)

    class Meta:
        ordering = ("asked",)


class Intent(models.Model):
    """What a steward confirmed at a page to decide. It decides nothing: the steward's key does, elsewhere.

    ``confirmation`` names the passkey's answer that confirmed it; each answer confirms one intent.
    """

    person = models.PositiveBigIntegerField()
    study = models.CharField(max_length=140, db_index=True)
    agreement = models.CharField(max_length=71)
    choice = models.CharField(max_length=8)
    reason = models.TextField(blank=True)
    asked = models.DateTimeField()
    confirmed = models.DateTimeField(null=True)
    confirmation = models.CharField(max_length=80, null=True, unique=True)

    class Meta:
        ordering = ("-asked", "-id")


class StudyDraft(models.Model):
    """A proposal that somebody is writing at a page: one a person. ``values`` are those of ``proposals.Proposal``."""

    person = models.PositiveBigIntegerField(unique=True)
    values = models.JSONField(default=dict)
    changed = models.DateTimeField()
