"""People of other nodes: what another node can claim, and what it gets by it. And once for real, with two portals."""

from __future__ import annotations

import contextlib
import html
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.socialaccount.internal.flows.login import complete_login
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse

from jazari.accounts import operations, providers, queries
from jazari.accounts.errors import BadClient, BadProvider, RoleRefused
from jazari.accounts.federated import SocialAccountAdapter
from jazari.accounts.guarded_http import GuardedSession
from jazari.accounts.identity import signing_key
from jazari.accounts.models import Person
from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.core.files import is_private
from jazari.settings.home import Home, NodeConfig
from jazari.testing.commands import Commands
from jazari.testing.pages import PASSWORD, People, anonymous

ISSUER = "https://dakhla.example"


@pytest.fixture
def dakhla(portal: Home) -> Home:
    providers.add_provider("dakhla", ISSUER, "client", "secret", "rabat")
    return portal


def arrive(claims: dict[str, Any], *, process: str = "login", **token: Any) -> Any:
    """What happens after the node ``dakhla`` told ``claims`` about somebody; allauth's own steps from there on."""
    from allauth.core.context import request_context

    request = RequestFactory().get("/account/oidc/dakhla/login/callback/")
    SessionMiddleware(lambda _request: None).process_request(request)  # type: ignore[arg-type,return-value]
    MessageMiddleware(lambda _request: None).process_request(request)  # type: ignore[arg-type,return-value]
    request.user = AnonymousUser()
    with request_context(request):
        provider = SocialAccountAdapter(request).get_provider(request, "dakhla")
        login = provider.sociallogin_from_response(request, {"userinfo": claims, "id_token": {**claims, **token}})
        login.state = {"process": process}
        response = complete_login(request, login)
    return request, response


def test_a_guest_is_a_member_known_by_issuer_and_subject(dakhla: Home) -> None:
    request, _response = arrive({"sub": "7", "name": "Salma"})
    person = request.user
    assert (person.name, person.home_issuer, person.email) == ("Salma", ISSUER, None)
    assert queries.roles_of(person) == {Role.MEMBER}
    assert arrive({"sub": "7", "name": "Another name"})[0].user == person
    assert arrive({"sub": "8", "name": "Salma"})[0].user != person


@pytest.mark.parametrize("verified", [True, False, "true"])
def test_a_node_that_claims_the_address_of_somebody_gets_nothing_by_it(
    dakhla: Home, people: People, verified: object
) -> None:
    victim = people.person(Role.OPERATOR, email="victim@example.org")
    request, _response = arrive({"sub": "7", "email": "victim@example.org", "email_verified": verified})
    assert request.user != victim
    assert queries.roles_of(request.user) == {Role.MEMBER}
    assert list(EmailAddress.objects.values_list("user", flat=True)) == [victim.pk]
    assert mail.outbox == []


def test_a_claimed_address_stays_free_for_its_owner(dakhla: Home) -> None:
    arrive({"sub": "7", "email": "minister@example.org", "email_verified": True})
    assert not EmailAddress.objects.exists()
    anonymous().post(
        reverse("account_signup"), {"email": "minister@example.org", "password1": PASSWORD, "password2": PASSWORD}
    )
    assert Person.objects.get(email="minister@example.org").home_issuer == ""


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.BOARD])
def test_a_guest_is_never_operator_or_board(dakhla: Home, role: Role) -> None:
    guest = arrive({"sub": "7", "roles": ["operator"], "groups": ["board"]})[0].user
    with pytest.raises(RoleRefused):
        operations.give_role(guest, role, "x")
    operations.give_role(guest, Role.RESEARCHER, "x")
    assert queries.roles_of(guest) == {Role.MEMBER, Role.RESEARCHER}


def browser_of(request: Any) -> Client:
    """A browser in the session that ``arrive`` opened."""
    request.session.save()
    client = anonymous()
    client.cookies[settings.SESSION_COOKIE_NAME] = request.session.session_key
    return client


def test_a_guest_adds_a_second_factor_and_is_asked_for_it_where_one_is_needed(dakhla: Home) -> None:
    request, _response = arrive({"sub": "7"})
    operations.give_role(request.user, Role.DATA_STEWARD, "x")
    browser, activation = browser_of(request), reverse("mfa_activate_totp")
    assert browser.get(reverse("studies:inbox"))["Location"].startswith(reverse("accounts:second-factor"))
    assert browser.get(activation).status_code == 200
    assert browser.post(activation, {"code": code_of(browser.session["mfa.totp.secret"])}).status_code == 302
    assert reverse("mfa_reauthenticate") in browser.get(reverse("studies:inbox"), follow=True).content.decode()


