"""``python -m jazari.gateway.drills.tests.founding HOME``: the records that a gateway's provider decisions rest on.

Puts cards of two providers and a policy into the catalogue of the home, as a synchronisation would.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jazari.federation.options import prepare
from jazari.gateway.tests import policy_builders as build
from jazari.trust.records import Record

MODEL = {"name": "stand-in", "kinds": ["chat", "completion"], "context_tokens": 8192}
EMBEDDING = {"name": "stand-in-embedding", "kinds": ["embedding"], "context_tokens": 8192}


def main(home: str) -> None:
    """Fill the catalogue of ``home``."""
    prepare(Path(home), migrate=True)
    fill()


def fill() -> None:
    """Fill the catalogue in the current database."""
    from jazari.catalog.indexing import update_index

    card = build.provider_card(models=[MODEL, EMBEDDING])
    records: list[Record] = [build.record("provider", card, name=name) for name in ("first", "second")]
    records.append(build.record("residency", build.residency_card(build.rule("public"))))
    update_index(build.Records(records))


if __name__ == "__main__":
    main(sys.argv[1])
