"""A person's own account: profile, tokens, and what a token opens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory
from django.urls import reverse

from jazari.accounts import operations, queries, tokens
from jazari.accounts.access import Anyone
from jazari.accounts.api_access import ApiAccess
from jazari.accounts.errors import BadToken
from jazari.accounts.forms import SCOPE_NAMES
from jazari.accounts.models import ApiToken
from jazari.accounts.rules import READ, Permission, Role
from jazari.core import clock
from jazari.testing.pages import People

pytestmark = pytest.mark.usefixtures("portal")


def test_people_say_whether_they_are_shown_and_with_what_title(people: People) -> None:
    client = people.client(Role.RESEARCHER)
    fields = {"name": "Amina Alaoui", "language": "ar", "shown": "on", "public_title": "Hydrology"}
    assert client.post(reverse("accounts:mine"), fields).status_code == 302
    assert [(one.name, one.public_title) for one in queries.shown_people()] == [("Amina Alaoui", "Hydrology")]
    assert 'lang="ar"' in client.get("/", headers={"accept-language": ""}).content.decode()
    client.post(reverse("accounts:mine"), {"name": "Amina Alaoui"})
    assert not queries.shown_people()


def test_nobody_is_shown_without_a_name_and_long_texts_are_refused(people: People) -> None:
    client = people.client(Role.RESEARCHER)
    assert client.post(reverse("accounts:mine"), {"shown": "on"}).status_code == 400
    assert client.post(reverse("accounts:mine"), {"name": "x" * 200}).status_code == 400
    assert client.post(reverse("accounts:mine"), {"language": "xx"}).status_code == 400


def test_a_page_says_who_gave_a_role(people: People) -> None:
    operator = people.person(Role.OPERATOR, name="The operator")
    person = people.person(Role.MEMBER)
    operations.give_role(person, Role.TRAINER, operations.actor_of(operator))
    assert "The operator" in people.client(Role.MEMBER).get(reverse("accounts:mine")).content.decode()


def test_every_scope_is_named(people: People) -> None:
    assert SCOPE_NAMES.keys() == {READ, *map(str, Permission)}
    page = people.client(*Role, language="fr").get(reverse("accounts:tokens")).content.decode()
    assert "Lire le journal d’audit (read-audit)" in page


def test_a_token_is_shown_once_and_kept_as_a_hash(people: People) -> None:
    client = people.client(Role.RESEARCHER)
    made = client.post(reverse("accounts:tokens"), {"name": "Notebook", "days": 30, "scopes": ["read"]})
    secret = made.context["secret"]
    assert made.status_code == 201
    assert secret in made.content.decode()
    assert secret not in client.get(reverse("accounts:tokens")).content.decode()
    assert secret not in str(ApiToken.objects.values_list())
    person, scopes = queries.person_of_token(secret) or (None, None)
    assert (person, scopes) == (people.person(Role.RESEARCHER), {"read"})


@pytest.mark.parametrize(
    ("scopes", "days"), [(["manage-people"], 30), ([], 30), (["read"], 366), (["read"], 0), (["everything"], 1)]
)
def test_a_token_never_has_more_than_its_person_and_ends_within_a_year(
    people: People, scopes: list[str], days: int
) -> None:
    with pytest.raises(BadToken):
        tokens.make(people.person(Role.RESEARCHER), "x", scopes, days, second_factor=False)
    fields = {"name": "x", "days": days, "scopes": scopes}
    assert people.client(Role.RESEARCHER).post(reverse("accounts:tokens"), fields).status_code == 400


def test_a_token_ends_by_time_by_its_person_and_with_the_account(people: People) -> None:
    person = people.person(Role.RESEARCHER)
    made = [tokens.make(person, "x", ["read"], 30, second_factor=False) for _ in range(2)]
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert queries.person_of_token(made[0][1]) is None
    assert people.client(Role.MEMBER).post(reverse("accounts:revoke-token", args=(made[0][0].pk,))).status_code == 404
    people.client(Role.RESEARCHER).post(reverse("accounts:revoke-token", args=(made[0][0].pk,)))
    assert queries.person_of_token(made[0][1]) is None
    assert queries.person_of_token(made[1][1])
    operations.deactivate(person, "x")
    assert queries.person_of_token(made[1][1]) is None
    assert queries.person_of_token("x" * 100_000) is None


def call(access: Any, secret: str = "", *, method: str = "GET") -> Any:
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    request = RequestFactory(headers=headers).generic(method, "/api/x")
    from django.contrib.auth.models import AnonymousUser

    request.user, request.session = AnonymousUser(), {}  # type: ignore[assignment]
    return ApiAccess(access)(request)


def test_an_operation_of_the_api_asks_for_scope_role_and_second_factor(people: People) -> None:
    person = people.person(Role.RESEARCHER, Role.DATA_STEWARD)
    _token, reading = tokens.make(person, "x", ["read"], 30, second_factor=True)
    _token, working = tokens.make(person, "x", ["propose-studies", "decide-studies"], 30, second_factor=False)
    _token, deciding = tokens.make(person, "x", ["decide-studies"], 30, second_factor=True)
    assert call(Anyone.SIGNED_IN, reading) == person
    assert call(Permission.PROPOSE_STUDIES, working, method="POST") == person
    assert call(Permission.DECIDE_STUDIES, deciding, method="POST") == person
    for access, secret in (
        (Permission.PROPOSE_STUDIES, reading),
        (Anyone.SIGNED_IN, working),
        (Permission.DECIDE_STUDIES, working),
    ):
        with pytest.raises(PermissionDenied):
            call(access, secret)
    operations.take_role(person, Role.RESEARCHER, "x")
    with pytest.raises(PermissionDenied):
        call(Permission.PROPOSE_STUDIES, working)


def test_nobody_and_a_wrong_token_get_in_only_where_it_is_public() -> None:
    assert call(Anyone.PUBLIC)
    for access in (Anyone.SIGNED_IN, Permission.PROPOSE_STUDIES):
        assert call(access) is None
        assert call(access, "jzp_wrong") is None
    assert call(Anyone.PUBLIC, "jzp_wrong") is None
