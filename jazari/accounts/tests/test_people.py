"""Who looks after people: invitations, roles, deactivation, and what nobody may do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse

from jazari.accounts import invitations, operations, queries
from jazari.accounts.errors import AlreadyHere, InvitationOver, InvitationUnknown, LastOperator, RoleRefused
from jazari.accounts.models import Invitation, Person
from jazari.accounts.rules import Role
from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.settings.home import Home
from jazari.testing.pages import PASSWORD, People, anonymous

pytestmark = pytest.mark.usefixtures("portal")
INVITED = "invited@example.org"


@pytest.fixture
def audited() -> Iterator[list[AuditEvent]]:
    seen: list[AuditEvent] = []
    events.subscribe(AuditEvent, seen.append)
    yield seen
    events.unsubscribe(AuditEvent, seen.append)


def invite(*roles: Role) -> tuple[Invitation, str]:
    return invitations.invite(INVITED, roles, "rabat", name="Naima", language="ar")


def test_an_invitation_makes_an_account_with_a_verified_address_and_its_roles(audited: list[AuditEvent]) -> None:
    _invitation, secret = invite(Role.RESEARCHER)
    client = anonymous()
    path = reverse("accounts:invitation", args=(secret,))
    assert INVITED in client.get(path).content.decode()
    fields = {"name": "Naima", "password": PASSWORD, "again": PASSWORD}
    assert client.post(path, fields).status_code == 302
    person = queries.find_person(INVITED)
    assert (person.name, person.language, queries.roles_of(person)) == ("Naima", "ar", {Role.RESEARCHER})
    client.post(reverse("account_login"), {"login": INVITED, "password": PASSWORD})
    assert client.get(reverse("accounts:mine")).status_code == 200
    assert [event.kind for event in audited][:2] == ["accounts.invited", "accounts.role-given"]
    assert not any(INVITED in str(event) or "Naima" in str(event) for event in audited)


def test_an_invitation_works_once_and_is_kept_as_a_hash() -> None:
    _invitation, secret = invite()
    assert not Invitation.objects.filter(secret_hash__contains=secret).exists()
    invitations.accept(secret, PASSWORD)
    with pytest.raises(InvitationOver):
        invitations.accept(secret, PASSWORD)
    with pytest.raises(InvitationUnknown):
        invitations.find("x" * 43)


def test_an_invitation_ends_after_seven_days() -> None:
    _invitation, secret = invite()
    with clock.frozen(clock.now() + timedelta(days=7, seconds=1)), pytest.raises(InvitationOver):
        invitations.accept(secret, PASSWORD)
    assert anonymous().get(reverse("accounts:invitation", args=(secret,))).status_code == 200


def test_a_second_invitation_and_a_new_letter_end_the_link_before() -> None:
    _first, one = invite()
    second, two = invite()
    _again, three = invitations.resend(second.pk, "rabat")
    for ended in (one, two):
        with pytest.raises((InvitationOver, InvitationUnknown)):
            invitations.find(ended)
    invitations.revoke(second.pk, "rabat")
    with pytest.raises(InvitationOver):
        invitations.find(three)


def test_a_weak_password_or_two_different_ones_open_nothing() -> None:
    _invitation, secret = invite()
    path = reverse("accounts:invitation", args=(secret,))
    for password, again in (("short", "short"), (PASSWORD, PASSWORD + "."), (INVITED, INVITED)):
        assert anonymous().post(path, {"password": password, "again": again}).status_code == 400
    assert not Person.objects.filter(email=INVITED).exists()


def test_an_account_that_somebody_opened_on_a_foreign_address_does_not_keep_its_owner_out() -> None:
    squatter = Person.objects.create_person(INVITED, PASSWORD)
    from allauth.account.models import EmailAddress

    EmailAddress.objects.create(user=squatter, email=INVITED, verified=False, primary=True)
    _invitation, secret = invite(Role.MEMBER)
    person = invitations.accept(secret, "another long pass-phrase")
    assert person.pk != squatter.pk
    assert not person.check_password(PASSWORD)


def test_an_invitation_is_accepted_with_the_account_that_has_the_address_and_no_other(people: People) -> None:
    _invitation, secret = invite(Role.TRAINER)
    owner = people.person(email=INVITED)
    path = reverse("accounts:invitation", args=(secret,))
    assert anonymous().get(path)["Location"].startswith(reverse("account_login"))
    assert people.client(Role.MEMBER).post(path).status_code == 409
    client = anonymous()
    client.force_login(owner)
    assert client.post(path).status_code == 302
    assert queries.roles_of(owner) == {Role.TRAINER}


def test_who_has_an_account_is_given_roles_and_not_invited(people: People) -> None:
    people.person(email=INVITED)
    with pytest.raises(AlreadyHere):
        invite()


def test_an_operator_invites_by_a_letter_in_the_chosen_language(
    people: People, portal: Home, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jazari.accounts.mails.has_mail_server", lambda: True)
    client = people.client(Role.OPERATOR)
    fields = {"email": INVITED, "name": "Naima", "language": "en", "roles": ["member"]}
    page = client.post(reverse("accounts:invite"), fields).content.decode()
    link = re.search(r"/account/invitation/\S+/", mail.outbox[0].body)
    assert link
    assert link[0] not in page
    assert anonymous().get(link[0]).status_code == 200
    assert INVITED in client.get(reverse("accounts:people")).content.decode()


def test_without_a_mail_server_the_link_is_shown_once(people: People) -> None:
    client = people.client(Role.OPERATOR)
    page = client.post(reverse("accounts:invite"), {"email": INVITED}).content.decode()
    assert re.search(r"/account/invitation/[\w-]{40,}/", page)
    assert mail.outbox == []
    assert "/account/invitation/" not in client.get(reverse("accounts:people")).content.decode()


def test_the_last_operator_stays(people: People) -> None:
    operator = people.person(Role.OPERATOR)
    for change in (
        lambda: operations.take_role(operator, Role.OPERATOR, "x"),
        lambda: operations.deactivate(operator, "x"),
    ):
        with pytest.raises(LastOperator):
            change()
    other = people.person(Role.OPERATOR, email="other@example.org")
    operations.deactivate(other, "x")
    with pytest.raises(LastOperator):
        operations.take_role(operator, Role.OPERATOR, "x")
    page = people.client(Role.OPERATOR).post(reverse("accounts:deactivate", args=(operator.pk,)))
    assert page.status_code == 409
    assert "last operator" in page.content.decode()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.BOARD])
def test_nobody_makes_a_guest_operator_or_board(people: People, role: Role) -> None:
    guest = Person.objects.create_person(None, home_issuer="https://dakhla.example")
    with pytest.raises(RoleRefused):
        operations.give_role(guest, role, "x")
    client = people.client(Role.OPERATOR)
    assert client.post(reverse("accounts:give-role", args=(guest.pk,)), {"role": role}).status_code == 403
    assert operations.give_role(guest, Role.RESEARCHER, "x")
    assert queries.roles_of(guest) == {Role.RESEARCHER}


def test_a_deactivated_person_is_signed_out_at_once_and_comes_back_without_roles(people: People) -> None:
    client, person = people.client(Role.RESEARCHER), people.person(Role.RESEARCHER)
    operator = people.client(Role.OPERATOR)
    operator.post(reverse("accounts:deactivate", args=(person.pk,)))
    assert client.get(reverse("accounts:mine")).status_code == 302
    operator.post(reverse("accounts:activate", args=(person.pk,)))
    person.refresh_from_db()
    assert person.is_active
    assert queries.roles_of(person) == frozenset()


def test_open_invitations_end_with_the_role_of_who_sent_them(people: People) -> None:
    people.person(Role.OPERATOR)
    leaving = people.person(Role.OPERATOR, email="leaving@example.org")
    _invitation, secret = invitations.invite(INVITED, [Role.OPERATOR], operations.actor_of(leaving))
    operations.take_role(leaving, Role.OPERATOR, "x")
    with pytest.raises(InvitationOver):
        invitations.accept(secret, PASSWORD)


def test_roles_are_given_and_taken_in_the_pages_and_the_history_stays(people: People) -> None:
    person, client = people.person(Role.MEMBER), people.client(Role.OPERATOR)
    client.post(reverse("accounts:give-role", args=(person.pk,)), {"role": "auditor"})
    client.post(reverse("accounts:take-role", args=(person.pk,)), {"role": "member"})
    assert queries.roles_of(person) == {Role.AUDITOR}
    assert person.grants.count() == 2
    assert client.post(reverse("accounts:give-role", args=(person.pk,)), {"role": "king"}).status_code == 404
    assert client.get(reverse("accounts:person", args=(person.pk,))).status_code == 200


def test_people_are_found_by_name_and_address(people: People) -> None:
    people.person(email="amina@example.org", name="Amina Alaoui")
    client = people.client(Role.OPERATOR)
    for text, there in (("alaoui", True), ("AMINA@", True), ("%", False), ("zzz", False)):
        page = client.get(reverse("accounts:people"), {"q": text}).content.decode()
        assert ("Amina Alaoui" in page) is there
