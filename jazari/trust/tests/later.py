"""Moving time: our clock, and the one that python-tuf reads when a reader starts."""

from __future__ import annotations

import datetime as real
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from jazari.core.clock import frozen, now


@contextmanager
def days_later(days: float) -> Iterator[real.datetime]:
    """Inside the block it is ``days`` later, for Jazari and for python-tuf."""
    moment = now() + real.timedelta(days=days)

    class Moved(real.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> real.datetime:  # type: ignore[override]
            return moment.astimezone(tz)

    module = SimpleNamespace(datetime=Moved, timezone=real.timezone, timedelta=real.timedelta)
    with frozen(moment), mock.patch("tuf.ngclient._internal.trusted_metadata_set.datetime", module):
        yield moment
