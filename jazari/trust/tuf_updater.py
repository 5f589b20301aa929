"""The names we use of ``tuf.ngclient``, which brings an HTTP client: who only signs does without."""

from __future__ import annotations

from tuf.ngclient import FetcherInterface, Updater  # type: ignore[attr-defined]

__all__ = ["FetcherInterface", "Updater"]
