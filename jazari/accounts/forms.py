"""Forms of people's pages. Every field is bounded; what a form lets through, the operations check again."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import SignupForm
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from jazari.accounts.models import Person
from jazari.accounts.operations import LONGEST_TEXT
from jazari.accounts.rules import LONGEST_TOKEN_DAYS, READ, Permission, Role

LONGEST_PASSWORD = 200
ROLE_NAMES = {
    Role.MEMBER: _("Member"),
    Role.RESEARCHER: _("Researcher"),
    Role.DATA_STEWARD: _("Data steward"),
    Role.TRAINER: _("Trainer"),
    Role.OPERATOR: _("Operator"),
    Role.BOARD: _("Board"),
    Role.AUDITOR: _("Auditor"),
}
SCOPE_NAMES: dict[str, Promise] = {
    READ: _("Read what everybody who has signed in may read"),
    Permission.PROPOSE_STUDIES: _("Propose studies"),
    Permission.FOLLOW_RUNS: _("Follow runs"),
    Permission.DECIDE_STUDIES: _("Decide on studies"),
    Permission.CANCEL_RUNS: _("Cancel runs"),
    Permission.SEE_GATEWAY: _("See routes and policy of the gateway"),
    Permission.USE_GATEWAY: _("Use the gateway's playground"),
    Permission.READ_GATEWAY: _("Read projects, use and receipts of the gateway"),
    Permission.MANAGE_GATEWAY: _("Manage projects and keys of the gateway"),
    Permission.READ_AUDIT: _("Read the audit trail"),
    Permission.FOLLOW_ENROLMENT: _("Follow enrolments"),
    Permission.READ_HEALTH: _("Read the state of the node"),
    Permission.MANAGE_PEOPLE: _("Look after people and their roles"),
}
"""What each scope of an API token lets a program do; a permission for each, and ``READ``."""


def language_choices() -> list[tuple[str, Any]]:
    """The portal's languages, and none chosen."""
    return [("", _("As the browser says")), *settings.LANGUAGES]


class SignUp(SignupForm):  # type: ignore[misc]
    """allauth's form. It takes as long for an address that has an account as for one that has none."""

    def try_save(self, request: HttpRequest) -> Any:
        """As allauth does; a password is hashed in either case."""
        if self.account_already_exists:
            Person().set_password(self.cleaned_data.get("password1"))
        return super().try_save(request)


class InvitationForm(forms.Form):
    """Whom to invite, and as what."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=LONGEST_TEXT, required=False)
    language = forms.ChoiceField(label=_("Language of the letter"), choices=language_choices, required=False)
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=[(str(role), name) for role, name in ROLE_NAMES.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )


class AcceptForm(forms.Form):
    """What an invited person adds: a name and a password."""

    name = forms.CharField(
        label=_("Name"),
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        help_text=_("At least 12 characters. Several words are easy to remember and hard to guess."),
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("The same password again"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email

    def clean(self) -> dict[str, Any]:
        """Both passwords are the same, and good enough for this person."""
        values = super().clean() or {}
        password = values.get("password")
        if password and password != values.get("again"):
            self.add_error("again", _("The two passwords are not the same."))
        elif password:
            try:
                validate_password(password, Person(email=self._email, name=values.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return values


class ProfileForm(forms.Form):
    """What people say about themselves."""

    name = forms.CharField(label=_("Name"), max_length=LONGEST_TEXT, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=language_choices, required=False)
    shown = forms.BooleanField(
        label=_("Show my name and my public title on the public page of this node"), required=False
    )
    public_title = forms.CharField(
        label=_("Public title"),
        max_length=LONGEST_TEXT,
        required=False,
        help_text=_("For example what you work on. It is shown only if you agreed above."),
    )


class TokenForm(forms.Form):
    """A new API token: for what, with which scopes, for how long."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What the token is for."))
    days = forms.IntegerField(
        label=_("Days until it ends"), min_value=1, max_value=LONGEST_TOKEN_DAYS, initial=90, required=True
    )
    scopes = forms.MultipleChoiceField(label=_("Scopes"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, scopes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  declared above
        field.choices = [(scope, format_lazy("{} ({})", SCOPE_NAMES[scope], scope)) for scope in scopes]
