"""Python reads this at its start where it is on the path: a machine whose clock is wrong (see ``testing.clocks``)."""

import os
from datetime import UTC, datetime, timedelta

_SECONDS = os.environ.get("JAZARI_TEST_CLOCK_SECONDS")

if _SECONDS:
    from jazari.core import clock

    _offset = timedelta(seconds=float(_SECONDS))
    clock._now = lambda: datetime.now(UTC) + _offset
