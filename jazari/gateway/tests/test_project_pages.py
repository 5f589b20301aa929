"""Projects and keys as pages: who may change them, that a secret is shown once, and that every change is audited."""

from __future__ import annotations

import re

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from jazari.accounts.rules import Role
from jazari.gateway import operations, queries
from jazari.gateway.authorization import secret_digest
from jazari.gateway.models import Grant, Key, Project
from jazari.gateway.scopes import Scope
from jazari.gateway.tests.page_homes import HOSTILE, give_gateway, serve
from jazari.gateway.words import DataClass
from jazari.governance.models import AuditEntry
from jazari.settings.home import Home
from jazari.testing.pages import People, anonymous

pytestmark = pytest.mark.usefixtures("home")
KEY = {
    "name": "web", "routes": ["chat"], "highest": "internal", "requests_a_minute": 60, "tokens_a_minute": 1000,
    "streams": 2, "days": 30,
}  # fmt: skip
SECRET = re.compile(r"jz-[0-9a-f]+-[A-Za-z0-9_-]{43}")


@pytest.fixture
def home(portal: Home) -> Home:
    give_gateway(portal)
    return portal


@pytest.fixture
def key(home: Home) -> Key:
    operations.create_project("archives", "Archives of Rabat", "tests")
    return operations.create_key("archives", "web", Scope(["chat"], DataClass.INTERNAL), "tests").key


def changes(key: Key) -> list[str]:
    return [
        reverse("gateway:project-create"),
        reverse("gateway:project-grant", args=["archives"]),
        reverse("gateway:project-close", args=["archives"]),
        reverse("gateway:key-create", args=["archives"]),
        reverse("gateway:key-rotate", args=[key.id]),
        reverse("gateway:key-revoke", args=[key.id]),
    ]


def test_only_operators_with_a_second_factor_change_anything(key: Key, people: People) -> None:
    before = AuditEntry.objects.count()
    for address in changes(key):
        assert anonymous().post(address, KEY).status_code == 302
        for role in (Role.MEMBER, Role.AUDITOR, Role.BOARD, Role.DATA_STEWARD):
            assert people.client(role).post(address, KEY).status_code == 403
        answer = people.client(Role.OPERATOR, second_factor=False).post(address, KEY)
        assert answer["Location"].startswith(reverse("accounts:second-factor"))
        assert people.client(Role.OPERATOR, enforce_csrf_checks=True).post(address, KEY).status_code == 403
    assert AuditEntry.objects.count() == before
    assert (Project.objects.count(), Key.objects.count(), Grant.objects.count()) == (1, 1, 0)


def test_looking_changes_nothing(key: Key, people: People) -> None:
    before = AuditEntry.objects.count()
    for address in changes(key):
        assert people.client(Role.OPERATOR).get(address).status_code in (200, 405)
    assert AuditEntry.objects.count() == before


def test_auditors_read_and_see_no_buttons(key: Key, people: People) -> None:
    for address in ("/gateway/projects/", "/gateway/projects/archives/", "/gateway/keys/"):
        shown = people.client(Role.AUDITOR).get(address).content.decode()
        assert "archives" in shown
        assert "Make a" not in shown
        assert "Revoke<" not in shown
        assert people.client(Role.MEMBER).get(address).status_code == 403


def test_a_project_is_made_granted_credits_and_closed(home: Home, people: People) -> None:
    client, person = people.client(Role.OPERATOR), people.person(Role.OPERATOR)
    made = client.post("/gateway/projects/new/", {"name": "archives", "title": "Archives of Rabat"}, follow=True)
    assert "It has no credits yet" in made.content.decode()
    client.post("/gateway/projects/archives/grant/", {"amount": "1000.5", "note": "Budget of 2026"})
    serve(home, {"charge": 500_000})
    shown = client.get("/gateway/projects/archives/").content.decode()
    for words in ("1000.5", "Budget of 2026", "1000<", f"person:{person.pk}"):
        assert words in shown
    client.post("/gateway/projects/archives/close/")
    shown = client.get("/gateway/projects/archives/").content.decode()
    assert "none of its keys opens any more" in shown
    assert "Grant more credits" not in shown
    assert "archives" not in client.get("/gateway/projects/").content.decode()
    assert "archives" in client.get("/gateway/projects/?closed=1").content.decode()
    rows = AuditEntry.objects.exclude(kind="gateway.receipts-anchored").order_by("seq")
    assert [(row.kind, row.actor) for row in rows] == [
        (kind, f"person:{person.pk}")
        for kind in ("gateway.project-created", "gateway.credits-granted", "gateway.project-closed")
    ]


