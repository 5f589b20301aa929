"""The institutes of the network: who they are, what they offer, how they stand."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from jazari.accounts.access import public, same_for_all_for
from jazari.accounts.queries import shown_people
from jazari.catalog import queries as catalogue
from jazari.catalog.labels import KINDS, SECTOR_NAMES, institute_names
from jazari.catalog.models import CatalogItem
from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.federation import queries as federation
from jazari.federation.network_status import NetworkStatus, network_status
from jazari.portal import addresses
from jazari.portal.front_page import institutes as members_of
from jazari.portal.front_page import listed
from jazari.portal.kinds import counted, in_order
from jazari.portal.regions import member, names_of, titles_of
from jazari.settings.home import Home
from jazari.settings.runtime import this_home
from jazari.trust.directory import DirectoryEntry

RECENT_SECONDS = 300.0
"""So old may be what the Root said of who is online; what is older is told as past."""
KEPT_SECONDS = 10.0
"""Who is online, and who agreed to be named, changes no record: so old may a page be."""
EACH = 5
"""Publications listed of each kind."""


@public
@same_for_all_for(KEPT_SECONDS)
def institutes(request: HttpRequest) -> HttpResponse:
    """Every institute of the network in one line."""
    home = this_home()
    directory, status = federation.directory_of(home), network_status(home)
    counts = catalogue.counts_by_institute()
    members = members_of(directory) if directory else []
    own = institute_names(entry.namespace for entry in members)
    rows = [
        {
            **member(entry, counts.get(entry.namespace, {}), own.get(entry.namespace)),
            "region_names": names_of(home, entry.region),
            "seen": seen(status, entry),
        }
        for entry in members
    ]
    facts: dict[str, Any] = {
        "rows": rows,
        "network": directory.network_name if directory else "",
        "status": told(home, status),
    }
    if home.is_root:
        facts["waiting"] = federation.count_waiting()
    return render(request, "portal/institutes.html", facts)


@public
@same_for_all_for(KEPT_SECONDS)
def institute(request: HttpRequest, namespace: str) -> HttpResponse:
    """One institute, or the Root's own node."""
    home = this_home()
    directory = federation.directory_of(home)
    entry = directory.entries.get(namespace) if directory else None
    if directory is None or entry is None:
        raise Http404("No member of this network has that name.")
    status = network_status(home)
    facts = {
        "entry": entry,
        "titles": titles_of(entry, institute_names([namespace])[namespace]),
        "is_network_root": namespace == directory.root,
        "region_names": names_of(home, entry.region),
        "about": about(namespace),
        "kinds": publications(namespace),
        "people": shown_people() if namespace == home.namespace else None,
        "log": _log(home, namespace),
        "seen": seen(status, entry),
        "status": told(home, status),
    }
    return render(request, "portal/institute.html", facts)


def about(namespace: str) -> dict[str, Any]:
    """What an institute says of itself on its card, and the sectors of its card and its data sets."""
    rows = CatalogItem.objects.filter(namespace=namespace, is_latest=True, withdrawn_by="", problem="")
    item = rows.filter(type="institute").order_by("-place").first()
    card = item.as_record().card if item else {}
    website = str(card.get("website") or "")
    return {
        "item": listed([item])[0] if item else None,
        "description": card.get("description") or {},
        "website": website if website.startswith("https://") else "",
        "contact": card.get("contact") or "",
        "keywords": card.get("keywords", []),
        "sectors": _sectors(namespace),
    }


def _sectors(namespace: str) -> list[dict[str, Any]]:
    found = catalogue.search(namespace=namespace, withdrawn=False, limit=1).facets.get("sector", ())
    return [
        {"text": SECTOR_NAMES.get(code, code), "url": addresses.catalogue(sector=code, institute=namespace)}
        for code, _count in found
    ]


def publications(namespace: str) -> list[dict[str, Any]]:
    """What an institute offers, by kind: how many, the newest, and where all of them are."""
    counts = catalogue.counts_by_institute().get(namespace, {})
    return [
        {
            "kind": KINDS.get(kind, kind),
            "counted": counted(kind, count),
            "items": listed(catalogue.latest_publications(EACH, types=[kind], namespace=namespace)),
            "url": addresses.catalogue(kind=kind, institute=namespace) if count > EACH else "",
        }
        for kind, count in in_order(counts)
    ]


def seen(status: NetworkStatus | None, entry: DirectoryEntry) -> dict[str, Any] | None:
    """When the Root last heard from a member, and whether it counts as online; None where nobody has said."""
    found = status.institutes.get(entry.namespace) if status else None
    if found is None:
        return None
    return {"online": found.online and entry.status == "active", "last": found.last_seen}


def told(home: Home, status: NetworkStatus | None) -> dict[str, Any] | None:
    """Whose word ``seen`` is and how old: at the Root its own and of now."""
    if status is None:
        return None
    age = (clock.now() - status.moment).total_seconds()
    return {"by_root": not home.is_root, "moment": status.moment, "recent": abs(age) <= RECENT_SECONDS}


def _log(home: Home, namespace: str) -> federation.LogFacts | None:
    try:
        return federation.log_facts(home, namespace)
    except JazariError:
        return None
