"""Limits on tries: whose address a request comes from, and what an address may try how often.

allauth limits sign-in, sign-up, reset and codes by itself (``ACCOUNT_RATE_LIMITS``) and asks here for the address.
"""

from __future__ import annotations

import ipaddress

from allauth.core.internal import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse


def client_address(request: HttpRequest) -> str:
    """The address that ``request`` came from; "" where the server does not know.

    ``X-Forwarded-For`` counts only behind our own proxies (``portal_proxies`` in jazari.toml), and of it only what
    they wrote: each adds one address at the end. Whatever a caller wrote before is ignored.
    """
    return address_of(str(request.META.get("REMOTE_ADDR", "")), request.headers.get("X-Forwarded-For", ""))


def address_of(direct: str, forwarded: str) -> str:
    """The address of the caller, by who asks directly and by what ``X-Forwarded-For`` says."""
    proxies: int = getattr(settings, "PORTAL_PROXIES", 0)
    hops = forwarded.split(",")
    if not proxies or len(hops) < proxies:
        return direct
    return _address(hops[-proxies].strip()) or direct


def too_many(request: HttpRequest, action: str) -> HttpResponse | None:
    """A page with status 429 when the caller tried ``action`` too often; None to go on. Reading counts too."""
    answer: HttpResponse | None = ratelimit.consume_or_429(
        request, app="allauth.account", action=action, limit_get=True
    )
    return answer


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
