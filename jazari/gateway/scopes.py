"""What a new project or key may be: pure checks of what an operator asks for, and the making of a secret."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from jazari.core.identifiers import token
from jazari.gateway.authorization import ANY_ROUTE
from jazari.gateway.credits import CREDIT, MOST
from jazari.gateway.errors import BadCredits, BadProject, BadScope
from jazari.gateway.words import DataClass

MOST_GRANTED = MOST
"""Microcredits that one project may ever be granted: beyond, JSON readers would round (RFC 8785, section 3.2.2.3)."""
LONGEST_TEXT = 200
LONGEST_LIFE = timedelta(days=3650)
LONGEST_OVERLAP = timedelta(days=90)
MOST_ROUTES = 100
LIMITS = {"requests_a_minute": 10_000_000, "tokens_a_minute": 10_000_000_000, "streams": 100_000}
"""The highest that a key's limits can be set to; the lowest is 1."""

# What the names of models look like everywhere, so that an alias can be one of them: `org/model:tag`, `model@2`.
_ROUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Scope:
    """What a key is for. ``highest`` has no default: it is both a right and what every call is taken to contain."""

    routes: Sequence[str]
    highest: DataClass
    may_declassify: bool = False
    requests_a_minute: int = 60
    tokens_a_minute: int = 100_000
    streams: int = 10


def check_scope(scope: Scope) -> Scope:
    """``scope`` with its routes in order and each once; ``BadScope`` if it cannot be."""
    for name, most in LIMITS.items():
        if not 1 <= getattr(scope, name) <= most:
            raise BadScope(f"{name.replace('_', ' ')} must be from 1 to {most}: correct it.".capitalize())
    return replace(scope, routes=_routes(scope.routes))


def _routes(asked: Sequence[str]) -> tuple[str, ...]:
    bad = [route for route in asked if route != ANY_ROUTE and not _ROUTE.fullmatch(route)]
    if bad:
        raise BadScope(f"{bad[0][:60]!r} cannot be a route: use letters, digits and . _ : / @ + -, 100 at most.")
    if not asked or len(asked) > MOST_ROUTES:
        raise BadScope(f"Name 1 to {MOST_ROUTES} routes that the key is for, or '{ANY_ROUTE}' for all.")
    return (ANY_ROUTE,) if ANY_ROUTE in asked else tuple(sorted(set(asked)))


def check_life(life: timedelta) -> timedelta:
    """How long a key shall open; ``BadScope`` unless more than nothing and at most ``LONGEST_LIFE``."""
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise BadScope(f"A key lives from 1 to {LONGEST_LIFE.days} days: rotate it when they are over.")
    return life


def check_overlap(overlap: timedelta) -> timedelta:
    """How long the old key opens beside the new one; ``BadScope`` unless 0 to ``LONGEST_OVERLAP``."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadScope(f"The old key can open for 0 to {LONGEST_OVERLAP.days * 24} hours beside the new one.")
    return overlap


def check_text(text: str, what: str) -> str:
    """``text`` without space around it; ``BadProject`` unless it is one printable line, not empty."""
    stripped = text.strip()
    if not stripped or not stripped.isprintable() or len(stripped) > LONGEST_TEXT:
        raise BadProject(f"The {what} must be one line of 1 to {LONGEST_TEXT} printable characters: correct it.")
    return stripped


def microcredits(text: str) -> int:
    """Credits as people write them (``1000`` or ``0.25``) in microcredits; exact, or ``BadCredits``."""
    try:
        exact = Decimal(text) * CREDIT if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text, re.ASCII) else Decimal(0)
    except InvalidOperation:
        exact = Decimal(0)
    amount = int(exact)
    if not 0 < amount <= MOST_GRANTED:
        raise BadCredits(
            f"{text[:40]!r} is no amount of credits: write a number above 0 with at most 6 decimals, "
            f"up to {MOST_GRANTED // CREDIT}."
        )
    return amount


def credits_text(amount: int) -> str:
    """Microcredits as credits, without needless zeros: 1500000 is ``1.5``."""
    sign, whole = ("-" if amount < 0 else ""), abs(amount)
    decimals = f"{whole % CREDIT:06}".rstrip("0")
    return f"{sign}{whole // CREDIT}" + (f".{decimals}" if decimals else "")


def new_secret() -> tuple[str, str]:
    """The id of a new key and the whole key, ``jz-<id>-<43 characters>``: 256 random bits in base64 for URLs."""
    key_id = token(8)
    return key_id, f"jz-{key_id}-{secrets.token_urlsafe(32)}"
