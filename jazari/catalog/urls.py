"""Addresses of the catalogue. Those of cards are permanent: a version's address shows the same for good."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from jazari.catalog import card_pages, views


class NameConverter(StringConverter):
    """A namespace, a type or a name of a record."""

    regex = "[a-z][a-z0-9-]{1,39}"


class VersionConverter:
    """The version of a record."""

    regex = "[1-9][0-9]{0,8}"

    def to_python(self, value: str) -> int:
        """The number in the address."""
        return int(value)

    def to_url(self, value: int) -> str:
        """The number as it stands in an address."""
        return str(value)


register_converter(NameConverter, "record-name")
register_converter(VersionConverter, "record-version")

app_name = "catalog"
_SERIES = "<record-name:namespace>/<record-name:kind>/<record-name:name>/"
_RECORD = f"{_SERIES}<record-version:version>/"
_DATASET = "<record-name:namespace>/dataset/<record-name:name>/<record-version:version>/"
urlpatterns = [
    path("", views.index, name="index"),
    path(_SERIES, card_pages.card, name="latest"),
    path(f"{_SERIES}changes/", card_pages.changes, name="changes"),
    path(_RECORD, card_pages.card, name="card"),
    path(f"{_RECORD}verify/", card_pages.verify, name="verify"),
    path(f"{_RECORD}record.json", card_pages.record_json, name="record"),
    path(f"{_DATASET}croissant.json", card_pages.croissant, name="croissant"),
    path(f"{_RECORD}citation.bib", card_pages.bibtex, name="bibtex"),
]
