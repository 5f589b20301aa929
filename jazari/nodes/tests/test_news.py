"""The worker's news: where there is a portal, people are told what waits for them, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jazari.accounts.models import Notice
from jazari.accounts.rules import Role
from jazari.catalog.tests.home import root_home
from jazari.core import clock
from jazari.federation import exchange
from jazari.federation.models import Enrolment
from jazari.federation.telling import tell_of_enrolments
from jazari.nodes.node_duties import News, duties
from jazari.settings.home import Home, NodeConfig
from jazari.testing.pages import People

pytestmark = pytest.mark.usefixtures("portal")


def ask(namespace: str, kind: str = "admission", state: str = Enrolment.State.RECEIVED) -> None:
    Enrolment.objects.create(
        digest=f"sha256:{namespace}", namespace=namespace, kind=kind, state=state, document={}, received=clock.now()
    )


def told() -> list[tuple[str, str]]:
    return [(notice.person.email or "", notice.subject) for notice in Notice.objects.order_by("pk")]


def test_the_board_is_told_once_that_an_institute_asks(people: People) -> None:
    people.person(Role.BOARD)
    people.person(Role.OPERATOR)
    ask("souss")
    ask("fes", kind="rotation")
    ask("oujda", state=Enrolment.State.REFUSED)
    assert tell_of_enrolments()
    assert not tell_of_enrolments()
    assert told() == [("board@example.org", "souss")]
    ask("rabat")
    assert tell_of_enrolments()
    assert told()[1:] == [("board@example.org", "rabat")]


def test_the_duty_of_a_root_tells_the_board_and_looks_again_after_a_change(
    tmp_path: Path, settings: Any, people: People
) -> None:
    home, _world = root_home(tmp_path / "network")
    settings.HOME = home
    exchange.sync(home)
    people.person(Role.BOARD)
    news = News()
    news.run(home)
    assert told() == []
    ask("souss")
    assert news.run(home)
    assert not news.run(home)
    assert told() == [("board@example.org", "souss")]


def test_a_node_of_no_network_and_without_a_portal_has_no_news(portal: Home) -> None:
    assert not News().run(portal)
    assert "news" not in {duty.name for duty in duties(portal)}
    portal.write(NodeConfig(**vars(portal.config) | {"portal_port": 8656}))
    assert {"news", "letters"} <= {duty.name for duty in duties(portal)}
