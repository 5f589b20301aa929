"""People of this node, the roles they were given here, and what invites or stands for them."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from jazari.accounts.rules import Role


class PersonManager(BaseUserManager["Person"]):
    """Makes people; ``get_by_natural_key`` (by e-mail) is what sign-in uses."""

    def create_person(self, email: str | None, password: str | None = None, **values: object) -> Person:
        """A person who can sign in with ``password``, or only by other means where there is none."""
        person = self.model(email=self.normalize_email(email).lower() or None, **values)
        person.set_password(password)
        person.save(using=self._db)
        return person


class Person(AbstractBaseUser):
    """Somebody with an account here. ``id`` is the identity; the e-mail is an address and may change.

    ``language`` is the chosen one, empty for the browser's. ``shown`` says that the person agreed to be named on the
    institute's page, with ``public_title``. ``home_issuer``: the node whose account this person signs in with, empty
    for an account of this node. Such a person has no address here until they give and verify one: what another node
    says about addresses is not believed.
    """

    email = models.EmailField(unique=True, null=True)
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=3, blank=True)
    shown = models.BooleanField(default=False)
    public_title = models.CharField(max_length=120, blank=True)
    home_issuer = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[PersonManager] = PersonManager()

    def __str__(self) -> str:
        return self.name or self.email or f"person {self.pk}"

    def get_full_name(self) -> str:
        """The name as the person wrote it."""
        return self.name


class RoleGrant(models.Model):
    """A role that a person holds here, and who gave it. Taken back, the row stays with its end."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=20, choices=[(str(role), str(role)) for role in Role])
    given_by = models.CharField(max_length=60)
    given = models.DateTimeField()
    ended = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("person", "role"), condition=models.Q(ended__isnull=True), name="accounts_a_role_is_held_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} of {self.person_id}"


class Invitation(models.Model):
    """A one-time link for somebody who is to have an account here. The link's secret is kept as its SHA-256 only.

    ``roles`` are given when it is accepted, in the name of who invited. ``person`` is the account that it made.
    """

    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=3, blank=True)
    roles = models.JSONField(default=list)
    secret_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=60)
    sent = models.DateTimeField()
    expires = models.DateTimeField()
    revoked = models.DateTimeField(null=True)
    accepted = models.DateTimeField(null=True)
    person = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("email",),
                condition=models.Q(revoked__isnull=True, accepted__isnull=True),
                name="accounts_one_open_invitation_an_address",
            ),
        )

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class ApiToken(models.Model):
    """Lets a program act for a person: never more than the person's roles, and only its scopes of that."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    secret_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    second_factor = models.BooleanField(default=False)
    """Whether it was made in a session with a second factor: only such a token opens what asks for one."""
    made = models.DateTimeField()
    expires = models.DateTimeField()
    last_used = models.DateTimeField(null=True)
    revoked = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"token {self.pk}"


class Notice(models.Model):
    """Something that a person should know: what happened, to what, and the page of ours that shows it."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=300, blank=True)
    url = models.CharField(max_length=300, blank=True)
    moment = models.DateTimeField()
    read = models.DateTimeField(null=True)
    mail_due = models.BooleanField(default=False)
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mail_after = models.DateTimeField(null=True)
    mailed = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("person", "read"), name="accounts_notice_unread"),
            models.Index(fields=("mail_due", "mail_after"), name="accounts_notice_mail"),
        )

    def __str__(self) -> str:
        return f"notice {self.pk}"


class Told(models.Model):
    """That something (``mark``: a reference or a digest) was looked at, and who has to know of it was told."""

    kind = models.CharField(max_length=40)
    mark = models.CharField(max_length=140)
    moment = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("kind", "mark"), name="accounts_told_once"),)

    def __str__(self) -> str:
        return f"{self.kind} of {self.mark}"


class MailChoice(models.Model):
    """Whether a person wants notices of a kind by e-mail; where nothing was chosen, the kind's own default holds."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="mail_choices")
    kind = models.CharField(max_length=40)
    wanted = models.BooleanField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "kind"), name="accounts_one_choice_a_kind"),)

    def __str__(self) -> str:
        return f"choice {self.pk}"
