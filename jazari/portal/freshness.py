"""A short text that is another one whenever what readers see of the verified catalogue may be."""

from __future__ import annotations

from django.db.models import Max, Sum

from jazari.catalog.models import CatalogItem, IndexedLog


def catalogue_version() -> str:
    """From the newest row and how far each log is read."""
    newest = CatalogItem.objects.aggregate(newest=Max("id"))["newest"] or 0
    read = IndexedLog.objects.aggregate(read=Sum("records"))["read"] or 0
    return f"{newest}-{read}"
