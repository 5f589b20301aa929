"""Who called the Root and when: authentication of signed requests, nonces, online or offline."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction

from jazari.core import clock
from jazari.federation import signed_requests
from jazari.federation.errors import ClockWrong, Replayed, RequestRefused
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


def institutes(directory: Directory) -> list[dict[str, object]]:
    """Every node of ``directory`` but the Root's own, with ``online`` and ``last_seen`` (RFC 3339 or None)."""
    now = clock.now()
    seen = dict(Presence.objects.values_list("namespace", "last_seen"))
    return [
        {
            "namespace": entry.namespace,
            "titles": entry.titles,
            "region": entry.region,
            "status": entry.status,
            "online": entry.status == "active" and is_online(seen.get(entry.namespace), now),
            "last_seen": clock.timestamp(seen[entry.namespace]) if entry.namespace in seen else None,
        }
        for _, entry in sorted(directory.entries.items())
        if entry.namespace != directory.root
    ]


def claimed_namespace(header: str, directory: Directory) -> str:
    """The institute that a refused request names, if it exists; ``stranger`` otherwise."""
    try:
        name = signed_requests.parse(header).claim.namespace
    except RequestRefused:
        return "stranger"
    return name if name in directory.entries else "stranger"
