"""The one source of the current time, so that tests can move it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


def _system_now() -> datetime:
    return datetime.now(UTC)


_now: Callable[[], datetime] = _system_now


def now() -> datetime:
    """The current time, in UTC, with time zone."""
    return _now()


def timestamp(moment: datetime | None = None) -> str:
    """``moment`` (now by default) as RFC 3339 in UTC to the second, e.g. ``2026-11-01T09:30:00Z``."""
    # Not strftime, which takes longer: every receipt and every line of a log has one.
    return (moment or now()).astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


@contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Make ``now()`` answer ``moment`` inside the block. For tests and for reading as of a date."""
    global _now
    previous, _now = _now, lambda: moment
    try:
        yield
    finally:
        _now = previous
