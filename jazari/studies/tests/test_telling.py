"""Who is told what happened to studies: once for each record, and only whom it concerns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import resolve

from jazari.accounts import notices
from jazari.accounts.models import Notice, Told
from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.settings.home import Home
from jazari.studies import operations
from jazari.studies.decisions import Choice
from jazari.studies.models import Run
from jazari.studies.telling import tell
from jazari.studies.tests.pages import Site
from jazari.testing.pages import People


@pytest.fixture(autouse=True)
def _people(people: People, portal: Home) -> None:
    for role in Role:
        people.person(role)


def told(kind: str) -> list[tuple[str, str]]:
    """Who was told of what, in order; every link leads to a page."""
    found = list(Notice.objects.filter(kind=kind).select_related("person").order_by("pk"))
    for notice in found:
        resolve(notice.url)
    return [(notice.person.email or "", notice.subject) for notice in found]


STEWARD, RESEARCHER = "data-steward@example.org", "researcher@example.org"


def test_stewards_are_told_once_of_a_study_that_waits_for_their_institute(site: Site, people: People) -> None:
    study = site.propose(by="fes")
    assert tell(site.here())
    assert told("study-waits") == [(STEWARD, study)]
    assert not tell(site.here())
    people.person(Role.DATA_STEWARD, email="late@example.org")
    assert not tell(site.here())
    assert told("study-waits") == [(STEWARD, study)]
    assert people.client(Role.DATA_STEWARD).get(Notice.objects.get(kind="study-waits").url).status_code == 200


def test_nobody_is_told_of_a_study_that_asks_others_or_is_decided_already(site: Site) -> None:
    references = [record.ref for record in site.network.of("dataset") if record.namespace != "rabat"]
    site.propose(by="fes", name="elsewhere", datasets=references)
    decided = site.propose(by="fes", name="decided", purpose="Another one.")
    site.decide(decided, "rabat")
    operations.withdraw(site.here("fes"), site.propose(by="fes", name="gone", purpose="A third."), "A mistake.")
    assert tell(site.here())
    assert told("study-waits") == []


def test_researchers_are_told_of_every_decision_on_a_study_of_ours(site: Site, people: People) -> None:
    ours, theirs = site.propose(), site.propose(by="fes", name="theirs", purpose="Another one.")
    site.decide(ours, "fes", "agadir")
    site.decide(theirs, "agadir")
    tell(site.here())
    assert sorted(told("study-decided")) == [(RESEARCHER, f"{ours} (agadir)"), (RESEARCHER, f"{ours} (fes)")]
    site.decide(ours, "fes", choice=Choice.REFUSE, reason="The data have changed.")
    tell(site.here())
    tell(site.here())
    assert len(told("study-decided")) == 3
    assert people.client(Role.RESEARCHER).get(Notice.objects.filter(kind="study-decided")[0].url).status_code == 200


def test_a_run_is_told_when_it_is_over_and_a_finished_one_with_its_result(site: Site) -> None:
    study = site.propose()
    site.decide(study, "rabat", "fes")
    run = site.start(study)
    site.follow("rabat")
    tell(site.here())
    assert told("run-ended") == []
    Run.objects.update(state=Run.State.FINISHED, ended=clock.now())
    tell(site.here())
    assert told("run-ended") == []
    Run.objects.update(published=True)
    assert tell(site.here())
    assert not tell(site.here())
    assert told("run-ended") == [(RESEARCHER, run)]


def test_a_run_that_failed_is_told_and_one_of_others_is_not(site: Site) -> None:
    study = site.propose()
    site.decide(study, "rabat", "fes")
    run = site.start(study)
    site.follow("rabat")
    Run.objects.update(state=Run.State.FAILED, ended=clock.now())
    tell(site.here("fes"))
    assert told("run-ended") == []
    tell(site.here())
    assert told("run-ended") == [(RESEARCHER, run)]


def test_what_is_old_is_no_news_and_what_was_told_is_forgotten_later(site: Site) -> None:
    site.propose(by="fes")
    with clock.frozen(clock.now() + timedelta(days=notices.NEWS_DAYS + 1)):
        assert not tell(site.here())
    tell(site.here())
    assert len(told("study-waits")) == 1
    with clock.frozen(clock.now() + timedelta(days=100)):
        notices.forget_old()
        assert not Told.objects.exists()
        assert not tell(site.here())
