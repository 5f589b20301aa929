"""The doors of the portal, in their order, each shown only to those for whom something stands behind it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jazari.accounts.access import may
from jazari.accounts.rules import Permission


@dataclass(frozen=True)
class Door:
    """A link of the main navigation. ``needs``: a permission, or None for everybody."""

    title: Promise | str
    url_name: str
    needs: Permission | None = None


DOORS = (
    Door(_("Catalogue"), "catalog:index"),
    Door(_("Institutes"), "portal:institutes"),
    Door(_("Studies"), "studies:index"),
    Door(_("Gateway"), "gateway:index", Permission.SEE_GATEWAY),
    Door(_("Audit"), "governance:index", Permission.READ_AUDIT),
    Door(_("Health"), "portal:health", Permission.READ_HEALTH),
    Door(_("People"), "accounts:people", Permission.MANAGE_PEOPLE),
)


def doors_for(request: HttpRequest) -> list[dict[str, object]]:
    """Title, address and whether it is the current place, for every door that this person may use."""
    found: list[dict[str, object]] = []
    for door in DOORS:
        if door.needs is not None and not may(request).has(door.needs):
            continue
        try:
            address = reverse(door.url_name)
        except NoReverseMatch:
            continue
        found.append({"title": door.title, "url": address, "current": request.path.startswith(address)})
    return found
