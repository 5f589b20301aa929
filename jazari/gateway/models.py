"""What a gateway keeps in its database: projects, grants and keys. Rarely written, read as one snapshot.

What was spent stands in the journal, not here.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models

from jazari.gateway.words import DataClass


class Project(models.Model):
    """A team with a budget. Its name is never given again: receipts carry it."""

    name = models.CharField(max_length=40, unique=True)
    title = models.CharField(max_length=200)
    created = models.DateTimeField()
    closed = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """Microcredits given to a project once. Triggers (see ``triggers``) refuse every change but one more."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="grants")
    amount = models.BigIntegerField()
    note = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=40)
    moment = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = (models.CheckConstraint(condition=models.Q(amount__gt=0), name="gateway_grants_only_give"),)

    def __str__(self) -> str:
        return f"{self.amount} to {self.project_id}"


class Key(models.Model):
    """A project's key. ``digest`` is all that is kept of the secret; ``last_four`` lets people tell keys apart.

    One key of a name is *current*: neither revoked nor replaced. A replaced one opens until ``overlap_until``.
    """

    id = models.CharField(max_length=16, primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="keys")
    name = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    last_four = models.CharField(max_length=4)
    routes = models.JSONField()
    highest = models.CharField(max_length=10)
    may_declassify = models.BooleanField()
    requests_a_minute = models.PositiveBigIntegerField()
    tokens_a_minute = models.PositiveBigIntegerField()
    streams = models.PositiveBigIntegerField()
    created = models.DateTimeField()
    expires = models.DateTimeField()
    revoked = models.DateTimeField(null=True)
    replaced_by = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replaces")
    overlap_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("project", "name", "created", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("project", "name"),
                condition=models.Q(revoked__isnull=True, replaced_by__isnull=True),
                name="gateway_one_current_key_of_a_name",
            ),
            models.CheckConstraint(
                condition=models.Q(highest__in=[str(one) for one in DataClass]), name="gateway_key_has_a_data_class"
            ),
        )

    def __str__(self) -> str:
        return self.id

    @property
    def ends(self) -> datetime:
        """The first moment at which the key no longer opens, revoked or not."""
        return min(self.expires, self.overlap_until) if self.overlap_until else self.expires


class KeysVersion(models.Model):
    """One row. Its number grows with every write to the tables above, so that a gateway polls one number."""

    number = models.PositiveBigIntegerField()


class DailyUse(models.Model):
    """Sums over the receipts of one day (UTC) by project, route, provider and model: a cache of the journal.

    ``unmetered`` counts the answered calls for which nobody declared an energy figure.
    """

    day = models.DateField()
    project = models.CharField(max_length=200)
    route = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200, blank=True)
    calls = models.PositiveBigIntegerField(default=0)
    answered = models.PositiveBigIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    microcredits = models.PositiveBigIntegerField(default=0)
    microwatt_hours = models.PositiveBigIntegerField(default=0)
    unmetered = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("day", "project", "route", "provider", "model"), name="gateway_one_sum_a_day"
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.project} {self.route}"


class UseMark(models.Model):
    """One row: how far ``DailyUse`` has come in the journal: ``offset`` bytes of ``segment``, which end in ``hash``."""

    segment = models.CharField(max_length=20)
    offset = models.PositiveBigIntegerField()
    line = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    moment = models.CharField(max_length=32)

    def __str__(self) -> str:
        return f"line {self.line} of {self.segment}"
