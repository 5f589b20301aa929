"""Fixtures for tests of pages: a home, the portal's settings, people with roles, and a browser without a screen.

pytestmark = pytest.mark.usefixtures("portal")

def test_inbox(portal: Home, people: People) -> None:
    response = people.client(Role.DATA_STEWARD).get("/studies/inbox/")
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from jazari.accounts import api_limits
from jazari.accounts.api_limits import limits
from jazari.accounts.buckets import Buckets
from jazari.accounts.models import Person, RoleGrant
from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.settings.home import Home, NodeConfig

PASSWORD = "a long pass-phrase of tests"


class People:
    """Makes people of this node and clients that are signed in as them."""

    def person(self, *roles: Role, email: str = "", name: str = "") -> Person:
        """A person with a verified address who holds ``roles``; the same again for the same address."""
        from allauth.account.models import EmailAddress

        address = email or f"{'-'.join(sorted(roles)) or 'nobody'}@example.org"
        person = Person.objects.filter(email=address).first()
        if person is None:
            person = Person.objects.create_person(address, PASSWORD, name=name)
            EmailAddress.objects.create(user=person, email=address, verified=True, primary=True)
            for role in roles:
                RoleGrant.objects.create(person=person, role=role, given_by="tests", given=clock.now())
        return person

    def client(self, *roles: Role, second_factor: bool = True, language: str = "en", **options: Any) -> Client:
        """A client signed in as somebody with ``roles``; ``second_factor``: as if by a passkey."""
        client = anonymous(language, **options)
        person = self.person(*roles)
        client.force_login(person)
        if second_factor:
            session = client.session
            session["account_authentication_methods_user"] = str(person.pk)
            session["account_authentication_methods"] = [
                {"method": "mfa", "at": clock.now().timestamp(), "type": "webauthn"}
            ]
            session.save()
        return client


def anonymous(language: str = "en", **options: Any) -> Client:
    """A client that nobody has signed in with."""
    return Client(headers={"accept-language": language}, **options)


@pytest.fixture
def portal(tmp_path: Path, settings: Any, db: None) -> Home:  # noqa: ARG001  tables
    """An institute's home, with the portal's addresses and middleware in force."""
    return portal_home(tmp_path, settings)


@pytest.fixture
def portal_on_any_database(tmp_path: Path, settings: Any, any_database: object) -> Home:  # noqa: ARG001
    """The same, on each kind of database in turn."""
    return portal_home(tmp_path, settings)


def portal_home(folder: Path, settings: Any) -> Home:
    """What ``portal`` gives, for tests with tables of their own; ``settings``: pytest-django's."""
    from jazari.settings import pages

    home = Home.create(
        folder / "home",
        NodeConfig(role="institute", namespace="rabat", region="MA-04", titles={"fr": "Institut de Rabat"}),
    )
    cache.clear()  # rate limits of the test before
    limits.cache_clear()
    settings.HOME = home
    settings.ROOT_URLCONF = pages.ROOT_URLCONF
    settings.MIDDLEWARE = pages.MIDDLEWARE
    return home


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of calls of the public API."""
    buckets = Buckets(1e9, 10**9, 1000, itertools.count().__next__)
    boundless = api_limits.Limits(buckets, buckets, buckets)
    monkeypatch.setattr(api_limits, "limits", lambda _per_minute: boundless)


@pytest.fixture
def people() -> People:
    """People of the node of ``portal``."""
    return People()
