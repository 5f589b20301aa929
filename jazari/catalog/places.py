"""The order of all items as one number each: the newest has the highest.

Full-text engines walk numbers in order for nothing, while sorting many hits by date costs. Seconds of publication come
first, then the place in the log, then a few bits of the namespace, so that following logs and reading them at once
give the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from jazari.catalog.models import CatalogItem
from jazari.trust.records import Record

_SECOND_BITS, _NUMBER_BITS, _NAMESPACE_BITS = 34, 15, 14


def place_of(record: Record, number: int) -> int:
    """The place of a record that is the ``number``-th of its log."""
    second = min(max(int(record.published.timestamp()), 0), 2**_SECOND_BITS - 1)
    mixed = int.from_bytes(hashlib.sha256(record.namespace.encode()).digest()[:2], "big") % 2**_NAMESPACE_BITS
    place: int = (second << _NUMBER_BITS | number % 2**_NUMBER_BITS) << _NAMESPACE_BITS | mixed
    return place


def free_places(wanted: Sequence[int]) -> list[int]:
    """``wanted``, each moved up to the next place that no item has, should two ever meet."""
    asked = set(wanted)
    taken = set(CatalogItem.objects.filter(place__in=wanted).values_list("place", flat=True))
    found = []
    for place in wanted:
        free = place
        while free in taken or (free not in asked and CatalogItem.objects.filter(place=free).exists()):
            free = (free + 1) % 2**63
        taken.add(free)
        found.append(free)
    return found