def test_a_guest_who_came_a_while_ago_signs_in_again_at_the_own_node_first(dakhla: Home) -> None:
    browser = browser_of(arrive({"sub": "7"})[0])
    with clock.frozen(clock.now() + timedelta(minutes=6)):
        answer = browser.get(reverse("mfa_activate_totp"))
    assert answer["Location"] == f"/account/oidc/dakhla/login/?next={quote(reverse('mfa_activate_totp'), safe='')}"


def test_a_guest_with_a_second_factor_is_asked_for_it(dakhla: Home) -> None:
    browser, activation = browser_of(arrive({"sub": "7"})[0]), reverse("mfa_activate_totp")
    browser.get(activation)
    browser.post(activation, {"code": code_of(browser.session["mfa.totp.secret"])})
    again = browser_of(arrive({"sub": "7"})[0])
    assert again.get(reverse("mfa_deactivate_totp"))["Location"].startswith(reverse("account_login"))


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_two_documents_about_two_subjects_and_linking_are_refused(dakhla: Home) -> None:
    for answer in (arrive({"sub": "7"}, sub="8"), arrive({"sub": "7"}, process="connect")):
        assert answer[1].status_code == 403
        assert not answer[0].user.is_authenticated
    assert not Person.objects.exists()


def test_a_name_never_passes_to_another_node(dakhla: Home) -> None:
    arrive({"sub": "7"})
    with pytest.raises(BadProvider):
        providers.add_provider("dakhla", "https://other.example", "client", "secret", "rabat")
    providers.remove_provider("dakhla", "rabat")
    with pytest.raises(BadProvider):
        providers.add_provider("dakhla", "https://other.example", "client", "secret", "rabat")
    providers.add_provider("dakhla", ISSUER, "client", "secret", "rabat")
    with pytest.raises(BadProvider):
        providers.add_provider("oujda", ISSUER, "client", "secret", "rabat")
    Person.objects.update(home_issuer="https://other.example")
    assert arrive({"sub": "7"})[1].status_code == 403


def test_secrets_lie_in_private_files_or_as_hashes(dakhla: Home) -> None:
    from allauth.idp.oidc.models import Client
    from allauth.socialaccount.models import SocialApp

    assert is_private(dakhla.keys / "provider-dakhla.secret")
    assert SocialApp.objects.get().secret == ""
    _client_id, secret = providers.add_client("root", "https://root.example", "rabat")
    client = Client.objects.get()
    assert secret not in client.secret
    assert client.get_redirect_uris() == ["https://root.example/account/oidc/rabat/login/callback/"]
    assert not client.allow_uri_wildcards
    signing_key(dakhla)
    assert is_private(dakhla.keys / "identity.pem")


@pytest.mark.parametrize(
    "url",
    [
        "http://dakhla.example",
        "https://",
        "https://a/b",
        "ftp://a",
        "https://u:p@a",
        "https://a:x",
        "https://a?b",
        "a",
        "",
    ],
)
def test_other_portals_are_reached_over_tls(portal: Home, url: str) -> None:
    with pytest.raises(BadProvider):
        providers.add_provider("dakhla", url, "client", "secret", "rabat")
    with pytest.raises(BadClient):
        providers.add_client("dakhla", url, "rabat")


def test_only_registered_portals_are_called(dakhla: Home) -> None:
    session = GuardedSession(providers.origins())
    for url in ("https://elsewhere.example/", "http://127.0.0.1:1/", "https://dakhla.example.evil.example/"):
        with pytest.raises(requests.exceptions.InvalidURL):
            session.get(url)


