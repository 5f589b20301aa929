"""What types, facets and their values are called on pages, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from jazari.catalog.models import CatalogItem
from jazari.settings.runtime import this_home
from jazari.territories import usable_for

Label = str | Promise | Mapping[str, str]
"""A text, or one by language."""

KINDS: dict[str, Promise] = {
    "institute": _("Institute"),
    "dataset": _("Data set"),
    "study": _("Study"),
    "approval": _("Decision on a study"),
    "run": _("Run of a study"),
    "attestation": _("Attestation of a run"),
    "result": _("Result"),
    "model": _("Model"),
    "provider": _("Provider of inference"),
    "residency": _("Residency policy"),
    "drill": _("Drill"),
    "withdrawal": _("Withdrawal"),
    "checkpoint": _("Checkpoint of the audit trail"),
    "course": _("Course"),
    "prototype": _("Prototype"),
    "service": _("Service"),
}
FACET_NAMES: dict[str, Promise] = {
    "kind": _("Kind"),
    "institute": _("Institute"),
    "region": _("Region"),
    "sector": _("Sector"),
    "language": _("Language of the texts"),
    "licence": _("Licence"),
}
SECTOR_NAMES: dict[str, Promise] = {
    "AGRI": _("Agriculture, fisheries, forestry and food"),
    "ECON": _("Economy and finance"),
    "EDUC": _("Education, culture and sport"),
    "ENER": _("Energy"),
    "ENVI": _("Environment"),
    "GOVE": _("Government and public sector"),
    "HEAL": pgettext_lazy("sector", "Health"),
    "INTR": _("International issues"),
    "JUST": _("Justice and public safety"),
    "REGI": _("Regions and cities"),
    "SOCI": _("Population and society"),
    "TECH": _("Science and technology"),
    "TRAN": _("Transport"),
}


def kind_name(kind: str) -> Label:
    """What a card type is called; its own name where nobody has named it."""
    return KINDS.get(kind, kind)


def institute_names(namespaces: Iterable[str]) -> dict[str, Label]:
    """The titles that institutes give themselves, by namespace; the namespace where there is no card."""
    wanted = list(namespaces)
    series = [f"{name}/institute/{name}" for name in wanted]
    rows = CatalogItem.objects.filter(series__in=series, is_latest=True, withdrawn_by="", problem="")
    titles: dict[str, Label] = dict(rows.values_list("namespace", "title"))
    return {name: titles.get(name) or name for name in wanted}


def region_names(codes: Iterable[str]) -> dict[str, Label]:
    """The names of regions by code; the code where it is not one of this country's."""
    known: dict[str, Label] = {region.code: region.names for region in usable_for(this_home().path)}
    return {code: known.get(code, code) for code in codes}


def value_names(facet: str, values: Iterable[str]) -> dict[str, Label]:
    """What the values of a facet are called."""
    if facet == "institute":
        return institute_names(values)
    if facet == "region":
        return region_names(values)
    named: dict[str, Mapping[str, Label]] = {
        "kind": KINDS,
        "sector": SECTOR_NAMES,
        "language": dict(settings.LANGUAGES),
    }
    known = named.get(facet, {})
    return {value: known.get(value, value) for value in values}
