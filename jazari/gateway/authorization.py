"""Who calls, and what that key may do. Pure: no database and no clock.

A key is written ``jz-<id>-<random>``. Only the SHA-256 of the whole text is kept, so what a thief finds in the database
opens nothing. The id only finds the row; it is shown in lists and gives no right.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jazari.gateway.errors import (
    BadKey,
    DataClassTooHigh,
    ExpiredKey,
    MayNotDeclassify,
    RevokedKey,
    RouteNotAllowed,
    UnknownDataClass,
)
from jazari.gateway.words import DataClass

ANY_ROUTE = "*"
"""In a key's list of routes: every route, also those that are added later."""

# The scheme in any case and at least one space (RFC 9110, section 11.4), then the key: 8 random bytes in hexadecimal
# and 32 in base64 for URLs without padding (RFC 4648, section 5).
_BEARER = re.compile(r"[ \t]*[Bb][Ee][Aa][Rr][Ee][Rr] +(jz-([0-9a-f]{16})-[A-Za-z0-9_-]{43})[ \t]*", re.ASCII)
# Compared with where no key has the id, so that the answer takes as long as for a key that exists.
_NOBODY = bytes(32)


@dataclass(frozen=True)
class KeyFacts:
    """What the gateway needs to know of one key. ``digest``: see ``secret_digest``; it is not shown by ``repr``.

    ``expires`` (with time zone) is the first moment at which the key no longer opens: its own end, or that of the
    overlap after a rotation if that comes first. ``revoked`` is true also where the project is closed.
    """

    id: str
    project: str
    name: str
    digest: bytes = field(repr=False)
    routes: frozenset[str]
    highest: DataClass
    may_declassify: bool
    requests_a_minute: int
    tokens_a_minute: int
    streams: int
    expires: datetime
    revoked: bool = False


@dataclass(frozen=True)
class ProjectFacts:
    """A project's name and title, and all that was ever granted to it, in microcredits."""

    name: str
    title: str
    granted: int
    closed: bool = False


@dataclass(frozen=True)
class KeySnapshot:
    """All keys by id and all projects by name, as the database held them.

    ``version`` differs from that of every snapshot taken before a later write.
    """

    version: int
    keys: Mapping[str, KeyFacts]
    projects: Mapping[str, ProjectFacts]

    @property
    def grants(self) -> dict[str, int]:
        """Microcredits granted to each project, closed ones included: what was spent stays accounted for."""
        return {name: project.granted for name, project in self.projects.items()}


EMPTY = KeySnapshot(version=-1, keys={}, projects={})
"""What a gateway knows before it has read its database: no key opens."""


def secret_digest(secret: str) -> bytes:
    """SHA-256 of the whole key as text. The random part has 256 bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


def find_key(snapshot: KeySnapshot, header: str | bytes | None, now: datetime) -> KeyFacts:
    """The key in an ``Authorization`` header.

    Raises ``BadKey`` for a header that holds none that exists. Only to who has the whole secret it says more:
    ``RevokedKey`` or ``ExpiredKey``. None of them names the project.
    """
    key_id, secret = _written_in(header)
    key = snapshot.keys.get(key_id)
    matches = hmac.compare_digest(secret_digest(secret), key.digest if key else _NOBODY)
    if key is None or not matches:
        raise BadKey("This key is not known here: send 'Authorization: Bearer jz-...' with a key of this gateway.")
    if key.revoked:
        raise RevokedKey("This key was revoked: ask who runs your project for a new one.")
    if now >= key.expires:
        raise ExpiredKey("This key has expired: use the one that replaced it, or ask who runs your project for one.")
    return key


def _written_in(header: str | bytes | None) -> tuple[str, str]:
    """The id and the whole key; both empty where there is none. Latin-1 reads any bytes, and no key has them."""
    text = header.decode("latin-1") if isinstance(header, bytes) else header or ""
    found = _BEARER.fullmatch(text)
    return (found[2], found[1]) if found else ("", "")


def data_class_of(key: KeyFacts, asked: str | None) -> tuple[DataClass, bool]:
    """The data class of a call, and whether the caller declassified it.

    The key's highest unless the call says otherwise. Raises ``UnknownDataClass``, ``DataClassTooHigh`` for one above
    the key's highest, ``MayNotDeclassify`` for one below it without the right.
    """
    if asked is None:
        return key.highest, False
    data_class = _data_class(asked)
    if data_class.rank > key.highest.rank:
        raise DataClassTooHigh(
            f"This key is for data up to {key.highest}: ask for one that is allowed {data_class} data, "
            "or leave such data out."
        )
    declassified = data_class.rank < key.highest.rank
    if declassified and not key.may_declassify:
        raise MayNotDeclassify(
            f"This key may not declare its data less sensitive than {key.highest}: leave the data class out, "
            "or ask for a key with that right."
        )
    return data_class, declassified


def _data_class(asked: str) -> DataClass:
    try:
        return DataClass(asked)
    except ValueError:
        raise UnknownDataClass(
            f"{asked[:40]!r} is no data class: say {', '.join(DataClass)}, or leave it out for the key's own."
        ) from None


def may_use(key: KeyFacts, route: str) -> bool:
    """Whether the key is for this route."""
    return ANY_ROUTE in key.routes or route in key.routes


def require_route(key: KeyFacts, route: str) -> None:
    """Raise ``RouteNotAllowed`` unless the key is for this route; ask before you say whether there is such a route."""
    if not may_use(key, route):
        raise RouteNotAllowed(f"This key is not for the model {route[:80]!r}: GET /v1/models lists what it is for.")
