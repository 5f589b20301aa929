"""Requests to join or to change keys, as the Root keeps them: received, put before the board, decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.federation import hooks
from jazari.federation.enrolment import SignedEnrolment, parse_enrolment
from jazari.federation.errors import BadEnrolment, EnrolmentMissing, EnrolmentsFull, EnrolmentUnclear
from jazari.federation.models import Enrolment
from jazari.federation.rules import MOST_PENDING_ENROLMENTS
from jazari.trust.directory import Directory, DirectoryEntry

State = Enrolment.State


def receive_enrolment(directory: Directory, body: bytes) -> dict[str, Any]:
    """Keep the request in ``body``, from anybody; its state. The same request again changes nothing."""
    signed = parse_enrolment(body)
    known = Enrolment.objects.filter(digest=signed.request.digest).first()
    if known is None:
        check_enrolment(signed, directory)
        known = _store(signed)
    return shown(known, directory)


def check_enrolment(signed: SignedEnrolment, directory: Directory) -> None:
    """Raise ``BadEnrolment`` if the board could not sign the request as ``directory`` stands."""
    request = signed.request
    entry = request.entry("", clock.now())
    if request.network != directory.network_name:
        raise BadEnrolment(f"The request is for {request.network!r}, this is {directory.network_name!r}.")
    hooks.engine().check_request(request.engine_request, request.namespace)
    current = directory.entries.get(request.namespace)
    if request.kind == "admission":
        _check_free(entry, directory)
    elif current is None or current.status != "active":
        raise BadEnrolment(f"{request.namespace} is not an active institute: its keys cannot be changed.")
    elif signed.signed_by(current.publishing_keys) < current.threshold:
        raise BadEnrolment(f"The present keys of {request.namespace} did not sign the change: sign it with them.")


def _check_free(entry: DirectoryEntry, directory: Directory) -> None:
    if entry.namespace in directory.entries:
        raise BadEnrolment(f"The namespace {entry.namespace} is taken: choose another.")
    mine = set(entry.key_ids())
    for other in directory.entries.values():
        if mine & set(other.key_ids()):
            raise BadEnrolment(f"A key of the request belongs to {other.namespace}: make keys of your own.")


def _store(signed: SignedEnrolment) -> Enrolment:
    request = signed.request
    with transaction.atomic():
        if Enrolment.objects.filter(state=State.RECEIVED).count() >= MOST_PENDING_ENROLMENTS:
            raise EnrolmentsFull("Too many requests wait at the Root: ask its team to work through them.")
        row, created = Enrolment.objects.get_or_create(
            digest=request.digest,
            defaults={
                "namespace": request.namespace,
                "kind": request.kind,
                "document": signed.model_dump(mode="json"),
                "received": clock.now(),
            },
        )
        if created:
            detail = {"digest": row.digest, "kind": row.kind}
            events.emit(AuditEvent("federation.enrolment-received", row.namespace, row.namespace, detail))
    return row


def enrolment_state(directory: Directory, digest: str) -> dict[str, Any]:
    """How far the request with that digest has come; ``EnrolmentMissing`` if it never came."""
    row = Enrolment.objects.filter(digest=digest).first()
    if row is None:
        raise EnrolmentMissing("The Root knows no such request: send it with `jazari institute request`.")
    return shown(row, directory)


def enrolments(directory: Directory, states: Sequence[str] = (State.RECEIVED, State.PROPOSED)) -> list[dict[str, Any]]:
    """The requests that wait, oldest first, with what the operator compares before admitting."""
    rows = Enrolment.objects.filter(state__in=states)
    found = [shown(row, directory) | {"received": clock.timestamp(row.received)} for row in rows]
    for item, row in zip(found, rows, strict=True):
        asked = row.document["request"]
        item |= {"titles": asked["titles"], "region": asked["region"], "url": asked["url"]}
    return [item for item in found if item["state"] in states]


def find(name: str) -> Enrolment:
    """The waiting request of a namespace, or with a digest (or its first digits)."""
    waiting = Enrolment.objects.filter(state__in=(State.RECEIVED, State.PROPOSED))
    rows = list(waiting.filter(namespace=name)) or list(waiting.filter(digest__startswith=f"sha256:{name[:64]}"))
    rows = rows or list(waiting.filter(digest=name))
    if not rows:
        raise EnrolmentMissing(f"No request of {name[:80]!r} waits: see `jazari root requests`.")
    if len(rows) > 1:
        digests = ", ".join(row.digest[7:19] for row in rows)
        raise EnrolmentUnclear(f"Several requests name {name[:80]!r} ({digests}): give the digits of one.")
    return rows[0]


def signed_enrolment(row: Enrolment) -> SignedEnrolment:
    """The request of ``row``, checked again."""
    return SignedEnrolment.model_validate(row.document)


def refuse(row: Enrolment, reason: str) -> None:
    """Refuse the request; the institute is told ``reason`` when it asks."""
    with transaction.atomic():
        Enrolment.objects.filter(pk=row.pk).update(state=State.REFUSED, reason=reason[:500])
        detail = {"digest": row.digest, "reason": reason[:500]}
        events.emit(AuditEvent("federation.enrolment-refused", "node", row.namespace, detail))


def mark_proposed(rows: Sequence[Enrolment]) -> None:
    """Note that these requests were put before the board."""
    with transaction.atomic():
        Enrolment.objects.filter(pk__in=[row.pk for row in rows]).update(state=State.PROPOSED)
        for row in rows:
            events.emit(AuditEvent("federation.enrolment-proposed", "node", row.namespace, {"digest": row.digest}))


def mark_admitted(directory: Directory) -> None:
    """Note which proposed requests the board has signed, so that they no longer wait."""
    for row in Enrolment.objects.filter(state=State.PROPOSED):
        if is_signed(signed_enrolment(row), directory):
            Enrolment.objects.filter(pk=row.pk).update(state=State.ADMITTED)


def is_signed(signed: SignedEnrolment, directory: Directory) -> bool:
    """Whether the board's directory says what was asked (the engine's certificate apart)."""
    entry = directory.entries.get(signed.request.namespace)
    if entry is None or entry.status != "active":
        return False
    asked = signed.request.entry(entry.engine_certificate, entry.admitted)
    return asked == entry


def shown(row: Enrolment, directory: Directory) -> dict[str, Any]:
    """What anybody may know of a request: its digest, namespace, kind, state, and why it was refused."""
    # The signed directory decides what is admitted; the database only remembers who asked.
    state = str(row.state)
    if state != State.REFUSED and is_signed(signed_enrolment(row), directory):
        state = str(State.ADMITTED)
    return {
        "digest": row.digest,
        "namespace": row.namespace,
        "kind": row.kind,
        "state": state,
        "reason": row.reason,
    }
