"""The public API of studies, through a real API object as the portal mounts it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import include, path
from ninja import NinjaAPI
from ninja.security import django_auth

from jazari.accounts.access import public
from jazari.accounts.rules import Role
from jazari.core.errors import JazariError
from jazari.federation.http import error_document, http_status
from jazari.studies.public_api import router
from jazari.studies.tests.pages import Site
from jazari.testing.pages import People, anonymous

api = NinjaAPI(auth=django_auth, urls_namespace="test-studies-api", docs_url=None)
api.add_router("/studies", router)


@api.exception_handler(JazariError)
def say(request: Any, error: JazariError) -> Any:
    return api.create_response(request, error_document(error), status=http_status(error))


_urls = api.urls
urlpatterns = [path("api/", _urls), path("", include("jazari.nodes.portal_urls"))]
for pattern in _urls[0]:
    public(pattern.callback)


@pytest.fixture
def address(site: Site, settings: Any) -> str:
    settings.ROOT_URLCONF = __name__
    return "/api/studies"


def test_anybody_reads_studies_and_one_study(site: Site, address: str):
    study = site.propose()
    site.decide(study, "fes")
    listed = anonymous().get(address).json()
    assert (listed["total"], listed["next"]) == (1, None)
    assert listed["items"][0]["approved"] == ["fes"]
    facts = anonymous().get(f"{address}/study/rabat/soil-gaps/1").json()
    assert facts["study"] == study
    assert facts["agreement"].startswith("sha256:")
    assert [decision["institute"] for decision in facts["decisions"]] == ["fes"]


@pytest.mark.parametrize(
    ("tail", "status"),
    [
        ("/study/rabat/none/1", 404),
        ("/study/Rabat/none/1", 400),
        ("/study/rabat/none/0", 400),
        ("/result/rabat/none/1", 404),
        ("?limit=0", 422),
        ("?show=everything", 422),
        ("?offset=99", 200),
    ],
)
def test_bad_questions_get_plain_answers(site: Site, address: str, tail: str, status: int):
    assert anonymous().get(address + tail).status_code == status


def test_a_run_is_for_who_may_follow_it(site: Site, address: str, people: People):
    study = site.propose()
    site.decide(study, "rabat", "fes")
    run = site.start(study)
    name = run.split("/")[2].partition("@")[0]
    place = f"{address}/run/rabat/{name}/1"
    assert anonymous().get(place).status_code == 401
    assert people.client(Role.MEMBER).get(place).status_code == 403
    facts = people.client(Role.RESEARCHER).get(place).json()
    assert (facts["run"], facts["state"], facts["over"]) == (run, "waiting", False)
    assert [one["name"] for one in facts["institutes"]] == ["fes", "rabat"]


def test_a_result_comes_with_its_values(site: Site, address: str):
    study = site.propose()
    site.decide(study, "rabat", "fes")
    result = site.result(study, "rabat", "fes")
    name = result.split("/")[2].partition("@")[0]
    facts = Client().get(f"{address}/result/rabat/{name}/1").json()
    assert facts["card"]["provenance"]["study"] == study
    assert facts["values"]["groups"]
