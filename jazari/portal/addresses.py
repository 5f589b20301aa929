"""Addresses of other slices' pages, by name; empty where this node has no such page, so that nothing links there."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from jazari.catalog.models import CatalogItem


def address(name: str, *arguments: Any, **query: str) -> str:
    """Where the page ``name`` is, with ``query`` behind it; "" if there is none."""
    try:
        found = reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
    asked = urlencode({key: value for key, value in query.items() if value})
    return f"{found}?{asked}" if asked else found


def catalogue(**facets: str) -> str:
    """The catalogue narrowed by facets (``kind``, ``institute``, ``region``)."""
    return address("catalog:index", **facets)


def card(item: CatalogItem) -> str:
    """The page of a record, in its latest version."""
    return address("catalog:latest", *item.series.split("/"))