def test_a_request_without_pkce_is_refused(portal: Home, people: People) -> None:
    client_id, _secret = providers.add_client("root", "https://root.example", "rabat")
    query = {
        "client_id": client_id,
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": "https://root.example/account/oidc/rabat/login/callback/",
    }
    pkce = {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
    client = people.client(Role.MEMBER)
    path = reverse("idp:oidc:authorization")
    assert client.get(path, query).status_code == 400
    assert client.get(path, query | pkce | {"code_challenge_method": "plain"}).status_code == 400
    page = client.get(path, query | pkce)
    assert page.status_code == 200
    assert "form-action 'self' https://root.example;" in page["Content-Security-Policy"]
    elsewhere = client.get(path, query | pkce | {"redirect_uri": "https://root.example/other"})
    assert 'value="grant"' in page.content.decode()
    assert 'value="grant"' not in elsewhere.content.decode()
    assert "Location" not in elsewhere
    guest = Person.objects.create_person(None, home_issuer=ISSUER)
    client.force_login(guest)
    assert client.get(path, query | pkce).status_code == 403


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(home: Home) -> Iterator[str]:
    """The portal of ``home``, a process of its own; its origin."""
    log = home.path / "portal.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jazari.nodes.portal", str(home.path)], stdout=output, stderr=output
        )
    origin = f"http://localhost:{home.config.portal_port}"
    try:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(origin + "/", timeout=10)
                break
            time.sleep(0.2)
        assert process.poll() is None, log.read_text()
        yield origin
    finally:
        process.terminate()
        process.wait(20)


def node(path: Path, namespace: str, role: Any, region: str = "") -> Home:
    config = NodeConfig(
        role=role, namespace=namespace, region=region, portal_port=free_port(), root_url="https://localhost:1"
    )
    return Home.create(path, config)


def post(browser: httpx.Client, page: httpx.Response, fields: dict[str, str], path: str = "") -> httpx.Response:
    """Send a form of ``page`` as a browser would, with its hidden fields and its token."""
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    headers = {"origin": f"{page.url.scheme}://{page.url.netloc.decode()}", "referer": str(page.url)}
    hidden = {name: html.unescape(value) for name, value in hidden.items()}
    return browser.post(page.url.join(path) if path else page.url, data={**hidden, **fields}, headers=headers)


@pytest.mark.slow
def test_somebody_of_an_institute_signs_in_at_the_root_without_a_password_there(tmp_path: Path) -> None:
    institute, root = node(tmp_path / "i", "rabat", "institute", "MA-04"), node(tmp_path / "r", "national", "root")
    here, there = (Commands({"JAZARI_HOME": str(home.path)}) for home in (institute, root))
    link = here.run("people", "invite", "--role", "operator", "--name", "Amina", "amina@example.org")["link"]
    with running(institute) as at_home, running(root) as at_root:
        made = here.run("people", "client", "add", "root", "--origin", at_root)
        secret = tmp_path / "secret"
        secret.write_text(made["secret"])
        there.run(
            "people", "provider", "add", "rabat", "--issuer", at_home, "--client-id", made["client_id"],
            "--secret-file", str(secret),
        )  # fmt: skip
        with httpx.Client(follow_redirects=True, timeout=60) as browser:
            accepted = post(browser, browser.get(link), {"name": "Amina", "password": PASSWORD, "again": PASSWORD})
            assert accepted.url.path == "/account/login/"
            start = browser.get(f"{at_root}/account/oidc/rabat/login/")
            assert f"form-action 'self' {at_home};" in start.headers["content-security-policy"]
            sign_in = post(browser, start, {})
            assert str(sign_in.url).startswith(f"{at_home}/account/login/")
            consent = post(browser, sign_in, {"login": "amina@example.org", "password": PASSWORD})
            asked = parse_qs(urlsplit(str(consent.url)).query)
            assert asked["code_challenge_method"] == ["S256"]
            assert asked["scope"] in (["openid profile"], ["profile openid"])
            back = browser.post(
                f"{at_home}/identity/o/authorize",
                data={
                    **dict(re.findall(r'name="(csrfmiddlewaretoken|request)" value="([^"]*)"', consent.text)),
                    "scopes": ["openid", "profile"],
                    "action": "grant",
                },
                headers={"origin": at_home, "referer": str(consent.url)},
            )
            assert str(back.url).startswith(at_root), back.text
            mine = browser.get(f"{at_root}/account/")
            assert "Amina" in mine.text
            assert at_home in mine.text
    (person,) = there.run("people", "list")["people"]
    assert (person["home"], person["roles"], person["email"]) == (at_home, ["member"], "")
    assert there.refused("people", "grant", str(person["id"]), "operator").code == "accounts.role-refused"
    assert there.run("people", "grant", str(person["id"]), "researcher")["given"]
