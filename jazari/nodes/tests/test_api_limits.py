"""How often the public API may be called: who has shown who they are counts by that, everybody else by address."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jazari.accounts import api_limits, tokens
from jazari.accounts.api_limits import Limits
from jazari.accounts.buckets import Buckets
from jazari.accounts.rules import Role
from jazari.portal.tests.test_serving import Site
from jazari.settings.errors import BadSetting
from jazari.settings.home import Home, NodeConfig
from jazari.testing.pages import People, anonymous

pytestmark = pytest.mark.usefixtures("portal")
ELSEWHERE = "192.0.2.7"
ADDRESS, UNPROVEN, OWN = 3, 4, 5
"""How many calls at once each count lets pass here; one more every 2 s."""


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still; and small limits."""
    told = [0.0]
    counts = [Buckets(0.5, most, 1000, lambda: told[0]) for most in (ADDRESS, UNPROVEN, OWN)]
    limits = Limits(*counts)
    monkeypatch.setattr(api_limits, "limits", lambda _per_minute: limits)
    return told


@pytest.fixture
def secrets(people: People) -> list[str]:
    """Secrets of two people."""
    two = (people.person(Role.AUDITOR), people.person(Role.MEMBER))
    return [tokens.make(person, "tests", ["read"], 7, second_factor=False)[1] for person in two]


def asked(
    times: int, secret: str = "", path: str = "node", address: str = "127.0.0.1", client: Any = None
) -> list[int]:
    """The statuses of so many calls."""
    caller = client or Client(REMOTE_ADDR=address)
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    return [caller.get(f"/api/v1/{path}", headers=headers).status_code for _ in range(times)]


def test_who_asks_too_often_waits_and_nobody_else_does(now: list[float]) -> None:
    assert asked(ADDRESS + 1) == [200] * ADDRESS + [429]
    refused = anonymous().get("/api/v1/node")
    assert refused["Retry-After"] == "2"
    assert refused.json()["error"]["code"] == "api.too-many"
    assert "Retry-After" in refused.json()["error"]["message"]
    assert asked(1, address=ELSEWHERE) == [200]
    now[0] = 2.0
    assert asked(2) == [200, 429]


@pytest.mark.parametrize("path", ["openapi.json", "nothing", "catalogue"])
def test_every_address_of_the_api_counts(now: list[float], path: str) -> None:
    assert asked(ADDRESS + 1, path=path)[-1] == 429


def test_a_token_has_a_limit_of_its_own(now: list[float], secrets: list[str]) -> None:
    first, second = secrets
    assert asked(OWN + 1, first) == [200] * OWN + [429]
    refused = Client().get("/api/v1/node", headers={"authorization": f"Bearer {first}"})
    assert (refused["Retry-After"], refused.json()["error"]["code"]) == ("2", "api.too-many")
    assert asked(1, first, address=ELSEWHERE) == [429]
    assert asked(OWN, second) == [200] * OWN
    now[0] = 2.0
    assert asked(2, first) == [200, 429]


def test_people_with_tokens_do_not_exhaust_their_address_nor_the_reverse(now: list[float], secrets: list[str]) -> None:
    for secret in secrets:
        assert asked(OWN + 1, secret)[-1] == 429
    assert asked(ADDRESS + 1) == [200] * ADDRESS + [429]
    now[0] = 2.0 * OWN
    assert asked(ADDRESS + 1)[-1] == 429
    assert [asked(1, secret) for secret in secrets] == [[200], [200]]


def test_the_first_call_of_a_token_passes_where_strangers_have_exhausted_the_address(
    now: list[float], secrets: list[str]
) -> None:
    assert asked(ADDRESS + 1)[-1] == 429
    assert asked(1, secrets[0]) == [200]


def test_a_person_in_a_session_has_a_limit_of_their_own(now: list[float], people: People, secrets: list[str]) -> None:
    auditor, member = people.client(Role.AUDITOR), people.client(Role.MEMBER)
    assert asked(OWN + 1, client=auditor) == [200] * OWN + [429]
    assert asked(OWN, client=member) == [200] * OWN
    assert asked(OWN, secrets[0]) == [200] * OWN
    assert asked(ADDRESS) == [200] * ADDRESS


def test_a_session_that_is_over_counts_as_a_stranger(now: list[float], people: People) -> None:
    auditor = people.client(Role.AUDITOR)
    auditor.session.flush()
    assert asked(ADDRESS + 1, client=auditor) == [200] * ADDRESS + [429]
    assert asked(1) == [429]


