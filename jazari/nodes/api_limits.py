"""How often one address may call the public API. Answers that are kept as bytes do not count: they cost nothing."""

from __future__ import annotations

import time

from django.http import HttpRequest

from jazari.portal.limits import Buckets, address_group

PER_SECOND = 10.0
BURST = 100
MOST_CALLERS = 20_000
_buckets = Buckets(PER_SECOND, BURST, MOST_CALLERS, time.monotonic)


def seconds_to_wait(request: HttpRequest) -> float:
    """0 if this call may go on; else the seconds after which one may."""
    return _buckets.take(address_group(request.META.get("REMOTE_ADDR", "")))
