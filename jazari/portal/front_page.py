"""What the home page shows: who is where, what there is, what is new, and for whom. All of it from verified records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jazari.catalog import queries as catalogue
from jazari.catalog.labels import kind_name
from jazari.catalog.models import CatalogItem
from jazari.federation import queries as federation
from jazari.portal import addresses
from jazari.portal.kinds import counted, in_order
from jazari.portal.regions import names_of, places
from jazari.settings.home import Home
from jazari.territories import usable_for
from jazari.trust.directory import Directory, DirectoryEntry

LATEST = 8
OWN = 6
"""How many publications the page lists, of all and of an institute's own."""


@dataclass(frozen=True)
class Entrance:
    """A door for one kind of reader: it opens once the catalogue holds one of ``kinds``."""

    title: Promise | str
    sentence: Promise | str
    kinds: tuple[str, ...]


ENTRANCES = (
    Entrance(_("Citizen"), _("Read what was found, and check for yourself who signed it."), ("result", "model")),
    Entrance(
        _("Administration"),
        _("See where each institute lets data go, and what happened when a provider was cut off on purpose."),
        ("service", "residency", "drill"),
    ),
    Entrance(_("Company"), _("Find who computes AI models, in which country, and on what terms."), ("provider",)),
    Entrance(
        _("Researcher"),
        _("Find data sets that stay at their institutes, and the studies that use them."),
        ("dataset", "study"),
    ),
    Entrance(_("Learner"), _("Find a course near you."), ("course",)),
)


def front_page(home: Home) -> dict[str, Any]:
    """The facts of the home page of ``home``."""
    directory = federation.directory_of(home)
    counts, by_institute = catalogue.counts_by_type(), catalogue.counts_by_institute()
    members = institutes(directory) if directory else []
    territories = usable_for(home.path)
    return {
        "network": directory.network_name if directory else home.config.network,
        "members": members,
        "places": places(territories, members, by_institute),
        "map": territories.map,
        "region_names": names_of(home, home.config.region),
        "counts": _counts(counts, sum(entry.status == "active" for entry in members)),
        "own": [] if home.is_root else listed(catalogue.latest_publications(OWN, namespace=home.namespace)),
        "latest": listed(catalogue.latest_publications(LATEST, besides="" if home.is_root else home.namespace)),
        "entrances": entrances(counts),
    }


def institutes(directory: Directory) -> list[DirectoryEntry]:
    """The members of a network but its Root's own node, by namespace."""
    return [entry for name, entry in sorted(directory.entries.items()) if name != directory.root]


def _counts(counts: Mapping[str, int], active: int) -> list[dict[str, str]]:
    members = [{"text": counted("institutes", active), "url": addresses.address("portal:institutes")}] if active else []
    return members + [{"text": counted(kind, n), "url": addresses.catalogue(kind=kind)} for kind, n in in_order(counts)]


def entrances(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The doors behind which something stands and that lead to a page, each with what stands there."""
    found = []
    for entrance in ENTRANCES:
        there = [(kind, counts[kind]) for kind in entrance.kinds if counts.get(kind)]
        links = [{"text": counted(kind, number), "url": addresses.catalogue(kind=kind)} for kind, number in there]
        if links and links[0]["url"]:
            found.append({"title": entrance.title, "sentence": entrance.sentence, "links": links})
    return found


def listed(items: list[CatalogItem]) -> list[dict[str, Any]]:
    """Publications as lists show them."""
    return [
        {
            "titles": item.title,
            "ref": item.ref,
            "kind": kind_name(item.type),
            "namespace": item.namespace,
            "published": item.published,
            "url": addresses.card(item),
        }
        for item in items
    ]
