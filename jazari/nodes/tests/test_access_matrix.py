"""Every path of the portal, asked for by a stranger and by each role, with and without a second factor; every operation
of the API also with tokens.

What a page says about itself (``access_of``) must be what happens. Pages that are added are found by themselves; a new
word between ``<`` and ``>`` in a path needs a line in ``ARGUMENTS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, include, path, reverse
from django.urls.resolvers import RoutePattern
from ninja import Router

from jazari.accounts import tokens
from jazari.accounts.access import Access, Anyone, access_of, access_of_operation, operations_of, public
from jazari.accounts.api_access import ApiAccess, needs, nobody, token_behind
from jazari.accounts.rules import NEED_SECOND_FACTOR, READ, Permission, Role, allows, scopes_for
from jazari.nodes.public_api import PublicApi, api
from jazari.testing.pages import People, anonymous

pytestmark = pytest.mark.usefixtures("portal", "unlimited")

ARGUMENTS: dict[str, str] = {
    "number": "999999",
    "pk": "999999",
    "id": "999999",
    "secret": "no-such-secret",
    "provider_id": "nowhere",
    "uidb36": "zz",
    "key": "no-key",
    "slug": "nothing",
    "namespace": "nowhere",
    "institute": "nowhere",
    "alias": "nowhere",
    "key_id": "nothing",
    "file": "plot.svg",
    "call": "rc-0",
    "name": "nothing",
    "kind": "dataset",
    "version": "1",
    "reference": "nowhere/dataset/nothing@1",
    "digest": "0" * 64,
    "language": "fr",
}
"""What stands for each parameter: of the right form, and of nothing that exists."""

SIGN_IN_IS_OPEN_TO_ALL = frozenset({
    "account_login", "account_logout", "account_inactive", "account_signup", "account_email_verification_sent",
    "account_reset_password", "account_reset_password_from_key_done", "account_reset_password_from_key",
    "account_reset_password_done", "account_confirm_login_code", "mfa_authenticate", "mfa_login_webauthn", "mfa_trust",
    "socialaccount_login_cancelled", "socialaccount_login_error", "socialaccount_signup",
    "openid_connect_login", "openid_connect_callback",
    "configuration", "jwks", "token", "revoke", "device_code", "userinfo", "logout", "authorization",
})  # fmt: skip
"""allauth's pages for people who have not signed in yet; all its others must send strangers to sign-in."""


@dataclass(frozen=True)
class Place:
    """One path and its view."""

    address: str
    view: Callable[..., Any]
    name: str | None

    @property
    def is_allauths(self) -> bool:
        return str(getattr(getattr(self.view, "view_class", self.view), "__module__", "")).startswith("allauth.")


