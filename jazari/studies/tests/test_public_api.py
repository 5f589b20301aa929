"""The public API of studies, through a real API object as the portal mounts it."""

from __future__ import annotations

import pytest
from django.test import Client

from jazari.accounts.rules import Role
from jazari.studies.tests.pages import Site
from jazari.testing.pages import People, anonymous

BASE = "/api/v1/studies"


def test_anybody_reads_studies_and_one_study(site: Site):
    study = site.propose()
    site.decide(study, "fes")
    listed = anonymous().get(BASE).json()
    assert (listed["total"], listed["next"]) == (1, None)
    assert listed["items"][0]["approved"] == ["fes"]
    facts = anonymous().get(f"{BASE}/study/rabat/soil-gaps/1").json()
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
def test_bad_questions_get_plain_answers(site: Site, tail: str, status: int):
    assert anonymous().get(BASE + tail).status_code == status


def test_a_run_is_for_who_may_follow_it(site: Site, people: People):
    study = site.propose()
    site.decide(study, "rabat", "fes")
    run = site.start(study)
    name = run.split("/")[2].partition("@")[0]
    place = f"{BASE}/run/rabat/{name}/1"
    assert anonymous().get(place).status_code == 401
    assert people.client(Role.MEMBER).get(place).status_code == 403
    facts = people.client(Role.RESEARCHER).get(place).json()
    assert (facts["run"], facts["state"], facts["over"]) == (run, "waiting", False)
    assert [one["name"] for one in facts["institutes"]] == ["fes", "rabat"]


def test_a_result_comes_with_its_values(site: Site):
    study = site.propose()
    site.decide(study, "rabat", "fes")
    result = site.result(study, "rabat", "fes")
    name = result.split("/")[2].partition("@")[0]
    facts = Client().get(f"{BASE}/result/rabat/{name}/1").json()
    assert facts["card"]["provenance"]["study"] == study
    assert facts["values"]["groups"]
