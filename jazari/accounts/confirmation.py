"""A fresh confirmation by passkey: what an act of weight asks for beside the role.

allauth asks for the passkey again at ``mfa_reauthenticate_webauthn`` and notes the answer in the session; here it is
read. A password or a code confirms nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from jazari.core import clock

FRESH_SECONDS = 300.0


def has_passkey(person: Any) -> bool:
    """Whether ``person`` has a passkey or security key here."""
    return bool(Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.WEBAUTHN).exists())


def passkey_confirmation(request: HttpRequest, since: datetime) -> str:
    """Which passkey confirmed, and when: an answer given after ``since`` and within the last five minutes.

    Empty where there is none. The same answer has the same name, so that who keeps it can refuse a second use.
    """
    earliest = max(since.timestamp(), clock.now().timestamp() - FRESH_SECONDS)
    for record in reversed(get_authentication_records(request, request.user)):
        again = record.get("method") == "mfa" and record.get("type") == Authenticator.Type.WEBAUTHN
        if again and record.get("reauthenticated") and float(record.get("at", 0)) >= earliest:
            return f"{record.get('id')}:{record['at']}"[:80]
    return ""
