"""Waiting for what other processes do, with timeouts far beyond what it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.05


def until(condition: Callable[[], Found], what: str, seconds: float = PATIENCE_SECONDS) -> Found:
    """What ``condition`` returns once that is true; fails the test, naming ``what``, after ``seconds``.

    A look that takes long, such as a command, is followed by as long a pause: what is waited for needs the machine too.
    """
    began = time.monotonic()
    deadline, looked = began + seconds, began
    while not (found := condition()):
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(max(LOOK_SECONDS, now - looked))
        looked = time.monotonic()
    return found
