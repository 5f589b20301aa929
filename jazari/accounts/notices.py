"""Notices: what somebody should know, in the portal and, by choice for each kind, by e-mail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from jazari.accounts import mails
from jazari.accounts.events import InvitationAccepted, RoleGiven, RoleTaken
from jazari.accounts.models import MailChoice, Notice, Person, Told
from jazari.accounts.queries import people_with
from jazari.accounts.rules import Role
from jazari.core import clock, events
from jazari.settings.portal_home import PortalConfig
from jazari.settings.runtime import this_home

MOST_TRIES = 8
_FIRST_WAIT_SECONDS = 60
_KEPT_DAYS = 365
NEWS_DAYS = 30
"""What is older than this is no news: nobody is told of it by ``notify_once``'s callers."""
_TOLD_DAYS = 2 * NEWS_DAYS + 1


@dataclass(frozen=True)
class Kind:
    """What a notice is about. ``by_mail``: sent by e-mail unless the person says no; only what concerns security."""

    title: Promise | str
    by_mail: bool = False


KINDS: dict[str, Kind] = {
    "role-given": Kind(_("You were given a role"), by_mail=True),
    "role-taken": Kind(_("A role was taken back from you"), by_mail=True),
    "invitation-accepted": Kind(_("An invitation of yours was accepted")),
    "study-waits": Kind(_("A study waits for a decision")),
    "study-decided": Kind(_("An institute decided about a study")),
    "run-ended": Kind(_("A run ended")),
    "enrolment-waits": Kind(_("An institute asks to be admitted")),
}
"""Every kind by its name. A slice that tells of something new adds a line."""


@transaction.atomic
def notify(people: Iterable[Person], kind: str, subject: str = "", url: str = "") -> int:
    """Tell ``people`` about ``subject`` (a reference or a title, no personal data); how many were told.

    ``url`` is a path of this portal; anything else is dropped. The letters go out later, from the node's worker.
    """
    inside = url.startswith("/") and url_has_allowed_host_and_scheme(url, None)
    known, moment = KINDS[kind], clock.now()
    told = [person for person in people if person.is_active]
    choices = dict(MailChoice.objects.filter(kind=kind, person__in=told).values_list("person", "wanted"))
    Notice.objects.bulk_create(
        Notice(
            person=person,
            kind=kind,
            subject=subject[:300],
            url=url[:300] if inside else "",
            moment=moment,
            mail_due=bool(person.email) and choices.get(person.pk, known.by_mail),
        )
        for person in told
    )
    return len(told)


def notify_role(role: Role, kind: str, subject: str = "", url: str = "") -> int:
    """``notify`` everybody here who holds ``role``."""
    return notify(people_with(role), kind, subject, url)


@transaction.atomic
def notify_once(mark: str, role: Role | None, kind: str, subject: str = "", url: str = "") -> bool:
    """``notify_role`` when ``mark`` is named for the first time; whether it was. Later calls do nothing.

    ``mark``: the reference or digest of what happened. With ``role`` None nobody has to know, then or later.
    """
    _row, new = Told.objects.get_or_create(kind=kind, mark=mark, defaults={"moment": clock.now()})
    if new and role is not None:
        notify_role(role, kind, subject, url)
    return new


def told(kind: str) -> set[str]:
    """What ``notify_once`` was asked about and remembers: all that can still be news."""
    return set(Told.objects.filter(kind=kind).values_list("mark", flat=True))


def news_since() -> datetime:
    """What happened before this moment is no news."""
    return clock.now() - timedelta(days=NEWS_DAYS)


def unread(person: Person) -> int:
    """How many notices the person has not seen."""
    return Notice.objects.filter(person=person, read__isnull=True).count()


def of(person: Person) -> QuerySet[Notice]:
    """The person's notices, the newest first."""
    return Notice.objects.filter(person=person).order_by("-moment", "-pk")


def mark_read(person: Person) -> None:
    """All that there is was seen."""
    Notice.objects.filter(person=person, read__isnull=True).update(read=clock.now())


@transaction.atomic
def choose(person: Person, kinds: Iterable[str]) -> None:
    """By e-mail come ``kinds`` from now on, and no others."""
    wanted = set(kinds)
    for kind in KINDS:
        MailChoice.objects.update_or_create(person=person, kind=kind, defaults={"wanted": kind in wanted})


def chosen(person: Person) -> set[str]:
    """The kinds that the person gets by e-mail."""
    choices = dict(MailChoice.objects.filter(person=person).values_list("kind", "wanted"))
    return {name for name, kind in KINDS.items() if choices.get(name, kind.by_mail)}


def send_due() -> bool:
    """Send the letters that are due, the oldest first; whether any was sent. For the node's worker.

    A letter is marked before it is handed over, so that a process which dies in between sends none twice; what the
    mail server refuses is due again after a while, at most ``MOST_TRIES`` times.
    """
    now, sent = clock.now(), False
    due = Notice.objects.filter(mail_due=True).exclude(mail_after__gt=now).select_related("person").order_by("pk")
    for notice in due[:50]:
        wait = timedelta(seconds=_FIRST_WAIT_SECONDS * 2**notice.mail_tries)
        mine = Notice.objects.filter(pk=notice.pk, mail_due=True, mail_tries=notice.mail_tries)
        if mine.update(mail_due=False, mail_tries=notice.mail_tries + 1, mailed=now):
            if _send(notice):
                sent = True
            elif notice.mail_tries + 1 < MOST_TRIES:
                Notice.objects.filter(pk=notice.pk).update(mail_due=True, mailed=None, mail_after=now + wait)
            else:
                Notice.objects.filter(pk=notice.pk).update(mailed=None)
    return sent


def forget_old() -> None:
    """Drop notices that are older than a year, and what is remembered only so that nobody is told twice."""
    Notice.objects.filter(moment__lt=clock.now() - timedelta(days=_KEPT_DAYS)).delete()
    Told.objects.filter(moment__lt=clock.now() - timedelta(days=_TOLD_DAYS)).delete()


def _send(notice: Notice) -> bool:
    person = notice.person
    if not person.is_active or not person.email:
        return True
    link = f"{PortalConfig.of(this_home()).origin}{notice.url}" if notice.url else ""
    title = KINDS[notice.kind].title if notice.kind in KINDS else notice.kind
    return mails.send("notice", person.email, person.language, title=title, subject=notice.subject, link=link)


def listen() -> None:
    """Tell people about what happens to their own account. Other slices call ``notify`` themselves."""
    events.subscribe(RoleGiven, _role_given)
    events.subscribe(RoleTaken, _role_taken)
    events.subscribe(InvitationAccepted, _accepted)


def _role_given(event: RoleGiven) -> None:
    notify(Person.objects.filter(pk=event.person), "role-given", str(event.role), "/account/")


def _role_taken(event: RoleTaken) -> None:
    notify(Person.objects.filter(pk=event.person), "role-taken", str(event.role), "/account/")


def _accepted(event: InvitationAccepted) -> None:
    kind, _colon, number = event.inviter.partition(":")
    if kind == "person" and number.isdecimal():
        notify(Person.objects.filter(pk=int(number)), "invitation-accepted", "", f"/account/people/{event.person}/")
