"""How often one caller may ask. Pure but for the clock that it is given."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable


class Buckets:
    """``burst`` calls at once for each caller, and then ``rate`` a second; the callers longest silent are forgotten."""

    def __init__(self, rate: float, burst: int, most_callers: int, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._most, self._clock = rate, burst, most_callers, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> float:
        """0 if this call may go on; else the seconds after which one may."""
        now = self._clock()
        with self._lock:
            left, before = self._left.pop(caller, (float(self._burst), now))
            left = min(self._burst, left + (now - before) * self._rate)
            wait = 0.0 if left >= 1 else (1 - left) / self._rate
            self._left[caller] = (left - 1 if left >= 1 else left, now)
            if len(self._left) > self._most:
                self._left.popitem(last=False)
        return wait

    def give_back(self, caller: str) -> None:
        """Undo one ``take`` that was granted."""
        with self._lock:
            if caller in self._left:
                left, before = self._left[caller]
                self._left[caller] = (min(self._burst, left + 1), before)

    def knows(self, caller: str) -> bool:
        """Whether ``caller`` called before and was not forgotten since."""
        return caller in self._left

    def forget(self, caller: str) -> None:
        """As if ``caller`` had never called."""
        with self._lock:
            self._left.pop(caller, None)


def address_group(address: str) -> str:
    """Whom an address stands for: itself, or with IPv6 its network of 64 bits, which one household has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