@pytest.mark.parametrize(
    ("address", "values", "status"),
    [
        ("/gateway/projects/new/", {"name": "Not Good", "title": "x"}, 400),
        ("/gateway/projects/new/", {"name": "archives", "title": "Again"}, 409),
        ("/gateway/projects/new/", {"name": "x" * 41, "title": "x"}, 400),
        ("/gateway/projects/new/", {"name": "other", "title": "two\nlines"}, 400),
        ("/gateway/projects/archives/grant/", {"amount": "-5"}, 400),
        ("/gateway/projects/archives/grant/", {"amount": "1e9"}, 400),
        ("/gateway/projects/archives/grant/", {"amount": "999999999999"}, 400),
        ("/gateway/projects/nobody/grant/", {"amount": "5"}, 404),
        ("/gateway/projects/archives/keys/new/", {**KEY, "routes": []}, 400),
        ("/gateway/projects/archives/keys/new/", {**KEY, "routes": ["elsewhere"]}, 400),
        ("/gateway/projects/archives/keys/new/", {**KEY, "days": 99999}, 400),
        ("/gateway/projects/archives/keys/new/", {**KEY, "highest": "top"}, 400),
        ("/gateway/projects/archives/keys/new/", {**KEY, "requests_a_minute": 10**30}, 400),
        ("/gateway/projects/archives/keys/new/", KEY, 409),
        ("/gateway/projects/nobody/keys/new/", KEY, 404),
        ("/gateway/keys/0000000000000000/revoke/", {}, 404),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    key: Key, people: People, address: str, values: dict[str, object], status: int
) -> None:
    before = AuditEntry.objects.count()
    answer = people.client(Role.OPERATOR).post(address, values)
    assert answer.status_code == status
    assert "Traceback" not in answer.content.decode()
    assert AuditEntry.objects.count() == before


def test_the_secret_of_a_new_key_is_on_that_page_alone(key: Key, people: People) -> None:
    client = people.client(Role.OPERATOR)
    answer = client.post("/gateway/projects/archives/keys/new/", KEY | {"name": "batch"})
    assert "no-store" in answer["Cache-Control"]
    (secret,) = set(SECRET.findall(answer.content.decode()))
    made = Key.objects.get(name="batch")
    assert made.digest == secret_digest(secret).hex()
    assert (made.routes, made.highest, made.streams) == (["chat"], "internal", 2)
    for address in ("/gateway/projects/archives/", "/gateway/keys/", "/gateway/projects/archives/keys/new/"):
        shown = client.get(address).content.decode()
        assert secret not in shown
    assert made.last_four in client.get("/gateway/keys/").content.decode()
    assert all(secret[10:] not in str(row.get_decoded()) for row in Session.objects.all())
    assert all(secret[10:] not in row.detail_text for row in AuditEntry.objects.all())
    assert all(secret[10:] not in cookie.value for cookie in client.cookies.values())


def test_a_key_is_replaced_with_overlap_and_revoked(key: Key, people: People) -> None:
    client, person = people.client(Role.OPERATOR), people.person(Role.OPERATOR)
    answer = client.post(f"/gateway/keys/{key.id}/rotate/", {"overlap_hours": 2})
    assert "no-store" in answer["Cache-Control"]
    assert SECRET.search(answer.content.decode())
    key.refresh_from_db()
    assert key.replaced_by is not None
    assert queries.state_of(key) == "overlap"
    assert client.post(f"/gateway/keys/{key.id}/rotate/", {"overlap_hours": 2}).status_code == 409
    assert client.post(f"/gateway/keys/{key.id}/rotate/", {"overlap_hours": 99999}).status_code == 400
    client.post(f"/gateway/keys/{key.id}/revoke/")
    key.refresh_from_db()
    assert key.revoked is not None
    # Only the one that was named: the reference PROJECT/NAME, which means all of a name, is none here.
    assert key.replaced_by.revoked is None
    assert client.post("/gateway/keys/archives%2Fweb/revoke/").status_code == 404
    last = AuditEntry.objects.order_by("-seq").first()
    assert last is not None
    assert (last.kind, last.actor, last.subject) == ("gateway.key-revoked", f"person:{person.pk}", key.id)


def test_a_key_for_every_route_is_asked_for_by_name(key: Key, people: People) -> None:
    people.client(Role.OPERATOR).post(
        "/gateway/projects/archives/keys/new/", KEY | {"name": "all", "every_route": "on", "routes": []}
    )
    assert Key.objects.get(name="all").routes == ["*"]


def test_a_hostile_title_is_shown_and_never_run(home: Home, people: People) -> None:
    operations.create_project("archives", HOSTILE, "tests")
    for address in ("/gateway/projects/", "/gateway/projects/archives/"):
        shown = people.client(Role.OPERATOR).get(address).content.decode()
        assert HOSTILE not in shown
        assert "&lt;script&gt;" in shown


@pytest.mark.parametrize(
    ("address", "values", "meaning"),
    [
        ("/gateway/projects/new/", {"name": "archives", "title": "Again"}, "Un projet porte ou a porté ce nom"),
        ("/gateway/projects/archives/grant/", {"amount": "-5"}, "Ce n’est pas un montant de crédits"),
        ("/gateway/projects/archives/keys/new/", KEY, "Le projet a déjà une clé de ce nom"),
    ],
)
def test_why_it_cannot_be_is_in_the_language_of_the_operator(
    key: Key, people: People, address: str, values: dict[str, object], meaning: str
) -> None:
    page = people.client(Role.OPERATOR, language="fr").post(address, values).content.decode()
    told = page[page.index('<div class="problems"') :].partition("</ul>")[0]
    assert meaning in told
    assert '<span lang="en" dir="ltr">' in told
