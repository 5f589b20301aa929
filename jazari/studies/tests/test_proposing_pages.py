"""The form that builds a proposal step by step, checked by the rules of the command."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.html import strip_tags

from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.studies import datasets, operations
from jazari.studies.drafting import fields_of, read_fields
from jazari.studies.models import StudyDraft
from jazari.studies.overview import study_of
from jazari.studies.recipes.registry import find_recipe, recipe_names
from jazari.studies.tests.conftest import write_soil
from jazari.studies.tests.pages import Site, address
from jazari.testing.pages import People, anonymous

TERMS = {
    "name": "soil-gaps", "title": "Où manquent des mesures", "purpose": "Plan <where> to sample.", "floor": "12",
    "max_rounds": "5", "max_runs": "1", "expires_in_days": "30", "secure_aggregation": "true",
    "round_deadline_seconds": "600", "minimum_institutes": "",
}  # fmt: skip


@pytest.fixture
def client(site: Site, people: People) -> Client:
    return people.client(Role.RESEARCHER)


def go(client: Client, step: str, **values: object):
    """Post a step."""
    return client.post(f"/studies/new/{step}/", values)


def until_preview(site: Site, client: Client, **terms: str) -> None:
    """All steps of a valid proposal."""
    go(client, "recipe", recipe="statistics")
    go(client, "data", datasets=[record.ref for record in site.network.of("dataset")])
    go(client, "parameters", variables=["ph"], by=["crop"], histograms="ph: 4, 6, 8", spread="true")
    assert go(client, "terms", **TERMS | terms).status_code == 302


def digest_in(page: str) -> str:
    found = re.search(r'name="digest" value="(sha256:[0-9a-f]{64})"', page)
    assert found
    return found.group(1)


def test_only_researchers_propose(site: Site, people: People):
    assert anonymous().get("/studies/new/").status_code == 302
    for role in (Role.MEMBER, Role.DATA_STEWARD, Role.OPERATOR):
        assert people.client(role).get("/studies/new/").status_code == 403
        assert people.client(role).post("/studies/new/discard/").status_code == 403


def test_a_proposal_of_five_steps_is_published_exactly_as_previewed(site: Site, client: Client, audit):
    until_preview(site, client)
    page = client.get("/studies/new/preview/").content.decode()
    assert "No figure is about fewer than 12 distinct subjects" in strip_tags(page)
    assert "Plan &lt;where&gt; to sample." in page
    digest = digest_in(page)
    with clock.frozen(clock.now() + timedelta(minutes=5)):
        answer = go(client, "preview", digest=digest)
    (record,) = site.network.of("study")
    assert answer["Location"] == address("study", record.ref)
    study = study_of(site.network, record.ref)
    assert study.agreement == digest
    assert study.text.parameters == {
        "variables": ["ph"], "by": ["crop"], "histograms": {"ph": [4, 6, 8]}, "spread": True,
    }  # fmt: skip
    assert not StudyDraft.objects.exists()
    assert any(event.kind == "studies.asked-at-a-page" and event.subject == record.ref for event in audit)


def test_a_preview_that_is_no_longer_what_the_draft_says_is_not_published(site: Site, client: Client):
    until_preview(site, client)
    digest = digest_in(client.get("/studies/new/preview/").content.decode())
    until_preview(site, client, floor="3")
    assert go(client, "preview", digest=digest).status_code == 422
    client.get("/studies/new/preview/")
    assert go(client, "preview", digest=digest).status_code == 422
    assert not site.network.of("study")


def test_a_data_set_withdrawn_after_the_preview_stops_it(site: Site, client: Client):
    until_preview(site, client)
    digest = digest_in(client.get("/studies/new/preview/").content.decode())
    operations.withdraw(site.here("fes"), site.network.of("dataset", namespace="fes")[0].ref, "Errors found.")
    answer = go(client, "preview", digest=digest)
    assert answer.status_code == 422
    assert "no data set that is offered now" in answer.content.decode()
    assert not site.network.of("study")


def test_steps_are_kept_can_be_gone_back_to_and_none_is_skipped(site: Site, client: Client):
    assert client.get("/studies/new/preview/")["Location"] == "/studies/new/recipe/"
    until_preview(site, client)
    assert 'value="statistics" required checked' in client.get("/studies/new/recipe/").content.decode()
    assert "ph: 4, 6, 8" in client.get("/studies/new/parameters/").content.decode()
    go(client, "recipe", recipe="glm")
    assert client.get("/studies/new/preview/")["Location"] == "/studies/new/parameters/"
    client.post("/studies/new/discard/")
    assert client.get("/studies/new/terms/")["Location"] == "/studies/new/recipe/"


def test_drafts_are_of_one_person(site: Site, client: Client, people: People):
    go(client, "recipe", recipe="glm")
    other = people.client(Role.RESEARCHER, Role.MEMBER)
    assert other.get("/studies/new/data/")["Location"] == "/studies/new/recipe/"


def test_data_sets_are_found_by_words_and_variables_that_are_shared_are_told(site: Site, client: Client):
    go(client, "recipe", recipe="statistics")
    page = client.get("/studies/new/data/?q=FES+ph").content.decode()
    assert "fes/dataset/" in page
    assert "rabat/dataset/" not in page
    go(client, "data", datasets=[record.ref for record in site.network.of("dataset")])
    page = client.get("/studies/new/data/").content.decode()
    assert "mean alike" in page
    assert '<code dir="ltr">ph</code>' in page


@pytest.mark.parametrize(
    ("step", "values", "words"),
    [
        ("recipe", {"recipe": "magic"}, "Choose what"),
        ("data", {"datasets": ["fes/dataset/none@1"]}, "Choose the data set"),
        ("parameters", {"by": ["crop"]}, "Fill this in."),
        ("parameters", {"variables": ["ph"], "quantiles": "2"}, "must be less than"),
        ("parameters", {"variables": ["ph"], "histograms": "ph: x, y"}, "Write a number."),
        ("parameters", {"variables": ["ph"], "by": ["ph"]}, "twice"),
        ("parameters", {"variables": ["crop"], "histograms": "crop: 1, 2"}, "crop"),
        ("terms", TERMS | {"name": "Not A Name"}, "name of the study"),
        ("terms", TERMS | {"title": ""}, "Fill this in."),
        ("terms", TERMS | {"expires_in_days": "9999"}, "must be at most"),
        ("terms", TERMS | {"purpose": "x" * 5001}, "too long"),
        ("terms", TERMS | {"max_rounds": "many"}, "Write a whole number."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    site: Site, client: Client, step: str, values: dict[str, object], words: str
):
    until_preview(site, client)
    before = StudyDraft.objects.get().values
    page = go(client, step, **values)
    assert page.status_code == 422
    assert words in page.content.decode()
    assert StudyDraft.objects.get().values == before


def test_what_only_the_whole_text_shows_is_said_at_the_preview(site: Site, client: Client):
    until_preview(site, client, floor="0")
    page = client.get("/studies/new/preview/")
    assert page.status_code == 422
    assert "floor" in page.content.decode()


@pytest.mark.parametrize("recipe", recipe_names())
def test_the_form_of_each_recipe_reads_back_what_it_shows(recipe: str):
    model = find_recipe(recipe).Parameters
    fields = fields_of(model, ["ph", "crop"], {})
    assert {one.name.partition(".")[0] for one in fields} == set(model.model_fields)
    posted = {one.name: one.value if isinstance(one.value, list) else [one.value] for one in fields}
    values = read_fields(fields, posted)
    defaults = {name: field.default for name, field in model.model_fields.items() if not field.is_required()}
    for name, told in values.items():
        if name in defaults and isinstance(defaults[name], int | float | str | bool):
            assert told == defaults[name]


def test_two_data_sets_of_one_institute_are_refused(site: Site, client: Client):
    go(client, "recipe", recipe="statistics")
    datasets.register("more-rabat", *write_soil(site.home.path / "more"))
    more = datasets.publish(site.here(), "more-rabat").ref
    page = go(client, "data", datasets=[more, site.network.of("dataset", namespace="rabat")[0].ref])
    assert page.status_code == 422
    assert "two data sets of rabat" in page.content.decode()


def alerts(page: str) -> str:
    return "".join(re.findall(r'role="alert"[^>]*>(.*?)</(?:div|small)>', page, re.DOTALL))


@pytest.mark.parametrize(
    ("step", "values", "said", "detail"),
    [
        ("recipe", {"recipe": "magic"}, "Choisissez ce qui doit être calculé.", ""),
        ("data", {"datasets": []}, "Choisissez le jeu de données de chaque institut", ""),
        ("parameters", {"by": ["crop"]}, "Remplissez ce champ.", ""),
        ("parameters", {"variables": ["ph"], "histograms": "ph: x, y"}, "Écrivez un nombre.", ""),
        (
            "parameters",
            {"variables": ["crop"], "histograms": "crop: 1, 2"},
            "Les paramètres ne conviennent pas",
            "crop",
        ),
        ("terms", TERMS | {"max_rounds": "many"}, "Écrivez un nombre entier.", ""),
        ("terms", TERMS | {"expires_in_days": "9999"}, "La valeur doit être d’au plus 730.", ""),
        ("terms", TERMS | {"purpose": "x" * 5001}, "C’est trop long\u202f: 5\u202f000 caractères au plus.", ""),
        ("terms", TERMS | {"name": "Not A <b>"}, "L’étude n’est pas valable telle qu’elle est écrite", "&lt;b&gt;"),
    ],
)
def test_what_is_wrong_is_said_in_the_language_of_the_reader(
    site: Site, people: People, step: str, values: dict[str, object], said: str, detail: str
):
    client = people.client(Role.RESEARCHER, language="fr")
    until_preview(site, client)
    told = alerts(go(client, step, **values).content.decode())
    assert said in strip_tags(told)
    english = "".join(re.findall(r'<span lang="en" dir="ltr">(.*?)</span>', told))
    assert detail in english
    assert bool(detail) == bool(english), "what is translated is not marked as English"


def test_what_no_plain_words_say_of_a_field_is_marked_as_english(site: Site, people: People):
    client = people.client(Role.RESEARCHER, language="fr")
    until_preview(site, client)
    told = alerts(go(client, "parameters", variables=["ph"], by=["ph"]).content.decode())
    assert re.search(r'<span lang="en" dir="ltr">[^<]*twice', told)
