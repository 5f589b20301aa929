"""People of this node, the roles they were given here, and what invites or stands for them."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from jazari.accounts.rules import Role


class PersonManager(BaseUserManager["Person"]):
    """Makes people; ``get_by_natural_key`` (by e-mail) is what sign-in uses."""

    def create_person(self, email: str, password: str | None = None, **values: object) -> Person:
        """A person who can sign in with ``password``, or only by other means where there is none."""
        person = self.model(email=self.normalize_email(email).lower(), **values)
        person.set_password(password)
        person.save(using=self._db)
        return person


class Person(AbstractBaseUser):
    """Somebody with an account here. ``id`` is the identity; the e-mail is an address and may change.

    ``language`` is the chosen one, empty for the browser's. ``shown`` says that the person agreed to be named on the
    institute's page, with ``public_title``.
    """

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=3, blank=True)
    shown = models.BooleanField(default=False)
    public_title = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[PersonManager] = PersonManager()

    def __str__(self) -> str:
        return self.name or self.email

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
