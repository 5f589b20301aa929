"""Many made-up cards for the catalogue: words as frequent as in a language, four languages, all facets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from jazari.core.identifiers import RecordRef
from jazari.trust.records import Draft, Record, make_record

START = datetime(2024, 1, 1, tzinfo=UTC)
REGIONS = [f"MA-{number:02}" for number in range(1, 13)]
SECTORS = ["AGRI", "ENVI", "HEAL", "EDUC", "TECH", "ECON", "TRAN"]
LICENCES = ["CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0", "ODbL-1.0"]
EVERYWHERE = "parcelles"
"""A word in the description of every card."""
_COMMON = {
    "fr": "données sols eaux santé irrigation modèle région mesures qualité récolte climat pluie école hôpital",
    "ar": "بيانات تربة مياه صحة ري نموذج جهة قياسات جودة محصول مناخ أمطار مدرسة مستشفى",
    "en": "data soil water health irrigation model region measures quality harvest climate rain school hospital",
    "zgh": "ⴰⵎⴰⵏ ⴰⴽⴰⵍ ⵜⴰⵎⵓⵔⵜ ⵜⵉⵎⴽⵔⴰⵣ ⴰⵏⵣⴰⵔ ⵜⴰⴷⵓⵙⵉ",
}
COMMON = {language: text.split() for language, text in _COMMON.items()}
_SYLLABLES = [first + second for first in "brtnmlskvdpfgz" for second in "aeiou"]


class MadeUp:
    """Answers as trust's Reader does, with ``count`` records of ``institutes`` institutes."""

    def __init__(self, count: int, institutes: int = 40, seed: int = 5) -> None:
        self._draw = random.Random(seed)
        self._each = max(1, count // institutes)
        self._names = [f"institute-{number}" for number in range(count // self._each)]
        self._rare = ["".join(self._draw.choices(_SYLLABLES, k=4)) for _ in range(20_000)]

    def namespaces(self) -> list[str]:
        """As ``Reader.namespaces``."""
        return self._names

    def records(self, namespace: str, *, after: int = 0) -> Iterator[Record]:
        """As ``Reader.records``, for the first reading."""
        for number in range(after + 1, self._each + 1):
            ref = RecordRef(namespace, "dataset", f"set-{number}", 1)
            moment = START + timedelta(seconds=self._draw.randrange(60_000_000))
            yield make_record(ref, Draft("dataset", ref.name, self._card()), moment, ())

    def rare_word(self) -> str:
        """A word of a few cards."""
        return self._draw.choice(self._rare)

    def _text(self, language: str, words: int) -> str:
        common = COMMON[language]
        # The n-th most frequent word about 1/n times as often as the first.
        found = self._draw.choices(common, [1 / (n + 1) for n in range(len(common))], k=words)
        if language == "fr":
            found += self._draw.choices(self._rare, k=max(1, words // 4))
        return " ".join(found)

    def _card(self) -> dict[str, Any]:
        draw = self._draw
        others = draw.sample(["ar", "en", "zgh"], draw.randrange(4))
        return {
            "title": {language: self._text(language, 4) for language in ("fr", *others)},
            "description": {"fr": f"{EVERYWHERE} {self._text('fr', 40)}"}
            | {language: self._text(language, 40) for language in others},
            "variables": [{"name": f"column_{n}", "kind": "numeric", "lower": 0, "upper": 9} for n in range(12)],
            "rows": 1200,
            "subjects": 1200,
            "licence": {"name": draw.choice(LICENCES)},
            "terms": {"fr": "Études d'intérêt public."},
            "sectors": draw.sample(SECTORS, draw.randrange(1, 3)),
            "coverage": {"regions": draw.sample(REGIONS, draw.randrange(1, 4))},
        }