def places(patterns: Any = None, before: str = "/") -> Iterator[Place]:
    """Every pattern with its parameters filled in."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + address_of(pattern)
        if isinstance(pattern, URLResolver):
            yield from places(pattern.url_patterns, route)
        else:
            yield Place(route, pattern.callback, pattern.name)


def address_of(pattern: URLPattern | URLResolver) -> str:
    """A piece of an address that ``pattern`` matches; a clear failure for a parameter that nobody knows."""
    kind = pattern.pattern
    if isinstance(kind, RoutePattern):
        text = str(kind)
        for name, converter in kind.converters.items():
            assert name in ARGUMENTS, f"ARGUMENTS of {__file__} has no value for <{name}> of {text!r}: add one."
            converter.to_python(ARGUMENTS[name])
            start, rest = text.split("<", 1)
            text = start + ARGUMENTS[name] + rest.split(">", 1)[1]
        return text
    return address_of_regex(kind.regex.pattern, kind.regex.groupindex)


def address_of_regex(text: str, names: Any) -> str:
    """The same for the few expressions of allauth: groups filled in, anchors taken off."""
    for name in names:
        assert name in ARGUMENTS, f"ARGUMENTS of {__file__} has no value for {name!r} of {text!r}: add one."
        start, rest = text.split(f"(?P<{name}>", 1)
        text = start + ARGUMENTS[name] + rest.split(")", 1)[1]
    return text.removeprefix("^").removesuffix("$").removesuffix("\\Z")


def asks_for_sign_in(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(reverse("account_login"))


def asks_for_second_factor(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(reverse("accounts:second-factor"))


def is_refused(answer: Any) -> bool:
    """By who asks; what a page itself refuses, as on a node of no network, has a page of its own."""
    of_the_page = "federation/refusal.html" in [part.name for part in answer.templates]
    return answer.status_code == 403 and not of_the_page and not answer["Content-Type"].startswith("text/plain")


def is_open(answer: Any) -> bool:
    return not (asks_for_sign_in(answer) or asks_for_second_factor(answer) or is_refused(answer)) and (
        answer.status_code < 500 or answer.status_code in (502, 503)
    )


def expected(access: Access, roles: frozenset[Role] | None, *, second_factor: bool) -> Callable[[Any], bool]:
    """What must happen to a stranger (no roles) or to somebody with these roles."""
    if access is Anyone.PUBLIC:
        return is_open
    if roles is None:
        return asks_for_sign_in
    if isinstance(access, Permission):
        if not allows(access, roles):
            return is_refused
        if access in NEED_SECOND_FACTOR and not second_factor:
            return asks_for_second_factor
    return is_open


@dataclass(frozen=True)
class Token:
    """An API token of somebody with one role."""

    name: str
    role: Role
    scopes: frozenset[str]
    second_factor: bool
    secret: str

    @classmethod
    def of(cls, people: People, role: Role, scopes: frozenset[str], second_factor: bool) -> Token:
        """A new one."""
        _row, secret = tokens.make(people.person(role), "tests", scopes, 7, second_factor=second_factor)
        factor = "with" if second_factor else "without"
        return cls(f"a token of {role} for {len(scopes)} {factor} second factor", role, scopes, second_factor, secret)

    def must(self, access: Access) -> Callable[[Any], bool]:
        """What must happen to whoever shows it."""
        scope = access if isinstance(access, Permission) else READ
        if access is not Anyone.PUBLIC and scope not in self.scopes:
            return is_refused
        return expected(access, frozenset({self.role}), second_factor=self.second_factor)


def _kinds_of_token(role: Role) -> Iterator[tuple[frozenset[str], bool]]:
    whole = frozenset(scopes_for({role}))
    yield from ((whole, False), (whole, True), (frozenset({READ}), True))


class Visitors:
    """Clients by role; one that a page signed out is signed in again."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._clients: dict[tuple[Role, bool], Client] = {}
        self._tokens: list[Token] = []

    def all(self) -> Iterator[tuple[str, frozenset[Role] | None, bool, Client]]:
        yield "a stranger", None, False, anonymous()
        for role in Role:
            for second_factor in (False, True):
                name = f"{role} {'with' if second_factor else 'without'} second factor"
                yield name, frozenset({role}), second_factor, self._client(role, second_factor=second_factor)

    def tokens(self) -> list[Token]:
        """Of each role: one with all scopes, with and without a second factor, and one that only reads."""
        if not self._tokens:
            kinds = [(role, scopes, second) for role in Role for scopes, second in _kinds_of_token(role)]
            self._tokens = [Token.of(self._people, *kind) for kind in kinds]
        return self._tokens

    def _client(self, role: Role, *, second_factor: bool) -> Client:
        client = self._clients.get((role, second_factor))
        if client is None or not client.session.get("_auth_user_id"):
            client = self._clients[role, second_factor] = self._people.client(role, second_factor=second_factor)
        return client


def problems(found: Iterator[Place], people: People) -> list[str]:
    """Every place where something else happens than the page says."""
    wrong, visitors = [], Visitors(people)
    for place in found:
        if operations_of(place.view):
            wrong += problems_of_api(place, visitors)
            continue
        access = access_of(place.view)
        if access is None:
            wrong.append(f"{place.address} does not say who may open it")
            continue
        if place.is_allauths:
            wrong += problems_of_sign_in(place, people)
            continue
        for name, roles, second_factor, client in visitors.all():
            must = expected(access, roles, second_factor=second_factor)
            for method in methods(must):
                answer = client.generic(method, place.address)
                if not must(answer):
                    wrong.append(
                        f"{method} {place.address} ({access}) to {name}: {answer.status_code}, not {must.__name__}"
                    )
    return wrong


def methods(must: Callable[[Any], bool]) -> tuple[str, ...]:
    """Whoever is kept out is kept out by all methods; whoever gets in only reads: nothing is to be changed here."""
    return ("GET",) if must is is_open else ("GET", "POST", "OPTIONS")


def problems_of_sign_in(place: Place, people: People) -> list[str]:
    """allauth decides by itself: strangers get in only where signing in needs it, and nothing breaks."""
    wrong = []
    for client in (anonymous(), people.client(Role.MEMBER)):
        answer = client.get(place.address)
        stranger = not client.session.get("_auth_user_id")
        kept_out = asks_for_sign_in(answer) or answer.status_code in (301, 404, 405)
        if answer.status_code >= 500 or (stranger and not kept_out and place.name not in SIGN_IN_IS_OPEN_TO_ALL):
            who = "a stranger" if stranger else "a member"
            wrong.append(f"{place.address} ({place.name}, allauth's) to {who}: {answer.status_code}")
    return wrong


def problems_of_api(place: Place, visitors: Visitors) -> list[str]:
    """The same for operations of the JSON API: 401 to strangers, 403 without the role or the second factor."""
    wrong = []
    for operation in operations_of(place.view):
        access = access_of_operation(operation)
        if access is None:
            wrong.append(f"{place.address} has an operation that does not say who may call it")
            continue
        for name, roles, second_factor, client in visitors.all():
            must = expected(access, roles, second_factor=second_factor)
            wrong += problems_of_call(place, operation, must, client, f"({access}) to {name}")
        for token in visitors.tokens():
            client = Client(headers={"authorization": f"Bearer {token.secret}"})
            wrong += problems_of_call(place, operation, token.must(access), client, f"({access}) to {token.name}")
    return wrong


