"""Notices: who is told, where they are shown, and which letters go out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse

from jazari.accounts import invitations, notices, operations
from jazari.accounts.models import Notice, Person
from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.testing.pages import PASSWORD, People

pytestmark = pytest.mark.usefixtures("portal")


def test_a_role_is_told_in_the_portal_and_by_a_letter_in_the_persons_language(people: People) -> None:
    person = people.person(Role.MEMBER)
    Person.objects.filter(pk=person.pk).update(language="en")
    operations.give_role(person, Role.TRAINER, "rabat")
    client = people.client(Role.MEMBER)
    assert "1 new notice" in client.get("/").content.decode()
    assert "You were given a role" in client.get(reverse("accounts:notices")).content.decode()
    assert notices.send_due()
    assert [letter.to for letter in mail.outbox] == [[person.email]]
    assert "You were given a role" in mail.outbox[0].subject
    assert not notices.send_due()
    client.post(reverse("accounts:notices-read"))
    assert "new notice" not in client.get("/").content.decode()


def test_only_what_concerns_security_comes_by_mail_unless_chosen(people: People) -> None:
    steward = people.person(Role.DATA_STEWARD)
    assert {name for name, kind in notices.KINDS.items() if kind.by_mail} == {"role-given", "role-taken"}
    assert notices.notify_role(Role.DATA_STEWARD, "study-waits", "rabat/study/soil@1", "/studies/") == 1
    assert not notices.send_due()
    people.client(Role.DATA_STEWARD).post(reverse("accounts:notices-by-mail"), {"kind": ["study-waits", "nonsense"]})
    notices.notify([steward], "study-waits", "rabat/study/soil@2", "/studies/")
    operations.give_role(steward, Role.MEMBER, "rabat")
    notices.send_due()
    assert len(mail.outbox) == 1
    assert "soil@2" in mail.outbox[0].body


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_a_notice_leads_to_our_own_pages_only(people: People, url: str) -> None:
    notices.notify([people.person(Role.MEMBER)], "run-ended", "x", url)
    assert Notice.objects.get().url == ""


def test_a_letter_that_the_server_refuses_is_sent_later_and_once(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations.give_role(people.person(Role.MEMBER), Role.TRAINER, "rabat")
    now = clock.now()
    with monkeypatch.context() as broken:
        broken.setattr("jazari.accounts.mails.send_mail", _refuse)
        assert not notices.send_due()
        assert not notices.send_due()
    assert Notice.objects.get().mail_tries == 1
    assert not notices.send_due()
    with clock.frozen(now + timedelta(minutes=2)):
        assert notices.send_due()
        assert not notices.send_due()
    assert len(mail.outbox) == 1


def test_a_letter_that_never_goes_out_is_given_up(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    operations.give_role(people.person(Role.MEMBER), Role.TRAINER, "rabat")
    monkeypatch.setattr("jazari.accounts.mails.send_mail", _refuse)
    for day in range(notices.MOST_TRIES + 3):
        with clock.frozen(clock.now() + timedelta(days=day + 1)):
            notices.send_due()
    assert Notice.objects.get().mail_tries == notices.MOST_TRIES
    assert Notice.objects.get().mailed is None


def test_who_invited_learns_that_it_was_accepted(people: People) -> None:
    operator = people.person(Role.OPERATOR)
    _invitation, secret = invitations.invite("new@example.org", [], operations.actor_of(operator))
    invitations.accept(secret, PASSWORD)
    notice = Notice.objects.get(person=operator)
    assert notice.kind == "invitation-accepted"
    assert people.client(Role.OPERATOR).get(notice.url).status_code == 200


def test_notices_end_after_a_year(people: People) -> None:
    notices.notify([people.person(Role.MEMBER)], "run-ended")
    with clock.frozen(clock.now() + timedelta(days=366)):
        notices.forget_old()
    assert not Notice.objects.exists()


def _refuse(*_args: object, **_values: object) -> None:
    raise OSError("the server is away")
