"""Pages of institutes: what they are and offer, how they stand, and what nobody may learn there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from jazari.catalog.tests.records import dataset_card
from jazari.core import clock
from jazari.federation.models import Presence
from jazari.federation.network_status import NetworkStatus, Seen
from jazari.portal.tests.networks import network, read
from jazari.settings.home import Home, NodeConfig
from jazari.testing.pages import People, anonymous
from jazari.trust.ceremonies.proposals import propose_revocation
from jazari.trust.records import Draft
from jazari.trust.tests.world import World

pytestmark = pytest.mark.usefixtures("portal")
CARD = {
    "title": {"fr": "Institut de Rabat"},
    "description": {"fr": "Agronomie et eau."},
    "keywords": ["irrigation"],
    "sectors": ["AGRI"],
    "website": "https://rabat.example.org/",
    "contact": "Accueil",
}


@pytest.fixture
def world(portal: Home, tmp_path: Path) -> World:
    found = network(tmp_path, "rabat", "fes")
    found.publish("rabat", Draft("institute", "rabat", CARD))
    found.publish("rabat", Draft("dataset", "soil", dataset_card("Sols de Rabat")))
    found.publish("fes", Draft("dataset", "water", dataset_card("Eaux de Fès")))
    read(portal, found)
    return found


def page(address: str, language: str = "en") -> str:
    answer = anonymous(language).get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_before_anything_was_read_the_list_says_so() -> None:
    assert "has read nothing of the network yet" in page("/institutes/")
    assert anonymous().get("/institutes/rabat/").status_code == 404


@pytest.mark.usefixtures("world")
class TestPages:
    def test_the_list_has_every_institute_and_not_the_root(self) -> None:
        shown = page("/institutes/")
        assert "/institutes/rabat/" in shown
        assert "/institutes/fes/" in shown
        assert "/institutes/network/" not in shown
        assert "1 data set" in shown

    def test_a_page_tells_what_an_institute_is_and_offers(self) -> None:
        shown = page("/institutes/rabat/")
        for text in ("Rabat-Sale-Kenitra", "Agronomie et eau.", "irrigation", "Agriculture", "Accueil",
                     "1 data set", "Sols de Rabat", "/catalogue/rabat/dataset/soil/"):  # fmt: skip
            assert text in shown
        assert 'href="https://rabat.example.org/"' in shown
        assert "Eaux" not in shown

    def test_it_tells_how_the_log_stands(self) -> None:
        shown = page("/institutes/rabat/")
        assert "2 records" in shown
        assert "Fresh" in shown
        assert "its signature holds until" in shown

    def test_the_roots_own_node_has_a_page(self) -> None:
        assert "which federates the network" in page("/institutes/network/")

    @pytest.mark.parametrize("name", ["nobody", "RABAT", "x" * 300, "..%2F..", "rabat%00"])
    def test_an_unknown_name_is_no_page(self, name: str) -> None:
        assert anonymous().get(f"/institutes/{name}/").status_code == 404

    def test_only_people_who_agreed_are_named_and_only_at_their_own_node(self, people: People) -> None:
        shown, hidden = people.person(email="amina@example.org", name="Amina B."), people.person(name="Hassan H.")
        shown.shown, shown.public_title = True, "Directrice"
        shown.save()
        assert not hidden.shown
        text = page("/institutes/rabat/")
        assert "Amina B." in text
        assert "Directrice" in text
        assert "Hassan" not in text
        assert "example.org" not in text.replace("rabat.example.org", "")
        assert "Amina" not in page("/institutes/fes/")

    def test_who_is_no_longer_active_is_not_named(self, people: People) -> None:
        person = people.person(email="amina@example.org", name="Amina B.")
        person.shown, person.is_active = True, False
        person.save()
        assert "Amina" not in page("/institutes/rabat/")

    def test_an_institute_says_whose_word_it_is_who_is_online(self, portal: Home) -> None:
        assert "Who is online is not known here" in page("/institutes/")
        _say(portal, clock.now(), online=True)
        shown = page("/institutes/")
        assert "Who is online, the Root said on" in shown
        assert "Online" in shown

    def test_an_old_word_is_told_as_past(self, portal: Home) -> None:
        _say(portal, clock.now() - timedelta(hours=2), online=True)
        shown = page("/institutes/fes/")
        assert "Who is online now is not known" in shown
        assert "Online" not in shown
        assert "Last seen on" in shown

    def test_a_damaged_word_is_none(self, portal: Home) -> None:
        (portal.run / "network-status.json").write_text('{"moment": 3}')
        assert "Who is online is not known here" in page("/institutes/")

    def test_the_root_tells_it_by_itself(self, portal: Home) -> None:
        portal.write(NodeConfig(role="root", namespace="network", network="Jazari", root_url="https://root.example"))
        Presence.objects.create(namespace="rabat", last_seen=clock.now())
        Presence.objects.create(namespace="fes", last_seen=clock.now() - timedelta(minutes=3))
        rows = page("/institutes/").partition("<tbody>")[2].split("</tr>")
        assert "Last seen on" in rows[0]
        assert "fes" in rows[0]
        assert "Online" in rows[1]

    def test_a_revoked_institute_is_shown_as_such(self, portal: Home, world: World) -> None:
        world.finish(propose_revocation(world.repository, "fes"))
        read(portal, world)
        shown = page("/institutes/fes/")
        assert "Revoked." in shown
        assert "froze its log at version" in shown
        assert "Frozen by the board" in shown
        assert "Eaux de Fès" in shown
        assert "Revoked" in page("/institutes/")

    def test_an_expired_log_is_told_as_stale(self) -> None:
        with clock.frozen(clock.now() + timedelta(days=200)):
            assert "Expired" in page("/institutes/fes/")

    @pytest.mark.parametrize("language", ["fr", "ar", "zgh"])
    def test_pages_open_in_every_language(self, language: str) -> None:
        assert f'lang="{language}"' in page("/institutes/", language)
        assert f'lang="{language}"' in page("/institutes/rabat/", language)


def _say(home: Home, moment: object, *, online: bool) -> None:
    seen = Seen(online=online, last_seen=moment)
    status = NetworkStatus(moment=moment, institutes={"rabat": seen, "fes": seen})
    (home.run / "network-status.json").write_text(status.model_dump_json())
