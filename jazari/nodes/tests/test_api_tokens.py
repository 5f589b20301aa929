"""Tokens over HTTP: what a program may do for a person, and when it no longer may."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.accounts import operations, tokens
from jazari.accounts.models import ApiToken, Person
from jazari.accounts.rules import Role
from jazari.catalog.indexing import update_index
from jazari.catalog.tests.home import root_home
from jazari.catalog.tests.records import dataset_card
from jazari.core import clock
from jazari.federation.exchange import open_reader
from jazari.nodes.tests.live_portal import serving
from jazari.settings.home import Home, NodeConfig
from jazari.testing.pages import People
from jazari.trust.records import Draft

pytestmark = [pytest.mark.usefixtures("unlimited"), pytest.mark.django_db(transaction=True)]
AUDIT, KEYS = "audit/entries", "gateway/keys"


@pytest.fixture
def url(portal: Home, tmp_path: Path, settings: Any) -> Iterator[str]:
    """A Root with one data set, and its portal."""
    home, world = root_home(tmp_path / "network")
    world.publish("fes", Draft("dataset", "soil", dataset_card("Sols")))
    shutil.rmtree(home.repository)
    shutil.copytree(world.path / "root", home.repository)
    settings.HOME = home
    reader = open_reader(home)
    reader.refresh()
    update_index(reader)
    reader.logs.index.close()
    home.write(NodeConfig(**vars(home.config) | {"portal_port": 8656}))
    with serving(home) as url:
        yield f"{url}/api/v1/"


def get(address: str, secret: str = "") -> httpx.Response:
    return httpx.get(address, headers={"authorization": f"Bearer {secret}"} if secret else {})


def made(person: Person, *scopes: str) -> tuple[ApiToken, str]:
    return tokens.make(person, "tests", scopes, 7, second_factor=False)


def codes(answers: Iterable[httpx.Response]) -> list[tuple[int, str]]:
    return [(answer.status_code, answer.json().get("error", {}).get("code", "")) for answer in answers]


REFUSED, UNKNOWN = (403, "api.not-allowed"), (401, "api.sign-in")


def test_a_token_opens_what_its_scope_and_its_persons_roles_both_name(url: str, people: People) -> None:
    auditor = people.person(Role.AUDITOR)
    _token, whole = made(auditor, "read-audit")
    _token, narrow = made(auditor, "read")
    assert codes([get(url + AUDIT, whole), get(url + AUDIT, narrow), get(url + AUDIT)]) == [(200, ""), REFUSED, UNKNOWN]
    assert codes([get(url + KEYS, whole)]) == [REFUSED]
    assert codes([get(url + "node", secret) for secret in (whole, narrow)]) == [(200, ""), (200, "")]
    assert "scope" in get(url + AUDIT, narrow).json()["error"]["message"]
    operations.take_role(auditor, Role.AUDITOR, "tests")
    assert codes([get(url + AUDIT, whole)]) == [REFUSED]


def test_a_token_that_is_over_opens_nothing_not_even_what_everybody_reads(url: str, people: People) -> None:
    auditor = people.person(Role.AUDITOR)
    (revoked, first), (expired, second), (_other, third) = (made(auditor, "read-audit") for _ in range(3))
    assert codes(get(url + AUDIT, secret) for secret in (first, second, third)) == [(200, "")] * 3
    assert tokens.revoke(auditor, revoked.pk)
    ApiToken.objects.filter(pk=expired.pk).update(expires=clock.now() - timedelta(seconds=1))
    Person.objects.filter(pk=auditor.pk).update(is_active=False)
    secrets = (first, second, third, "jzp_invented", "x" * 5000)
    assert codes(get(url + AUDIT, secret) for secret in secrets) == [UNKNOWN] * 5
    assert codes(get(url + "node", secret) for secret in secrets) == [UNKNOWN] * 5


def test_what_a_token_read_is_kept_for_nobody(url: str, people: People) -> None:
    _token, secret = made(people.person(Role.AUDITOR), "read-audit")
    answer = get(url + AUDIT, secret)
    assert "private" in answer.headers["cache-control"]
    assert "Authorization" in answer.headers["vary"]
    assert get(url + AUDIT).status_code == 401
    tag = {"if-none-match": answer.headers["etag"]}
    assert httpx.get(url + AUDIT, headers=tag).status_code == 401
    assert httpx.get(url + AUDIT, headers=tag | {"authorization": "Bearer jzp_invented"}).status_code == 401


def test_a_verification_is_made_anew_each_time(url: str) -> None:
    address = f"{url}catalogue/fes/dataset/soil/1/"
    first, second = get(f"{address}verify"), get(f"{address}verify")
    assert first.json()["ok"] is True
    assert first.json()["as_of"] != second.json()["as_of"]
    for answer in (first, second):
        assert "no-store" in answer.headers["cache-control"]
        assert "etag" not in answer.headers
    assert "etag" in get(address.removesuffix("/")).headers
