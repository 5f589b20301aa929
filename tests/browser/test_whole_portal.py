"""Comes last: no page of the portal was left out by the tests before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLResolver, get_resolver

from tests.browser.looking import LANGUAGES, looked_at

CHANGES = frozenset({
    "portal:language", "accounts:sign-out-everywhere", "accounts:revoke-token", "accounts:notices-read",
    "accounts:notices-by-mail", "accounts:resend-invitation", "accounts:revoke-invitation",
    "accounts:give-role", "accounts:take-role", "accounts:deactivate", "accounts:activate",
    "studies:check", "studies:start", "studies:cancel", "studies:discard", "gateway:project-grant",
    "mfa_login_webauthn",
    "idp:oidc:token", "idp:oidc:revoke", "idp:oidc:device_code", "idp:oidc:logout",
})  # fmt: skip
"""Posted to, and answered by sending people to one of the pages."""

DOCUMENTS = frozenset({
    "catalog:record", "catalog:croissant", "catalog:bibtex", "studies:stream", "studies:download",
    "governance:export", "governance:table", "gateway:use-table", "gateway:receipt-document", "gateway:drill-file",
    "gateway:playground-stream", "mfa_download_recovery_codes", "idp:oidc:configuration", "idp:oidc:jwks",
    "idp:oidc:userinfo",
})  # fmt: skip
"""Read by programs, or kept as files."""

OTHERWISE = frozenset({
    "catalog:latest",  # sends to the card of the latest version
    "openid_connect_login", "openid_connect_callback", "idp:oidc:authorization",  # paths of our own come before them
    "jazari.accounts.identity_pages.returned",  # sends to the page that was asked for before signing in
    "idp:oidc:device_authorization", "jazari.accounts.identity_pages.nothing_here",  # devices without a browser
    "account_set_password", "socialaccount_signup",  # send elsewhere whoever has what they ask for, as people here do
    "account_confirm_login_code", "account_request_reauthentication_code",
    "account_confirm_reauthentication_code",  # a code from a letter opens nothing here
})  # fmt: skip
NOT_LOOKED_AT = CHANGES | DOCUMENTS | OTHERWISE
IN_THE_DEFAULT_TESTS = "test_smoke.py"


def views() -> set[str]:
    """The names of all views of pages."""
    return {name for name, route in all_views() if not route.startswith("api/")}


def test_what_is_not_looked_at_is_a_view():
    assert views() > NOT_LOOKED_AT


@pytest.mark.browser
@pytest.mark.usefixtures("browser")  # so that this runs in the process of the other tests with a browser, and last
def test_every_page_was_looked_at_in_every_language(request: pytest.FixtureRequest):
    running = {item.path.name for item in request.session.items if item.get_closest_marker("browser")}
    if running != {path.name for path in Path(__file__).parent.glob("test_*.py")} - {IN_THE_DEFAULT_TESTS}:
        pytest.skip("only some of the browser tests run: what they leave out is no fault")
    for language in LANGUAGES:
        assert views() - looked_at[language] == NOT_LOOKED_AT, language


def all_views(patterns: Any = None, before: str = "", namespace: str = "") -> Iterator[tuple[str, str]]:
    """The name and the route of each view."""
    for pattern in get_resolver("jazari.nodes.portal_urls").url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            within = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from all_views(pattern.url_patterns, route, within)
        else:
            yield namespace + (pattern.name or pattern.lookup_str), route
