"""Texts of Django and django-allauth that our pages show: where they stand, and which of them their makers translated.

Both have French and Arabic and no Tamazight. What they lack in one of our languages is translated in catalogues of
their own, in ``borrowed_locale/``, which Django reads besides ours (``LOCALE_PATHS``); ``translating`` keeps both.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import allauth
import django
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

FOLDER = Path(__file__).parent / "borrowed_locale"
_PACKAGE = Path(__file__).parents[1]
_DJANGO = Path(django.__file__).parent
ALLAUTH = Path(allauth.__file__).parent
_PLACES = {
    _DJANGO: (
        # Of Django what our forms and those of allauth use: a test looks at every form.
        *(
            f"core/validators.py:{name}"
            for name in (
                "RegexValidator", "EmailValidator", "BaseValidator", "MaxValueValidator", "MinValueValidator",
                "MinLengthValidator", "MaxLengthValidator", "ProhibitNullCharactersValidator",
            )
        ),
        *(
            f"forms/fields.py:{name}"
            for name in ("Field", "IntegerField", "DateField", "ChoiceField", "MultipleChoiceField", "JSONField")
        ),
        "contrib/auth/password_validation.py",
        "contrib/humanize/templatetags/humanize.py:NaturalTimeFormatter",
        "template/defaultfilters.py:filesizeformat",
        "utils/timesince.py",
    ),
    ALLAUTH: (
        "account/**/*.py",
        "core/**/*.py",
        "idp/**/*.py",
        "mfa/**/*.py",
        "socialaccount/*.py",
        "socialaccount/internal/**/*.py",
        "socialaccount/providers/base/*.py",
        "socialaccount/providers/oauth2/*.py",
        "socialaccount/providers/openid_connect/*.py",
        "usersessions/**/*.py",
        "templates/**/*.html",
        "templates/**/*.txt",
    ),
}  # fmt: skip
"""Files below each package; after a colon, the one function or class of the file that counts."""
LEFT_OUT = {
    "*/management/*": "no part of a page",
    "*/migrations/*": "no part of a page",
    "*/admin.py": "there is no administration by Django",
    "*/apps.py": "names that only Django's administration shows",
    "*/models.py": "names that only Django's administration shows",
    "*/idp/oidc/internal/clientkit.py": "what only Django's administration says of a client",
    "*/templates/openid/*": "that way to sign in is not installed",
    "*/templates/*phone*": "nobody signs in by telephone (ACCOUNT_SIGNUP_FIELDS)",
    "*/templates/*password_reset_code*": "passwords are renewed by a link (ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED)",
    "*/templates/account/email_change.html": "people may have several addresses (ACCOUNT_CHANGE_EMAIL)",
    "*/templates/account/email_confirm.html": "addresses are confirmed by a code (..._VERIFICATION_BY_CODE_ENABLED)",
    "*/templates/account/signup_by_passkey.html": "nobody signs up without a password (MFA_PASSKEY_SIGNUP_ENABLED)",
    "*/templates/mfa/webauthn/signup_form.html": "nobody signs up without a password (MFA_PASSKEY_SIGNUP_ENABLED)",
    "*/templates/account/*reauthentication_code.html": "a password or a second factor (..._REAUTHENTICATION_METHODS)",
    "*/templates/account/*login_code*": "nobody signs in by a code from a letter (ACCOUNT_LOGIN_BY_CODE_ENABLED)",
    "*/templates/idp/oidc/device*": "no device without a browser signs in (see sign_in_urls)",
    "*/templates/mfa/trust.html": "no browser is trusted without the second factor (MFA_TRUST_ENABLED)",
}
"""Files of these that no page of ours can show, each with the reason."""


def sources() -> Iterator[tuple[str, str, bool]]:
    """Each place that is borrowed from: its name, its text, and whether it is a template."""
    replaced = set(_replaced())
    for package, patterns in _PLACES.items():
        for pattern in patterns:
            files, _, part = pattern.partition(":")
            for path in sorted(package.glob(files)):
                name = path.relative_to(package.parent).as_posix()
                if path not in replaced and not any(fnmatchcase(name, left_out) for left_out in LEFT_OUT):
                    text = path.read_text(encoding="utf-8")
                    yield name, _part(text, part) if part else text, path.suffix != ".py"


def makers_catalogues(language: str) -> Iterator[Catalog]:
    """What the makers translated into ``language``."""
    for package in (_DJANGO / "conf", _DJANGO / "contrib" / "auth", _DJANGO / "contrib" / "humanize", ALLAUTH):
        path = package / "locale" / language / "LC_MESSAGES" / "django.mo"
        if path.is_file():
            with path.open("rb") as file:
                yield read_mo(file)


def _replaced() -> Iterator[Path]:
    """Templates of allauth instead of which ours are rendered. One that extends its namesake shows it still."""
    for path in _PACKAGE.glob("*/templates/**/*"):
        if path.is_file():
            name = path.relative_to(path.parents[len(path.relative_to(_PACKAGE).parts) - 3]).as_posix()
            if f'{{% extends "{name}" %}}' not in path.read_text(encoding="utf-8"):
                yield ALLAUTH / "templates" / name


def _part(text: str, name: str) -> str:
    """The source of one function or class."""
    found = [node for node in ast.parse(text).body if getattr(node, "name", "") == name]
    return ast.get_source_segment(text, found[0]) or ""