def problems_of_call(
    place: Place, operation: Any, must: Callable[[Any], bool], client: Client, of: str
) -> Iterator[str]:
    """What happens otherwise than it ``must`` to a client of the API."""
    wanted = "" if must is is_open else "api.sign-in" if must is asks_for_sign_in else "api.not-allowed"
    for method in sorted(operation.methods):
        if must is is_open and method != "GET":
            continue
        answer = client.generic(method, place.address, "{}", "application/json")
        if kept_out_by(answer) != wanted or answer.status_code in (429, 500):
            yield f"{method} {place.address} {of}: {answer.status_code}"


def kept_out_by(answer: Any) -> str:
    """The code of the error where it is the API that keeps somebody out; a slice's own refusals do not count."""
    code = answer.json().get("error", {}).get("code", "") if answer.status_code in (401, 403) else ""
    return code if code in ("api.sign-in", "api.not-allowed") else ""


@pytest.mark.slow
def test_every_page_opens_to_those_whom_it_names_and_to_nobody_else(people: People, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = False
    settings.MFA_RATE_LIMITS = False
    assert problems(places(), people) == []


def silent(request: HttpRequest) -> HttpResponse:
    return HttpResponse("everybody sees this")


@public
def talkative(request: HttpRequest) -> HttpResponse:
    return HttpResponse("everybody may see this")


def lying(request: HttpRequest) -> HttpResponse:
    return HttpResponse("for stewards")


def test_a_page_that_says_nothing_is_found_and_is_shown_to_nobody(people: People) -> None:
    assert problems(places([path("silent", silent)]), people) == ["/silent does not say who may open it"]


def test_the_check_itself_finds_a_page_that_is_open_though_it_says_otherwise(people: People, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("AccessMiddleware")]
    lying.access = Permission.DECIDE_STUDIES  # type: ignore[attr-defined]
    found = problems(places([path("lying", lying)]), people)
    assert any("GET /lying (decide-studies) to a stranger: 200" in line for line in found)
    assert any("to member with second factor: 200" in line for line in found)
    assert problems(places([path("talkative", talkative)]), people) == []


def api_of(router: Router, name: str) -> list[Any]:
    made = PublicApi(docs_url=None, urls_namespace=name, auth=nobody)
    made.add_router("", router)
    return list(made.urls[0])


AUDITORS = (Role.AUDITOR, Role.BOARD)


def by_any_token(access: ApiAccess, request: HttpRequest) -> Any:
    """An ``ApiAccess`` that forgets to look at the scopes of tokens."""
    token = token_behind(request)
    if token is None:
        return None
    request.user = token.person
    return access._admit(request, second_factor=token.second_factor)


def test_the_check_finds_operations_of_the_api_that_are_not_guarded(people: People, settings: Any) -> None:
    router, lax = Router(), needs(Permission.READ_AUDIT)
    lax.__class__ = type("Lax", (ApiAccess,), {"__call__": lambda self, request: True})
    router.get("forgotten", auth=None)(lambda request: {"secret": "told"})
    router.get("unsaid")(lambda request: {"secret": "told"})
    router.get("lax", auth=lax)(lambda request: {"secret": "told"})
    unscoped = needs(Permission.READ_AUDIT)
    unscoped.__class__ = type("Unscoped", (ApiAccess,), {"_by_token": by_any_token})
    router.get("unscoped", auth=unscoped)(lambda request: {"secret": "told"})
    router.get("kept", auth=needs(Permission.READ_AUDIT))(lambda request: {"secret": "told"})
    settings.ROOT_URLCONF = urls = ModuleType("urls")
    urls.urlpatterns = [*api_of(router, "planted"), path("", include("jazari.nodes.portal_urls"))]  # type: ignore[attr-defined]
    found = problems(places(urls.urlpatterns[:-1]), people)
    assert "/forgotten has an operation that does not say who may call it" in found
    assert "/unsaid has an operation that does not say who may call it" in found
    assert "GET /lax (read-audit) to a stranger: 200" in found
    assert "GET /lax (read-audit) to member with second factor: 200" in found
    narrow = {f"GET /unscoped (read-audit) to a token of {role} for 1 with second factor: 200" for role in AUDITORS}
    assert {line for line in found if "/unscoped" in line} == narrow
    assert not [line for line in found if "/kept" in line]


def test_every_operation_of_the_api_is_among_the_places() -> None:
    checked = {place.address for place in places() if operations_of(place.view)}
    described = {address_of_description(route) for route in api.get_openapi_schema()["paths"]}
    assert described <= checked
    assert len(described) > 20


def address_of_description(route: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: ARGUMENTS[found[1]], route)


def test_a_parameter_that_nobody_knows_is_a_clear_failure() -> None:
    with pytest.raises(AssertionError, match="has no value for <planet>"):
        list(places([path("on/<str:planet>/", talkative)]))


urlpatterns = [path("lying", lying), path("talkative", talkative), path("", include("jazari.nodes.portal_urls"))]
