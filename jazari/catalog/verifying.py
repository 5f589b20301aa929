"""Verifying a record for somebody who asks on a page, from this node's own verified copy of the network."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jazari.catalog.errors import VerifierBusy
from jazari.catalog.models import CatalogItem
from jazari.core.errors import JazariError
from jazari.federation.exchange import open_mirror
from jazari.federation.invitation import network_of
from jazari.settings.home import Home
from jazari.trust.proof import Proof, prove
from jazari.trust.reading import Reader, Standing

MOST_AT_ONCE = 2
PATIENCE_SECONDS = 5.0
_turns = threading.BoundedSemaphore(MOST_AT_ONCE)


@dataclass(frozen=True)
class Signature:
    """Whose keys vouch for an item now, and whether what proves it is fresh."""

    keys: list[str]
    standing: Standing


def verify_item(home: Home, item: CatalogItem) -> Proof:
    """Every step from the pinned root to the record's files, now. ``VerifierBusy`` where many ask at once.

    Raises what ``open_mirror`` raises where this node has joined no network.
    """
    if not _turns.acquire(timeout=PATIENCE_SECONDS):
        raise VerifierBusy("Others are verifying at this moment: try again in a few seconds.")
    try:
        with _reading(home) as reader:
            return prove(reader, network_of(home).trusted_root_bytes, item.ref, _shown_digest(item))
    finally:
        _turns.release()


def _shown_digest(item: CatalogItem) -> str:
    """The digest of the record as pages show it, where the database agrees with itself; else one that nothing has."""
    shown = f"sha256:{hashlib.sha256(item.record.encode()).hexdigest()}"
    return shown if shown == item.digest else f"not {item.digest}"


def signature_of(home: Home, item: CatalogItem) -> Signature | None:
    """Whose keys vouch for ``item``; None where this node holds no copy of the network."""
    try:
        with _reading(home) as reader:
            entry = reader.directory().entries.get(item.namespace)
            return Signature(entry.key_ids(), reader.standing(item.namespace)) if entry else None
    except JazariError:
        return None


@contextmanager
def _reading(home: Home) -> Iterator[Reader]:
    reader = open_mirror(home)
    try:
        yield reader
    finally:
        reader.logs.index.close()
