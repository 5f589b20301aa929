"""What the pages of the gateway are tested on: settings, records in the catalogue, receipts in a real journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jazari.catalog.indexing import update_index
from jazari.gateway.journal import Journal
from jazari.gateway.ledger import Ledger
from jazari.gateway.listening import FILE
from jazari.gateway.proxy.tests.serving import EMBEDDING, MODEL, toml
from jazari.gateway.receipt_files import journal_folder
from jazari.gateway.receipts import Receipt, Tried, new_call_id
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.words import DataClass, Kind, Usage
from jazari.governance.operations import record
from jazari.settings.home import Home

RULES = [build.rule(one, operators=["MA"], hosting=["MA", "FR"]) for one in ("public", "internal")]
HOSTILE = "<script>alert(1)</script>"
HOSTILE_CARD = 'x" onfocus="alert(1)'
"""Cards refuse what looks like HTML; this they let through."""


def give_gateway(home: Home, text: str = "") -> None:
    """A gateway.toml with two providers, of which nobody listens at the addresses."""
    (home.path / FILE).parent.mkdir(exist_ok=True)
    (home.path / FILE).write_text(
        text or "port = 1\n" + toml({"first": "http://127.0.0.1:9/v1", "second": "http://127.0.0.1:9/v1"})
    )


def publish(*rules: dict[str, Any], drill: dict[str, Any] | None = None, **changes: Any) -> None:
    """Cards of both providers and a policy, in the catalogue as a synchronisation would put them there.

    With the card of a drill, ``rabat/drill/campus-1@1``, where one is given.
    """
    models = [{**MODEL, "energy_wh_per_1000_tokens": 1.5, "energy_source": "metered"}, EMBEDDING]
    cards = {name: build.provider_card(models=models, **changes.get(name, {})) for name in ("first", "second")}
    records = [build.record("provider", card, name=name) for name, card in cards.items()]
    records.append(build.record("residency", build.residency_card(*(rules or RULES))))
    if drill is not None:
        records.append(build.record("drill", drill, name="campus-1"))
    update_index(build.Records(records))


def receipt(call: str, project: str, **changes: Any) -> Receipt:
    """A receipt of an answered call."""
    values: dict[str, Any] = {
        "id": call, "project": project, "key": "key-1", "route": "chat", "kind": Kind.CHAT,
        "data_class": DataClass.INTERNAL, "provider": "first", "model": "stand-in", "usage": Usage(12, 30),
        "charge": 250_000, "outcome": "answered", "status": 200, "energy_microwatt_hours": 4_000,
        "energy_source": "declared", "total_ms": 80, "moment": "2026-11-26T09:00:00Z",
        "tried": (Tried(provider="first", outcome="answered", decision="allowed"),),
    }  # fmt: skip
    return Receipt(**values | changes)


def serve(home: Home, *calls: dict[str, Any], anchored: bool = True, delivered: bool = True) -> list[str]:
    """Receipts of ``calls`` (changes of ``receipt``) in the journal, as a gateway writes them; their ids."""
    journal = Journal.open(journal_folder(home.path))
    ledger = Ledger(journal)
    ledger.set_grants(dict.fromkeys({one.get("project", "archives") for one in calls}, 10**12))
    ids = []
    for changes in calls:
        values = {"project": "archives", **changes}
        call = new_call_id(datetime.now(UTC) - timedelta(seconds=1))
        ledger.reserve(call, values["project"], 1_000_000)
        ledger.settle(call, receipt(call, **values))
        ids.append(call)
    if anchored:
        ledger.anchor()
    for event in ledger.undelivered_events() if delivered else ():
        record(event)
        ledger.delivered(event)
    journal.close()
    return ids
