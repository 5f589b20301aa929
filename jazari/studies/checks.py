"""Checks on site that a page asks for and the worker does, one after the other; what is known of them is in rows."""

from __future__ import annotations

from datetime import timedelta

from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.studies.errors import NotAsked
from jazari.studies.models import OnSiteCheck
from jazari.studies.operations import Here
from jazari.studies.overview import study_of

GIVEN_UP_AFTER = timedelta(hours=1)
"""A check that was begun so long ago was cut off: it is done again."""


def ask_for_check(here: Here, reference: str) -> OnSiteCheck:
    """Have the worker try ``reference`` on this institute's data; one that waits already is not asked for twice.

    Raises ``StudyNotFound`` or ``NotAsked``.
    """
    if here.namespace not in study_of(here.records, reference).text.institutes:
        raise NotAsked(f"{reference} does not ask {here.namespace}: there is nothing to check here.")
    row = OnSiteCheck.objects.filter(study=reference, ended=None).first()
    if row is not None:
        return row
    fresh = {"asked": clock.now(), "begun": None, "ended": None, "report": None}
    return OnSiteCheck.objects.update_or_create(study=reference, defaults=fresh)[0]


def anything_waits() -> bool:
    """Whether a check was asked for: one question to the database."""
    return OnSiteCheck.objects.filter(ended=None).exists()


def do_waiting_checks(here: Here) -> bool:
    """Do the checks that were asked for, oldest first; whether there was one. Nothing leaves the institute."""
    waiting = [row for row in OnSiteCheck.objects.filter(ended=None) if _is_due(row)]
    for row in waiting:
        OnSiteCheck.objects.filter(pk=row.pk).update(begun=clock.now())
        OnSiteCheck.objects.filter(pk=row.pk, asked=row.asked).update(report=_report(here, row), ended=clock.now())
    return bool(waiting)


def _is_due(row: OnSiteCheck) -> bool:
    return row.begun is None or row.begun < clock.now() - GIVEN_UP_AFTER


def _report(here: Here, row: OnSiteCheck) -> dict[str, object]:
    from jazari.studies import on_site  # recipes, so numpy: not before there is something to try

    try:
        return on_site.check(here, row.study)
    except JazariError as error:
        return {"refused": str(error), "code": error.code, "disclosures": [], "variables": [], "outputs": []}
