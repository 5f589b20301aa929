"""Who called the Root and when: authentication of signed requests, nonces, online or offline."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction

from jazari.core import clock
from jazari.federation import signed_requests
from jazari.federation.errors import ClockWrong, Replayed
from jazari.federation.models import Presence, UsedNonce
from jazari.federation.rules import OFFLINE_AFTER, is_online, which_clock
from jazari.federation.signed_requests import WINDOW, Claim
from jazari.trust.directory import Directory


def authenticate(header: str, purpose: str, directory: Directory) -> Claim:
    """The claim in ``header`` if it holds now and for the first time; the call counts as a sign of life.

    Raises the ``RequestRefused`` that says why not.
    """
    signed = signed_requests.parse(header)
    entry = directory.entries.get(signed.claim.namespace)
    now = clock.now()
    try:
        claim = signed_requests.check(signed, entry, directory.network_name, purpose, now)
    except ClockWrong as error:
        offset = (signed.claim.time - now).total_seconds()
        raise ClockWrong(str(error) + which_clock(offset, _peers_in_time(signed.claim.namespace))) from error
    _use_nonce(claim)
    _seen(claim)
    return claim


def _use_nonce(claim: Claim) -> None:
    try:
        with transaction.atomic():
            UsedNonce.objects.create(namespace=claim.namespace, nonce=claim.nonce, moment=claim.time)
    except IntegrityError as error:
        raise Replayed("This request came before and is not accepted twice: sign a new one.") from error


def _seen(claim: Claim) -> None:
    now = clock.now()
    Presence.objects.update_or_create(
        namespace=claim.namespace,
        defaults={"last_seen": now, "clock_offset_seconds": (claim.time - now).total_seconds()},
    )


def _peers_in_time(namespace: str) -> int:
    since = clock.now() - OFFLINE_AFTER
    return Presence.objects.filter(last_seen__gte=since).exclude(namespace=namespace).count()


def forget_nonces() -> int:
    """Drop nonces whose claims are too old to be accepted again; how many."""
    # Twice the window, and some more: a clock set back by a little must not open the past.
    deleted, _ = UsedNonce.objects.filter(moment__lt=clock.now() - 2 * WINDOW - timedelta(minutes=10)).delete()
    return deleted


def presence(namespaces: list[str]) -> dict[str, dict[str, object]]:
    """For each namespace: ``online``, ``last_seen`` (RFC 3339 or None) and ``clock_offset_seconds``."""
    now = clock.now()
    rows = {row.namespace: row for row in Presence.objects.filter(namespace__in=namespaces)}
    return {name: _shown(rows.get(name), is_online(rows[name].last_seen if name in rows else None, now)) for name in namespaces}


def _shown(row: Presence | None, online: bool) -> dict[str, object]:
    return {
        "online": online,
        "last_seen": clock.timestamp(row.last_seen) if row else None,
        "clock_offset_seconds": row.clock_offset_seconds if row else None,
    }
