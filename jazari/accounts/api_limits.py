"""How often the public API may be called: by each token, by each person in a session, and from each address.

Whoever has shown who they are is counted by that and not by their address, which a whole ministry may share; everybody
else is counted by address, and so is a secret that opens nothing. Counts are in memory: the portal is one process.
Answers that are kept as bytes do not count: they cost nothing.
"""

from __future__ import annotations

import time
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

from jazari.accounts.api_access import secret_of, token_behind
from jazari.accounts.buckets import Buckets, address_group
from jazari.accounts.limits import client_address
from jazari.accounts.tokens import hash_of

PER_SECOND = 10.0
BURST = 100
"""Of an address."""
AT_ONCE = 6
"""A token may spend this part of its minute at once: a sixth, as an address may."""
MOST_CALLERS = 20_000


class Limits:
    """The three counts. ``unproven``: how often an address may show a secret that is not known to open anything.

    A secret is looked up in the database only after one of the counts has let it pass, so that nobody can make the
    database work by sending invented ones. One that was found to open something is counted by itself from then on:
    no exhaustion of the address, by whatever cause, keeps it out.
    """

    def __init__(self, addresses: Buckets, unproven: Buckets, callers: Buckets) -> None:
        self._addresses, self._unproven, self._callers = addresses, unproven, callers

    def seconds_to_wait(self, request: HttpRequest) -> float:
        """0 if this call may go on; else the seconds after which one may."""
        address = address_group(client_address(request))
        secret = secret_of(request)
        if secret is not None:
            return self._with_secret(request, hash_of(secret), address)
        if request.user.is_authenticated:
            return self._callers.take(f"person:{request.user.pk}")
        return self._addresses.take(address)

    def _with_secret(self, request: HttpRequest, caller: str, address: str) -> float:
        proven = self._callers.knows(caller)
        wait = self._callers.take(caller) if proven else self._unproven.take(address)
        if wait:
            return wait
        if token_behind(request) is None:
            self._callers.forget(caller)
            return self._addresses.take(address)
        if proven:
            return 0
        self._unproven.give_back(address)
        return self._callers.take(caller)


@lru_cache(maxsize=1)
def limits(per_minute: int) -> Limits:
    """The limits of this process, with ``per_minute`` calls for each token and each person."""
    clock = time.monotonic
    addresses, unproven = (Buckets(PER_SECOND, BURST, MOST_CALLERS, clock) for _ in range(2))
    callers = Buckets(per_minute / 60, max(1, per_minute // AT_ONCE), MOST_CALLERS, clock)
    return Limits(addresses, unproven, callers)


def seconds_to_wait(request: HttpRequest) -> float:
    """0 if this call may go on; else the seconds after which one may."""
    return limits(settings.PORTAL_REQUESTS_PER_MINUTE).seconds_to_wait(request)
