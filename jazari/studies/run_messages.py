"""What is said of a run while it goes on and at its end: English text, which travels to other nodes and is stored.

A page knows these sentences again (``recognised``) and says them in its reader's language. What is no more than an
error's sentence, with its code, is not among them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jazari.studies.saying import Names, Sentence, Untranslated, Value, worded

_FORMS = {
    "round": r"\d+", "rounds": r"\d+", "attempts": r"\d+", "institute": r"[a-z0-9-]+", "code": r"[a-z.-]+",
    "institutes": r"[a-z0-9-]+(?:, [a-z0-9-]+)*", "detail": r".+", "reason": r".+",
}  # fmt: skip
_BETWEEN = ", "
_PATTERNS: dict[str, re.Pattern[str]] = {}


def _pattern(message: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", message)
    literal = (re.escape(part) for part in parts[::2])
    named = (f"(?P<{name}>{_FORMS[name]})" for name in parts[1::2])
    return re.compile("".join(part for pair in zip(literal, [*named, ""], strict=True) for part in pair), re.DOTALL)


def _(message: str) -> str:
    """Marks ``message`` for the catalogues, and lets it be known again."""
    _PATTERNS[message] = _pattern(message)
    return message


WAITING = _("Round {round}: waiting for {institutes}.")
CONNECTING = _("Waiting for {institutes} to connect.")
PERMITTING = _("Waiting for the permit of {institutes}.")
NOT_SERVED = _("The engine server is not running: start it with `jazari serve`.")
FINISHED = _("Finished after {rounds} rounds.")
NO_RESULT = _("There is no result after {rounds} rounds: propose the study with more rounds.")
LATE = _("Round {round} was not answered in time by {institutes}: run the study again when they are back.")
NOT_RUN = _(
    "Round {round} could not be run in {attempts} attempts: look at the engine's log, then order the run again."
)
SHUT_OUT = _("{institutes} may not take part any more: order the run without them.")
NOT_ALLOWED = _("{institute} sent what the study does not allow: {detail}")
CANCELLED = _("The run was cancelled.")
WITHDRAWN = _("{institute} withdrew it.")
NOT_APPROVED = _("{institute} withdrew its approval.")
REFUSED = _("{institute} refused this run ({code}): ask its steward.")
REFUSED_ROUND = _("{institute} refused round {round} ({code}): its audit trail says why.")

NOT_ASKED = _("The study does not ask this institute.")
UNDECIDED = _("This institute has not decided on the study: the run goes on without it.")
APPROVED_LATE = _("This institute approved the study after the run was recorded: the run goes on without it.")
CHOSE_TO_REFUSE = _("This institute's steward chose to refuse the study: {reason}")
CHOSE_TO_WITHDRAW = _("This institute's steward chose to withdraw the study: {reason}")
NO_REASON = _("no reason given")
PERMIT_WITHDRAWN = _("The permit was withdrawn: the run or its approval no longer stands.")
OTHER_TOTALS = _(
    "The Root reports other totals than {institutes} received: the result is not published; show the audit trail to "
    "the board."
)


def listed(institutes: Iterable[str]) -> str:
    """Institutes as these sentences name several."""
    return _BETWEEN.join(institutes)


def recognised(text: str) -> Sentence | None:
    """The sentence that ``text`` is, with what was put into it; None if it is none of these."""
    for message, pattern in _PATTERNS.items():
        found = pattern.fullmatch(text)
        if found:
            return worded(message, **{name: _value(name, told) for name, told in found.groupdict().items()})
    return None


def _value(name: str, told: str) -> Value:
    if name == "institutes":
        return Names(tuple(told.split(_BETWEEN)))
    if name == "detail":
        return Untranslated(told)
    if told == NO_REASON:
        return worded(told)
    return int(told) if told.isdecimal() else told