def test_invented_secrets_count_against_their_address(now: list[float]) -> None:
    assert [asked(1, f"jzp_{number}")[0] for number in range(ADDRESS + 2)] == [401] * ADDRESS + [429] * 2
    assert asked(1) == [429]
    assert asked(1, address=ELSEWHERE) == [200]


def test_a_revoked_token_counts_against_its_address(now: list[float], people: People) -> None:
    person = people.person(Role.AUDITOR)
    token, secret = tokens.make(person, "tests", ["read"], 7, second_factor=False)
    assert asked(2, secret) == [200, 200]
    tokens.revoke(person, token.pk)
    assert asked(ADDRESS + 1, secret) == [401] * ADDRESS + [429]
    assert asked(1) == [429]


def test_invented_secrets_ask_the_database_only_so_often(now: list[float], secrets: list[str]) -> None:
    def questions(first: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as told:
            for number in range(first, first + 20):
                asked(1, f"jzp_{number}")
        return len([one for one in told if "accounts_apitoken" in one["sql"]])

    assert asked(1, secrets[0]) == [200]
    assert questions(0) == UNPROVEN
    assert questions(20) == 0
    now[0] = 2.0
    assert questions(40) == 1
    assert asked(1, secrets[0]) == [200], "one that was found good before is looked up all the same"


def test_a_token_over_its_limit_asks_the_database_nothing(now: list[float], secrets: list[str]) -> None:
    asked(OWN, secrets[0])
    with CaptureQueriesContext(connection) as told:
        assert asked(3, secrets[0]) == [429] * 3
    assert not told.captured_queries


def test_a_token_is_looked_up_once_for_each_call(now: list[float], secrets: list[str]) -> None:
    asked(1, secrets[0])
    with CaptureQueriesContext(connection) as told:
        assert asked(1, secrets[0]) == [200]
    assert len([one for one in told.captured_queries if "accounts_apitoken" in one["sql"]]) == 1


def test_behind_our_proxies_the_callers_address_counts_and_not_what_the_caller_says(
    now: list[float], settings: Any
) -> None:
    def through(said: str) -> int:
        return anonymous().get("/api/v1/node", headers={"x-forwarded-for": said}).status_code

    assert [through(f"192.0.2.{number}") for number in range(ADDRESS + 1)][-1] == 429
    settings.PORTAL_PROXIES = 2
    assert [through(f"10.0.0.{number}, 192.0.2.1, 198.51.100.9") for number in range(ADDRESS + 1)][-1] == 429
    assert through("192.0.2.2, 198.51.100.9") == 200


@pytest.mark.django_db(transaction=True)
def test_so_it_does_for_answers_that_are_kept_when_they_are_made(now: list[float], settings: Any) -> None:
    settings.PORTAL_PROXIES = 2
    settings.ALLOWED_HOSTS = ["portal.example.ma"]
    with asyncio.Runner() as runner:
        portal = Site(runner)

        def through(said: str, numbers: range) -> list[int]:
            asked = [f"/api/v1/node?number={number}" for number in numbers]
            return [portal.get(address, x_forwarded_for=said).status_code for address in asked]

        assert through("192.0.2.1, 198.51.100.9", range(ADDRESS + 1)) == [200] * ADDRESS + [429]
        assert through("192.0.2.2, 198.51.100.9", range(10, 10 + ADDRESS)) == [200] * ADDRESS
        assert through("192.0.2.1, 198.51.100.9", range(ADDRESS)) == [200] * ADDRESS, "what is kept costs nothing"


def test_the_node_says_how_often_a_token_may_call(settings: Any, secrets: list[str]) -> None:
    settings.PORTAL_REQUESTS_PER_MINUTE = 12
    assert asked(3, secrets[0]) == [200, 200, 429]
    assert asked(3) == [200] * 3


@pytest.mark.parametrize("number", [0, -1, 1_000_001, True, "600"])
def test_a_limit_that_makes_no_sense_is_refused(number: Any) -> None:
    with pytest.raises(BadSetting, match="portal_requests_per_minute"):
        NodeConfig(role="institute", namespace="rabat", portal_requests_per_minute=number)


def test_the_default_is_written_in_one_place(portal: Home) -> None:
    from jazari.settings import pages

    assert portal.config.portal_requests_per_minute == pages.PORTAL_REQUESTS_PER_MINUTE
