"""Kinds of cards in words, counted: "3 data sets". Each kind that no sentence knows is told by its own name."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import get_language, ngettext_lazy, pgettext

from jazari.catalog.facets import EVIDENCE
from jazari.portal import wording

ORDER = ("dataset", "study", "result", "model", "course", "prototype", "service", "provider", "residency", "drill")
"""In which kinds are listed; others follow by name."""
HIDDEN = frozenset({*EVIDENCE, "institute"})
"""Kinds that are no offer: what proves something about others, and who an institute is."""

_COUNTED = {
    "dataset": ngettext_lazy("%(count)s data set", "%(count)s data sets", "number"),
    "study": ngettext_lazy("%(count)s study", "%(count)s studies", "number"),
    "result": ngettext_lazy("%(count)s result", "%(count)s results", "number"),
    "model": ngettext_lazy("%(count)s model", "%(count)s models", "number"),
    "provider": ngettext_lazy("%(count)s provider of AI models", "%(count)s providers of AI models", "number"),
    "residency": ngettext_lazy(
        "%(count)s policy on where data may go", "%(count)s policies on where data may go", "number"
    ),
    "drill": ngettext_lazy("%(count)s drill", "%(count)s drills", "number"),
    "course": ngettext_lazy("%(count)s course", "%(count)s courses", "number"),
    "prototype": ngettext_lazy("%(count)s prototype", "%(count)s prototypes", "number"),
    "service": ngettext_lazy("%(count)s public service", "%(count)s public services", "number"),
    "institutes": ngettext_lazy("%(count)s institute", "%(count)s institutes", "number"),
}


def counted(kind: str, number: int) -> str:
    """``number`` records of ``kind`` in the reader's language; also ``institutes`` for members."""
    shown = wording.number(number, get_language() or "fr")
    sentence = _COUNTED.get(kind)
    if sentence is None:
        return pgettext("a kind of card without a name of its own, and how many", "%(kind)s: %(count)s") % {
            "kind": kind,
            "count": shown,
        }
    return str(sentence % {"number": number, "count": shown})


def in_order(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Kinds that are offers and their counts, in the order in which they are told; none that is not there."""
    places = {kind: place for place, kind in enumerate(ORDER)}
    shown = [(kind, count) for kind, count in counts.items() if count and kind not in HIDDEN]
    return sorted(shown, key=lambda item: (places.get(item[0], len(ORDER)), item[0]))
