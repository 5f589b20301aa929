"""Routes, providers, policy and explanations as pages, on settings and signed records."""

from __future__ import annotations

import pytest
from django.urls import reverse

from jazari.accounts.rules import Role
from jazari.gateway.facts import residency_of
from jazari.gateway.policy_table import OTHER, tables_of
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, toml
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.tests.page_homes import HOSTILE_CARD, give_gateway, publish
from jazari.gateway.words import DataClass
from jazari.settings.home import Home
from jazari.testing.pages import People, anonymous

pytestmark = pytest.mark.usefixtures("portal")


def page(people: People, view: str, query: str = "", role: Role = Role.OPERATOR, **where: object) -> str:
    response = people.client(role).get(reverse(f"gateway:{view}", kwargs=where) + query)
    assert response.status_code == 200, response.content.decode()
    return response.content.decode()


@pytest.fixture
def home(portal: Home) -> Home:
    give_gateway(portal)
    return portal


def test_without_a_gateway_the_pages_say_how_to_have_one(people: People) -> None:
    for name in ("index", "policy", "explain", "projects", "keys", "use", "receipts", "playground"):
        response = people.client(Role.OPERATOR).get(reverse(f"gateway:{name}"))
        assert response.status_code == 404
        assert "jazari gateway create" in response.content.decode()


def test_who_may_see_what(home: Home, people: People) -> None:
    publish()
    for name in ("index", "policy", "explain"):
        assert anonymous().get(reverse(f"gateway:{name}")).status_code == 302
        assert people.client(Role.DATA_STEWARD).get(reverse(f"gateway:{name}")).status_code == 403
        for role in (Role.MEMBER, Role.BOARD, Role.AUDITOR):
            page(people, name, role=role)
    assert "How it is doing" in page(people, "index", role=Role.AUDITOR)
    assert "How it is doing" not in page(people, "index", role=Role.MEMBER)


def test_routes_and_providers_with_what_their_cards_attest(home: Home, people: People) -> None:
    publish(first={"hosting": ["FR"], "keeps": 3, "trains_on_prompts": None})
    shown = page(people, "index")
    for words in ("stand-in", "Morocco", "France", "for 3 days", "whether it trains on them is not known", "1.5 Wh"):
        assert words in shown
    assert "No gateway answers" in shown
    assert "not known" in shown
    assert "answers calls" not in shown
    one = page(people, "provider", name="first")
    assert "rabat/provider/first@1" in one
    assert "whether it trains on prompts is unknown" in one
    assert people.client(Role.MEMBER).get("/gateway/providers/nobody/").status_code == 404


def test_without_records_nothing_is_allowed_and_the_page_says_why(home: Home, people: People) -> None:
    shown = page(people, "index")
    assert "rabat/provider/first@1 is not in the catalogue" in shown
    assert "none: the policy allows no provider of it" in shown
    assert "no residency policy" in page(people, "policy")


def test_a_hostile_provider_is_shown_and_never_run(home: Home, people: People) -> None:
    publish(
        first={"title": {"fr": HOSTILE_CARD}, "operator": {"name": HOSTILE_CARD, "jurisdiction": "MA"}},
    )
    for shown in (page(people, "index"), page(people, "provider", name="first")):
        assert HOSTILE_CARD not in shown
        assert "x&quot; onfocus=" in shown


def test_the_explanation_is_that_of_the_command(home: Home, people: People) -> None:
    publish(second={"operator": {"name": "Elsewhere", "jurisdiction": "US"}})
    shown = page(people, "explain", "?route=chat&data_class=internal")
    assert "A call goes to first first." in shown
    assert "its operator is under the law of US" in shown
    assert "They go nowhere by this route." in page(people, "explain", "?route=chat&data_class=secret")
    for query in ("?route=nowhere&data_class=public", "?route=chat&data_class=top"):
        assert people.client(Role.MEMBER).get(reverse("gateway:explain") + query).status_code == 400


def test_why_the_policy_refuses_is_in_the_language_of_the_reader(home: Home, people: People) -> None:
    publish(first={"hosting": ["FR"], "keeps": 3, "trains_on_prompts": None})
    asked = f"{reverse('gateway:explain')}?route=chat&data_class=secret"
    shown = people.client(Role.MEMBER, language="fr").get(asked).content.decode()
    assert "La politique n’a pas de règle pour de telles données" in shown
    assert '<span lang="en" dir="ltr">The policy has no rule for secret data' in shown


def test_the_running_gateway_tells_how_it_is_doing(portal: Home, people: People) -> None:
    text = toml({"first": "http://127.0.0.1:9/v1", "second": "http://127.0.0.1:9/v1"})
    with GatewayUnderTest(portal.path / "gateway", text) as gateway:
        give_gateway(portal, f"port = {gateway.port}\n{text}")
        publish()
        shown = page(people, "index")
        assert "answers calls" in shown
        assert "left alone" not in shown
        for _ in range(20):
            given = gateway.live.providers["first"].breaker.start(1e9)
            if given is not None:
                gateway.live.providers["first"].breaker.failed(given, 1e9, None)
        assert "left alone" in page(people, "index")


def test_bad_settings_are_a_sentence_and_no_traceback(portal: Home, people: People) -> None:
    give_gateway(portal, "port = 'none'\n")
    response = people.client(Role.MEMBER).get(reverse("gateway:index"))
    assert response.status_code == 400
    assert "gateway.bad-configuration" in response.content.decode()


def test_the_table_of_a_policy_says_for_every_country_what_the_rules_say() -> None:
    card = residency_of(
        build.record(
            "residency",
            build.residency_card(
                build.rule("public", operators=["any"], hosting=["any"]),
                build.rule("internal", operators=["MA"], hosting=["MA", "FR"]),
                build.rule("internal", operators=["FR"], hosting=["FR"]),
            ),
        ),
        "rabat",
    ).card
    public, internal, _personal, secret = tables_of(card, ["SN"])
    assert internal.hosting == ("FR", "MA", "SN", OTHER)
    allowed = {(law, cell.hosting): cell.rules for law, cells in internal.rows for cell in cells if cell.allowed}
    assert allowed == {("FR", "FR"): (3,), ("MA", "FR"): (2,), ("MA", "MA"): (2,)}
    assert all(cell.allowed for _law, cells in public.rows for cell in cells)
    assert not secret.has_rules
    assert secret.data_class is DataClass.SECRET
