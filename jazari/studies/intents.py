"""What stewards mean to decide, as they confirmed it at a page. The decision itself is signed by the steward's key,
which no process that serves pages ever holds (see docs/adr/0013-stewards-decide-beside-the-portal.md).
"""

from __future__ import annotations

import shlex
from datetime import timedelta

from django.db import IntegrityError, transaction

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.studies.decisions import Choice
from jazari.studies.errors import NotConfirmed
from jazari.studies.models import Intent
from jazari.studies.operations import Here, check_decision
from jazari.studies.overview import Study

LONGEST_REASON = 2000
KEPT_UNCONFIRMED = timedelta(hours=1)
_COMMANDS = {Choice.APPROVE: "approve", Choice.REFUSE: "refuse", Choice.WITHDRAW: "withdraw-approval"}


def ask(here: Here, person: int, reference: str, choice: Choice, reason: str) -> Intent:
    """Note what ``person`` is about to confirm, if it could be decided now; raises what ``decide`` would raise.

    What the same person asked before on the study and never confirmed is forgotten.
    """
    study = check_decision(here, reference, choice, reason[:LONGEST_REASON])
    Intent.objects.filter(confirmed=None, asked__lt=clock.now() - KEPT_UNCONFIRMED).delete()
    Intent.objects.filter(confirmed=None, person=person, study=reference).delete()
    return Intent.objects.create(
        person=person,
        study=reference,
        agreement=study.agreement,
        choice=str(choice),
        reason=reason[:LONGEST_REASON],
        asked=clock.now(),
    )


def confirm(intent: Intent, confirmation: str) -> Intent:
    """Keep that a passkey confirmed it; raises ``NotConfirmed`` without one, or for one that confirmed another."""
    if not confirmation:
        raise NotConfirmed("The passkey has not confirmed this within the last five minutes: confirm it again.")
    if intent.confirmed is not None:
        return intent
    intent.confirmed, intent.confirmation = clock.now(), confirmation
    try:
        with transaction.atomic():
            intent.save(update_fields=["confirmed", "confirmation"])
    except IntegrityError as error:
        raise NotConfirmed("This answer of the passkey has confirmed another decision: confirm it again.") from error
    detail = {"agreement": intent.agreement, "choice": intent.choice}
    events.emit(AuditEvent("studies.decision-confirmed", f"person:{intent.person}", intent.study, detail))
    return intent


def open_intents(study: Study, namespace: str) -> list[Intent]:
    """What was confirmed for ``namespace`` and is not what its last signed decision says, newest first."""
    decided = study.decisions.get(namespace)
    rows = Intent.objects.filter(study=study.reference, agreement=study.agreement).exclude(confirmed=None)[:20]
    return [row for row in rows if decided is None or not _answers(decided.moment, row)]


def _answers(moment: str, row: Intent) -> bool:
    """Whether the decision signed at ``moment`` came after it."""
    return row.confirmed is not None and moment >= clock.timestamp(row.confirmed)


def command_of(intent: Intent) -> str:
    """What the steward runs where the steward's key is; it refuses unless the study has exactly this digest."""
    words = ["jazari", "study", _COMMANDS[Choice(intent.choice)], intent.study, "--agreement", intent.agreement]
    return shlex.join([*words, "--reason", intent.reason] if intent.reason else words)
