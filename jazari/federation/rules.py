"""Pure decisions of federation."""

from __future__ import annotations

from datetime import datetime, timedelta

OFFLINE_AFTER = timedelta(seconds=45)
"""A node calls at least every 25 s; the Root must show a silent one as offline within 60 s."""
LONG_POLL_SECONDS = 25.0
DRAIN_BYTES = 4 * 1024**2
"""How much more of a refused upload the Root takes, so that the client reads why instead of a reset."""
LARGEST_ENROLMENT = 256 * 1024
MOST_PENDING_ENROLMENTS = 1000
"""Anybody may ask to be admitted, so what strangers can store is bounded."""


def is_online(last_seen: datetime | None, now: datetime) -> bool:
    """Whether a node that last called at ``last_seen`` counts as online at ``now``.

    A call from the future (the Root's clock was set back) counts: better than offline until it passes.
    """
    return last_seen is not None and now - last_seen <= OFFLINE_AFTER


def which_clock(offset_seconds: float, peers_in_time: int) -> str:
    """Whose clock is probably wrong, as an addition to the sentence on the difference; "" if unknown.

    ``peers_in_time``: other institutes whose requests agreed with the Root's clock lately.
    """
    if peers_in_time == 0:
        return ""
    names = "another institute agrees" if peers_in_time == 1 else f"{peers_in_time} other institutes agree"
    direction = "back" if offset_seconds > 0 else "forward"
    return f" As {names} with the Root, the institute's clock is the wrong one: set it {direction}."
