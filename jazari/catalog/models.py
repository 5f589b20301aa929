"""The index: a cache of verified records, which can be dropped and built again at any time."""

from __future__ import annotations

from django.db import models

from jazari.core.identifiers import RecordRef
from jazari.trust.records import Record


class CatalogItem(models.Model):
    """One verified record. ``record`` is its canonical JSON; ``title`` and ``summary`` by language (``und``: not said).

    ``number`` counts the records of its log from 1; ``place`` orders all items, the newest highest (see ``places``).
    ``problem`` is set when the card does not have the form that this node knows for its type; such an item
    is found by its reference only. ``facets``, ``sort_titles`` and ``search_facets`` are written and read by
    ``facets``. The engines' columns and tables are in the migrations and ``engines``.
    """

    ref = models.CharField(max_length=140, unique=True)
    series = models.CharField(max_length=130, db_index=True)
    namespace = models.CharField(max_length=40, db_index=True)
    type = models.CharField(max_length=40, db_index=True)
    version = models.PositiveIntegerField()
    number = models.PositiveBigIntegerField()
    place = models.BigIntegerField(unique=True)
    published = models.DateTimeField()
    digest = models.CharField(max_length=80)
    record = models.TextField()
    title = models.JSONField(default=dict)
    summary = models.JSONField(default=dict)
    is_latest = models.BooleanField(default=True)
    withdrawn_by = models.CharField(max_length=140, default="", blank=True)
    withdrawn_reason = models.JSONField(default=dict)
    problem = models.TextField(default="", blank=True)
    facets = models.TextField(default="", blank=True)
    sort_titles = models.CharField(max_length=120, default="", blank=True)
    search_facets = models.TextField(default="", blank=True)
    search_title = models.TextField(default="", blank=True)
    search_text = models.TextField(default="", blank=True)

    class Meta:
        ordering = ("-place",)

    def __str__(self) -> str:
        return self.ref

    def as_record(self) -> Record:
        """The record itself."""
        return Record.from_line(self.record.encode())

    @property
    def reference(self) -> RecordRef:
        """The parsed reference."""
        return RecordRef.parse(self.ref)


class CatalogReference(models.Model):
    """That ``item``'s card names the record ``target``, which may not be here."""

    item = models.ForeignKey(CatalogItem, on_delete=models.CASCADE, related_name="references")
    target = models.CharField(max_length=140, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("item", "target"), name="catalog_a_target_is_named_once"),)

    def __str__(self) -> str:
        return f"{self.item_id} names {self.target}"


class CatalogWord(models.Model):
    """A key that stands in the words of items (see ``normalise``), and how often one with it was indexed."""

    word = models.CharField(max_length=64, primary_key=True)
    items = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.word


class IndexedLog(models.Model):
    """How far the log of a namespace is indexed: its first ``records`` records, the last with ``digest``."""

    namespace = models.CharField(max_length=40, primary_key=True)
    records = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=80)

    def __str__(self) -> str:
        return f"{self.namespace}: {self.records}"


class CatalogState(models.Model):
    """One row, whose ``version`` is another random text after every change of the index."""

    version = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.version
