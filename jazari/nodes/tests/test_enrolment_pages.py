"""Following requests to join at a Root: digits to compare, exact commands, and no signature by a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from jazari.accounts.rules import Role
from jazari.federation import admissions, governing, joining, root_node
from jazari.settings.home import Home
from jazari.testing.live_network import LiveNetwork, found
from jazari.testing.pages import People, anonymous

pytestmark = pytest.mark.usefixtures("portal")


@pytest.fixture
def live(tmp_path: Path, settings: object, portal: Home) -> LiveNetwork:
    network = found(tmp_path / "live")
    settings.HOME = network.root
    return network


def ask(network: LiveNetwork, namespace: str) -> str:
    """A request that came as a file; its digest."""
    signed = joining.make_request(network.create(namespace), network.network)
    directory = root_node.repository(network.root).committed().directory
    return str(admissions.receive_enrolment(directory, signed.to_bytes())["digest"])


def page(people: People, role: Role = Role.BOARD) -> str:
    answer = people.client(role).get("/enrolments/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_only_the_board_and_operators_of_a_root_follow(live: LiveNetwork, people: People, settings: object) -> None:
    for role in Role:
        expected = 200 if role in (Role.BOARD, Role.OPERATOR) else 403
        assert people.client(role).get("/enrolments/").status_code == expected
    assert anonymous().get("/enrolments/").status_code == 302
    settings.HOME = live.create("souss")
    assert people.client(Role.BOARD).get("/enrolments/").status_code == 404


def test_a_request_is_followed_from_its_arrival_to_the_institute(live: LiveNetwork, people: People) -> None:
    assert "No request waits" in page(people)
    digest = ask(live, "souss")
    digits = " ".join(digest[start : start + 4] for start in range(7, 23, 4))

    received = page(people)
    assert digits in received
    assert digest in received
    assert f"jazari root admit souss --home {live.root.path}" in received

    ceremony, _ = governing.propose_requests(live.root, ["souss"])
    proposed = page(people)
    assert "Put before the board" in proposed
    assert str(ceremony) in proposed
    assert f"jazari board sign {ceremony.name} --key KEY.pem --network network.json" in proposed
    assert "jazari root finish" in proposed
    assert 'method="post"' not in proposed.partition('<main id="main"')[2].partition("</main>")[0]

    live.finish(ceremony)
    decided = page(people)
    assert "Admitted" in decided
    assert "No request waits" in decided


def test_a_refusal_is_shown_with_its_reason_as_text(live: LiveNetwork, people: People) -> None:
    ask(live, "souss")
    admissions.refuse(admissions.find("souss"), "Not <i>yet</i>.")
    assert "Not &lt;i&gt;yet&lt;/i&gt;." in page(people)


def test_a_ceremony_that_another_overtook_is_prepared_again(live: LiveNetwork, people: People) -> None:
    ask(live, "souss")
    ask(live, "oriental")
    governing.propose_requests(live.root, ["souss"])
    live.finish(governing.propose_requests(live.root, ["oriental"])[0])
    shown = page(people)
    assert "another one was finished first" in shown
    assert "jazari root admit souss" in shown


def test_two_requests_of_one_name_are_told_apart_by_their_digits(live: LiveNetwork, people: People) -> None:
    first = ask(live, "souss")
    other = LiveNetwork(live.folder)
    other_home = joining.create_institute(live.folder / "other", live.institutes["souss"].config, None, None)
    signed = joining.make_request(other_home, other.network)
    directory = root_node.repository(live.root).committed().directory
    second = admissions.receive_enrolment(directory, signed.to_bytes())["digest"]
    shown = page(people)
    assert f"jazari root admit {first[7:23]} " in shown
    assert f"jazari root admit {second[7:23]} " in shown
    assert "jazari root admit souss" not in shown


def test_the_list_of_institutes_leads_the_board_there(live: LiveNetwork, people: People) -> None:
    ask(live, "souss")
    shown = people.client(Role.BOARD).get("/institutes/").content.decode()
    assert "/enrolments/" in shown
    assert "1 request waits." in shown
    assert "/enrolments/" not in anonymous().get("/institutes/").content.decode()
