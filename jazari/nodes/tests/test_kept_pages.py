"""Every page that is kept for everybody: it is kept, and never the one of somebody who has signed in.

A view that says so by ``same_for_all`` is found by itself, and needs an address here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLResolver, get_resolver, resolve

from jazari.accounts.access import same_for_all_seconds
from jazari.accounts.rules import Role
from jazari.catalog.indexing import update_index
from jazari.catalog.models import CatalogItem
from jazari.catalog.tests.records import Logs, dataset_card, record
from jazari.gateway.tests.test_drill_pages import card as drill_card
from jazari.nodes import wiring
from jazari.nodes.public_api import PREFIX
from jazari.portal import page_cache
from jazari.portal.institute_pages import KEPT_SECONDS
from jazari.portal.tests import networks
from jazari.portal.tests.test_serving import Site, signed_in
from jazari.settings.home import Home
from jazari.studies.decisions import Choice
from jazari.studies.tests.conftest import network, site  # noqa: F401  fixtures
from jazari.studies.tests.pages import address
from jazari.testing.pages import People

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("portal")]
SOIL = "/catalogue/rabat/dataset/soil/"
ADDRESSES = (
    "/", "/catalogue/", "/catalogue/?q=sols&sort=title", SOIL, f"{SOIL}1/", f"{SOIL}changes/?from=1&to=2",
    f"{SOIL}1/record.json", f"{SOIL}1/croissant.json", f"{SOIL}1/citation.bib", "/institutes/", "/institutes/rabat/",
    "/gateway/drills/", "/gateway/drills/rabat/campus-1/1/",
)  # fmt: skip
OF_STUDIES = ("/studies/", "/studies/?show=finished", "/studies/study/rabat/x/1/", "/studies/result/rabat/x/1/")
HER_ADDRESS = "researcher@example.org"


@pytest.fixture
def published(tmp_path: Path, portal: Home) -> None:
    """A network that the node of ``portal`` has read, and cards in its index."""
    wiring.register_cards()
    networks.read(portal, networks.network(tmp_path, "rabat", "fes"))
    update_index(
        Logs(
            record("rabat/dataset/soil@1", dataset_card("Sols")),
            record("rabat/dataset/soil@2", dataset_card("Sols agricoles"), day=1),
            record("rabat/drill/campus-1@1", drill_card(plots=[]), day=2),
        )
    )


@pytest.fixture
def travelling(published: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The whole application, which looks at the network's version at each request."""
    monkeypatch.setattr(page_cache, "LOOK_SECONDS", 0.0)
    settings.ALLOWED_HOSTS = ["portal.example.ma"]
    with asyncio.Runner() as runner:
        yield Site(runner)


@pytest.fixture
def of_a_study(request: pytest.FixtureRequest, travelling: Site) -> list[str]:
    """The pages of a study that a researcher here may start, and of its result."""
    made = request.getfixturevalue("site")
    study = made.propose()
    made.decide(study, "rabat", "fes", "agadir", choice=Choice.APPROVE)
    result = address("result", made.result(study, "rabat", "fes", "agadir"))
    return [*OF_STUDIES[:2], address("study", study), result]


def is_kept_for_all(travelling: Site, path: str, session: str) -> None:
    before = travelling.get(path, cookie=session)
    first = travelling.get(path)
    hers, again = travelling.get(path, cookie=session), travelling.get(path)
    assert [answer.status_code for answer in (before, first, hers, again)] == [200] * 4, path
    assert first.headers["etag"] == again.headers["etag"], path
    assert first.content == again.content, path
    assert travelling.get(path, if_none_match=first.headers["etag"]).status_code == 304, path
    for own in (before, hers):
        assert "etag" not in own.headers, path
        assert own.headers["cache-control"] == "private, no-cache", path
    if "text/html" in first.headers["content-type"]:
        assert all(HER_ADDRESS in own.text for own in (before, hers)), path
        assert not any(word in first.text for word in (HER_ADDRESS, "csrfmiddlewaretoken", "sessionid")), path


def test_pages_that_everybody_sees_are_kept_and_those_of_who_has_signed_in_are_not(
    travelling: Site, people: People
) -> None:
    session = signed_in(people, Role.RESEARCHER)
    for path in ADDRESSES:
        is_kept_for_all(travelling, path, session)


@pytest.mark.slow
def test_so_are_those_of_a_study_and_its_result(travelling: Site, people: People, of_a_study: list[str]) -> None:
    session = signed_in(people, Role.RESEARCHER)
    assert "csrfmiddlewaretoken" in travelling.get(of_a_study[2], cookie=session).text
    for path in of_a_study:
        is_kept_for_all(travelling, path, session)


def test_every_page_that_is_kept_is_looked_at_here() -> None:
    pages = [pattern for pattern in get_resolver().url_patterns if f"/{pattern.pattern}" != PREFIX]
    kept = {view for view in views(pages) if same_for_all_seconds(view)}
    assert kept == {resolve(path.partition("?")[0]).func for path in (*ADDRESSES, *OF_STUDIES)}


def views(patterns: list[Any]) -> Iterator[Callable[..., Any]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        else:
            yield pattern.callback


def test_a_verification_is_made_anew_for_everybody(travelling: Site) -> None:
    answers = [travelling.get(f"{SOIL}1/verify/") for _ in range(2)]
    assert all("etag" not in answer.headers and "no-store" in answer.headers["cache-control"] for answer in answers)


def test_a_kept_card_is_forgotten_when_it_is_replaced(travelling: Site) -> None:
    assert "Sols agricoles" in travelling.get(SOIL).text
    records = [record("rabat/dataset/soil@1", dataset_card("Sols")),
               record("rabat/dataset/soil@2", dataset_card("Sols agricoles"), day=1),
               record("rabat/drill/campus-1@1", drill_card(plots=[]), day=2),
               record("rabat/dataset/soil@3", dataset_card("Sols de la plaine"), day=3)]  # fmt: skip
    update_index(Logs(*records))
    assert CatalogItem.objects.filter(version=3).exists()
    assert "Sols de la plaine" in travelling.get(SOIL).text
    assert "Sols de la plaine" in travelling.get("/catalogue/").text


def test_who_is_online_is_not_told_long_after() -> None:
    names = ("/institutes/", "/institutes/rabat/")
    assert {same_for_all_seconds(resolve(path).func) for path in names} == {KEPT_SECONDS}
    assert KEPT_SECONDS <= 10
