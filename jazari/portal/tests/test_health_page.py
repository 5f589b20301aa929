"""The health of a node in words, for those who may read it."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.federation.models import Presence
from jazari.portal.health import health
from jazari.portal.tests.networks import network, read
from jazari.settings.home import Home, NodeConfig
from jazari.settings.process_state import birth, state_file
from jazari.testing.pages import People, anonymous

pytestmark = pytest.mark.usefixtures("portal")


def page(people: People) -> str:
    answer = people.client(Role.OPERATOR).get("/health/")
    assert answer.status_code == 200
    return answer.content.decode()


def run(home: Home, *, ready: bool = True) -> None:
    me = {"pid": os.getpid(), "birth": birth(os.getpid())}
    processes = {"web": {**me, "ready": True, "restarts": 0}, "engine": {**me, "ready": ready, "restarts": 3}}
    state_file(home).write_text(json.dumps({"supervisor": me, "processes": processes}))


def duties(home: Home, *, code: str = "", **problems: str) -> None:
    now = clock.timestamp()
    found = {
        name: {"runs": 1, "problem": problems.get(name, ""), "code": code if name in problems else "", "succeeded": now}
        for name in ("sync", "outbox")
    }
    (home.run / "worker.alive").write_text(json.dumps({"moment": now, "duties": found}))


@pytest.mark.parametrize("role", [Role.MEMBER, Role.RESEARCHER, Role.DATA_STEWARD, Role.BOARD])
def test_others_may_not_read_it(people: People, role: Role) -> None:
    assert people.client(role).get("/health/").status_code == 403
    assert anonymous().get("/health/").status_code == 302


def test_a_node_that_does_not_run_says_how_to_start_it(people: People) -> None:
    shown = page(people)
    assert "No supervisor runs." in shown
    assert "Nothing was read yet." in shown
    assert "No request to join was made yet." in shown


def test_a_duty_that_fails_is_shown_with_its_reason_as_text(people: People, portal: Home) -> None:
    run(portal)
    duties(portal, outbox="The Root <b>cannot</b> be reached.")
    shown = page(people)
    assert "The Root &lt;b&gt;cannot&lt;/b&gt; be reached." in shown
    assert "Last success" in shown


def test_why_a_duty_fails_is_in_the_language_of_the_reader(people: People, portal: Home) -> None:
    run(portal)
    duties(portal, outbox="The Root cannot be reached.", code="federation.root-unreachable")
    shown = people.client(Role.OPERATOR, language="fr").get("/health/").content.decode()
    assert "La Racine, ou la copie lue à sa place, est injoignable" in shown
    assert '<span lang="en" dir="ltr">The Root cannot be reached.</span>' in shown


def test_a_process_that_is_not_ready_is_counted(portal: Home) -> None:
    run(portal)
    well = health(portal)["problems"]
    run(portal, ready=False)
    assert health(portal)["problems"] == well + 1


def test_a_node_where_all_works_says_so(people: People, portal: Home, tmp_path: Path) -> None:
    world = network(tmp_path, "rabat")
    read(portal, world)
    portal.write(NodeConfig(role="root", namespace="network", network="Jazari", root_url="https://root.example"))
    run(portal)
    duties(portal)
    assert "Everything works." in page(people)


def test_a_mirror_that_nobody_looks_after_grows_old(portal: Home, tmp_path: Path) -> None:
    read(portal, network(tmp_path, "rabat"))
    duties(portal)
    assert not health(portal)["mirror"]["old"]
    with clock.frozen(clock.now() + timedelta(hours=1)):
        assert health(portal)["mirror"]["old"]


def test_the_root_tells_whose_clock_is_wrong(people: People, portal: Home) -> None:
    portal.write(NodeConfig(role="root", namespace="network", network="Jazari", root_url="https://root.example"))
    Presence.objects.create(namespace="fes", last_seen=clock.now(), clock_offset_seconds=31.04)
    shown = page(people)
    assert "31 s" in shown
    assert "Set the clock" in shown


def test_what_cannot_be_read_breaks_nothing(people: People, portal: Home) -> None:
    (portal.run / "worker.alive").write_text('{"duties": {"sync": 3}}')
    state_file(portal).write_text("[]")
    assert "No supervisor runs." in page(people)
