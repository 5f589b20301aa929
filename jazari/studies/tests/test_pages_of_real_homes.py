"""The pages over real homes: a node that nobody has admitted yet, and a Root with its own repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jazari.accounts.rules import Role
from jazari.catalog.tests.home import root_home
from jazari.federation import exchange
from jazari.studies import card_types
from jazari.testing.pages import People, anonymous

PAGES = ("/studies/", "/studies/study/rabat/none/1/", "/studies/result/rabat/none/1/")


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("path", PAGES)
def test_a_node_that_was_not_admitted_says_so(path: str):
    answer = anonymous().get(path)
    assert 400 <= answer.status_code < 500
    assert "admitted" in answer.content.decode()


@pytest.mark.usefixtures("portal")
def test_a_root_lists_studies_and_decides_on_none(tmp_path: Path, settings: Any, people: People):
    home, _world = root_home(tmp_path / "root")
    card_types.register()
    exchange.sync(home)
    settings.HOME = home
    page = anonymous().get("/studies/")
    assert page.status_code == 200
    assert "Nobody has proposed a study yet." in page.content.decode()
    steward, researcher = people.client(Role.DATA_STEWARD), people.client(Role.RESEARCHER)
    assert "/studies/inbox/" not in steward.get("/studies/").content.decode()
    assert "No study waits" in steward.get("/studies/inbox/").content.decode()
    assert researcher.get("/studies/new/").status_code == 404
    assert researcher.get("/studies/study/rabat/none/1/").status_code == 404
    assert researcher.get("/studies/run/rabat/none/1/").status_code == 404
