"""Letters of this node to people, in their language."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from jazari.settings.runtime import this_home


def has_mail_server() -> bool:
    """Whether letters leave this machine; otherwise they lie in the home's ``mail/``."""
    return bool(this_home().config.mail_server)


def node_name(language: str) -> str:
    """What this node calls itself in ``language``."""
    home = this_home()
    return home.config.titles.get(language) or next(iter(home.config.titles.values()), home.namespace)


def send(template: str, address: str, language: str, **values: Any) -> bool:
    """Send ``accounts/email/<template>``; False where the mail server did not take it."""
    language = language or settings.LANGUAGE_CODE
    values["node"] = node_name(language)
    with translation.override(language):
        subject = render_to_string(f"accounts/email/{template}_subject.txt", values)
        text = render_to_string(f"accounts/email/{template}_message.txt", values)
    try:
        send_mail(" ".join(subject.split()), text, None, [address])
    except (SMTPException, OSError):
        return False
    return True
