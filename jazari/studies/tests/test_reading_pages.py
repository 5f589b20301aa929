"""The list of studies and the page of one, as readers of each kind see them."""

from __future__ import annotations

import pytest
from django.utils.html import strip_tags

from jazari.accounts.rules import Role
from jazari.studies import operations
from jazari.studies.decisions import Choice
from jazari.studies.listing import PER_PAGE
from jazari.studies.pages.words import RECIPES
from jazari.studies.recipes.registry import recipe_names
from jazari.studies.tests.pages import Site, address
from jazari.testing.pages import People, anonymous


def test_an_empty_list_says_so(site: Site):
    assert "Nobody has proposed a study yet." in anonymous().get("/studies/").content.decode()


def test_anybody_reads_who_decided_what_and_why(site: Site):
    study = site.propose()
    site.decide(study, "fes")
    site.decide(study, "agadir", choice=Choice.REFUSE, reason="Too few <sites>.")
    page = anonymous().get(address("study", study)).content.decode()
    assert "Too few &lt;sites&gt;." in page
    assert page.count("not decided") == 1
    assert operations.study_of(site.network, study).agreement in page
    assert "No figure is about fewer than 10 distinct subjects" in strip_tags(page)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "Aucun chiffre ne porte sur moins de 10 sujets distincts"),
        ("ar", "لا يخص أي رقم عددا من الأفراد المختلفين في معهد واحد يقل عن 10"),
        ("zgh", "ⵓⵔ ⵉⵙⴰⵡⵍ ⴰⵡⴷ ⵢⴰⵏ ⵓⵟⵟⵓⵏ ⵅⴼ ⵓⴷⵔⵓⵙ ⵏ 10 ⵏ ⵉⴼⴳⴰⵏⵏ"),
    ],
)
def test_what_would_leave_is_in_the_language_of_the_reader(site: Site, language: str, said: str):
    page = anonymous(language).get(address("study", site.propose())).content.decode()
    leaving = page[page.index('class="leaving"') :].partition("</ul>")[0]
    assert said in strip_tags(leaving)
    assert 'lang="en"' not in leaving


def test_a_study_that_is_not_here_is_not_found(site: Site):
    answer = anonymous().get(address("study", "rabat/study/none@1"))
    assert answer.status_code == 404
    assert "There is no study" in answer.content.decode()


@pytest.mark.parametrize("path", ["study/Rabat/x/1/", "study/rabat/..%2Fx/1/", "study/rabat/x/0/"])
def test_references_that_cannot_be_are_refused_without_a_trace(site: Site, path: str):
    assert anonymous().get(f"/studies/{path}").status_code in (400, 404)


def test_the_list_is_paged_and_a_wild_page_number_is_the_nearest(site: Site):
    for number in range(PER_PAGE + 1):
        site.propose(name=f"study-{number}")
    first, last = (anonymous().get(f"/studies/?page={n}").content.decode() for n in ("1", "99999"))
    assert "study-20@1" in first
    assert "study-0@1" not in first
    assert "study-0@1" in last
    for wild in ("-1", "x", "9" * 400):
        assert anonymous().get("/studies/", {"page": wild, "show": wild}).status_code == 200


def test_a_steward_sees_what_waits_for_this_institute_only(site: Site, people: People):
    undecided, decided = site.propose(name="undecided"), site.propose(name="decided", purpose="Another one.")
    site.decide(decided, "rabat")
    page = people.client(Role.DATA_STEWARD).get("/studies/?show=to-decide").content.decode()
    assert address("study", undecided) in page
    assert address("study", decided) not in page


def test_a_study_with_a_result_is_among_the_finished_and_one_with_a_run_among_the_running(site: Site):
    study = site.propose()
    site.decide(study, "rabat", "fes")
    assert study not in anonymous().get("/studies/?show=running").content.decode()
    operations.start_run(site.here(), study)
    site.follow("rabat")
    assert study in anonymous().get("/studies/?show=running").content.decode()
    assert study not in anonymous().get("/studies/?show=finished").content.decode()


def test_every_installed_recipe_is_explained_in_words_of_people():
    assert set(RECIPES) == set(recipe_names())


def test_a_study_that_is_not_here_is_refused_in_the_language_of_the_reader(site: Site):
    page = anonymous("fr").get(address("study", "rabat/study/none@1")).content.decode()
    told = page[page.index('role="alert"') :].partition("</p>")[0]
    assert "Cette étude ou ce résultat n’est pas ici" in told
    assert '<span lang="en" dir="ltr">There is no study' in told


def test_a_study_that_this_version_cannot_read_says_so_in_the_language_of_the_reader(site: Site):
    site.propose()
    site.network.of("study")[0].card["title"] = "<b>" * 1000
    row = anonymous("fr").get("/studies/").content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    assert "L’étude n’est pas valable telle qu’elle est écrite" in row
    assert '<span lang="en" dir="ltr">The study is not valid' in row
    assert "<b>" not in row
