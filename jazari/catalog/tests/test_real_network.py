"""Cards, acceptance, mirror, index and audit checkpoints over a real network: real keys, logs and metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from jazari.catalog import cards
from jazari.catalog.indexing import IndexReport, rebuild_index, update_index
from jazari.catalog.models import CatalogItem
from jazari.catalog.queries import get_item, search
from jazari.catalog.registry import CardContext, card_checker
from jazari.catalog.tests.records import dataset_card, institute_card
from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.governance.cards import CheckpointCard
from jazari.governance.models import AuditEntry
from jazari.governance.operations import due_checkpoint, record
from jazari.governance.queries import published_checkpoints, verify_trail
from jazari.governance.triggers import drop_statements
from jazari.trust.acceptance import accept
from jazari.trust.ceremonies.proposals import propose_revocation
from jazari.trust.publication import Publication, Receipt
from jazari.trust.records import Draft, Record
from jazari.trust.tests.world import World

cards.register()


class Network(World):
    """T's small network, whose Root checks cards as a real one does."""

    def upload(self, publication: Publication) -> Receipt:
        """Accept with the catalogue's checker, which looks accepted records up in the repository."""
        state = self.repository.committed()

        def find(ref: str) -> Record | None:
            try:
                return self.repository.logs.find(ref)
            except JazariError:
                return None

        check = card_checker(CardContext(find=find, directory=state.directory))
        return accept(self.repository, self.travelled(publication), check).receipt

    def dataset(self, namespace: str, name: str, title: str = "Sols") -> Record:
        """Publish a dataset card."""
        return self.publish(namespace, Draft("dataset", name, dataset_card(title)))[0]


@pytest.fixture
def network(tmp_path: Path, any_database: Any) -> Network:
    return Network(tmp_path / "world")


def refs(query: str = "") -> list[str]:
    return [item.ref for item in search(query).items]


def withdraw(target: str) -> Draft:
    return Draft("withdrawal", "w-1", {"withdraws": target, "reason": {"en": "Wrong unit."}})


class TestAcceptance:
    def test_nobody_withdraws_the_record_of_another(self, network: Network) -> None:
        soil = network.dataset("dakhla", "soil")
        with pytest.raises(JazariError, match="belongs to dakhla"):
            network.publish("fes", withdraw(soil.ref))
        assert [item.ref for item in network.repository.logs.records("fes")] == []
        assert network.publish("dakhla", withdraw(soil.ref))[0].type == "withdrawal"

    def test_one_may_publish_and_withdraw_in_one_publication(self, network: Network) -> None:
        drafts = [Draft("dataset", "soil", dataset_card()), withdraw("dakhla/dataset/soil@1")]
        assert len(network.publish("dakhla", *drafts)) == 2

    @pytest.mark.parametrize(
        ("draft", "says"),
        [
            (Draft("institute", "dakhla", institute_card({"fr": "<b>Dakhla</b>"})), "HTML"),
            (Draft("institute", "dakhla", institute_card({"fr": "Dakhla\u202e"})), r"U\+202E"),
            (Draft("dataset", "soil", dataset_card(subjects=3)), "floor"),
            (Draft("hologram", "soil", dataset_card()), "no card type"),
        ],
    )
    def test_a_bad_card_is_refused_whole(self, network: Network, draft: Draft, says: str) -> None:
        with pytest.raises(JazariError, match=says):
            network.publish("dakhla", Draft("dataset", "good", dataset_card()), draft)
        assert list(network.repository.logs.records("dakhla")) == []

    def test_mock_rows_travel_and_are_verified(self, network: Network, tmp_path: Path) -> None:
        from jazari.catalog.cards.dataset import DatasetCard
        from jazari.catalog.mock import mock_csv
        from jazari.core.canonical import canonical_json

        card = dataset_card(mock={"rows": 12, "seed": 4})
        data = mock_csv(DatasetCard.model_validate_json(canonical_json(card)))
        path = tmp_path / "mock.csv"
        path.write_bytes(data.replace(b"mock-site-3", b"Mr. Real Person"))
        with pytest.raises(JazariError, match="could hold real rows"):
            network.publish("dakhla", Draft("dataset", "soil", card, {"mock.csv": path}))
        path.write_bytes(data)
        (published,) = network.publish("dakhla", Draft("dataset", "soil", card, {"mock.csv": path}))
        reader = network.reader()
        reader.refresh()
        fetched = reader.file(reader.record(published.ref), "mock.csv").read_bytes()
        assert hashlib.sha256(fetched).digest() == hashlib.sha256(data).digest()


class TestIndex:
    def test_the_index_follows_the_mirror_at_the_cost_of_what_is_new(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drafts = [Draft("dataset", f"d{number}", dataset_card(f"Jeu {number}")) for number in range(60)]
        network.publish("dakhla", *drafts)
        network.publish("fes", Draft("institute", "fes", institute_card({"ar": "معهد فاس", "zgh": "ⴼⴰⵙ"})))
        reader = network.reader()
        reader.refresh()
        assert update_index(reader) == IndexReport(added=61)
        network.dataset("dakhla", "late", "Forêts")
        reader.refresh()
        read = count_reads(monkeypatch, reader.logs)
        assert update_index(reader) == IndexReport(added=1)
        assert read() <= 4  # the last known of each log, and the new one
        assert refs("forets") == ["dakhla/dataset/late@1"]
        assert refs("معهد") == ["fes/institute/fes@1"]

    def test_a_rebuild_from_the_mirror_gives_the_same_index(self, network: Network) -> None:
        network.dataset("dakhla", "soil", "Sols")
        network.dataset("dakhla", "soil", "Sols agricoles")
        network.publish("dakhla", withdraw("dakhla/dataset/soil@1"))
        reader = network.reader()
        reader.refresh()
        update_index(reader)
        before = list(CatalogItem.objects.order_by("ref").values("ref", "digest", "is_latest", "withdrawn_by"))
        assert rebuild_index(reader).added == 3
        assert list(CatalogItem.objects.order_by("ref").values("ref", "digest", "is_latest", "withdrawn_by")) == before
        assert get_item("dakhla/dataset/soil@1").withdrawn_by == "dakhla/withdrawal/w-1@1"

    def test_what_a_revoked_institute_published_after_its_last_good_version_leaves_the_index(
        self, network: Network
    ) -> None:
        good = network.dataset("fes", "good", "Bon")
        last_good = network.repository.head("fes").version
        network.dataset("fes", "bad", "Mauvais")
        reader = network.reader()
        reader.refresh()
        update_index(reader)
        assert refs("mauvais") == ["fes/dataset/bad@1"]
        network.finish(propose_revocation(network.repository, "fes", last_good))
        reader.refresh()
        update_index(reader)
        assert refs("mauvais") == []
        assert refs("bon") == [good.ref]


class TestCheckpoints:
    def test_a_checkpoint_in_the_signed_log_shows_that_the_trail_was_cut(self, network: Network) -> None:
        for number in range(5):
            record(AuditEvent("test.done", "dakhla", str(number)))
        card = due_checkpoint(None)
        assert card is not None
        network.publish("dakhla", Draft("checkpoint", "audit", card.model_dump(mode="json")))
        reader = network.reader()
        reader.refresh()
        (published,) = published_checkpoints(reader.logs, "dakhla")
        assert published == card
        assert verify_trail([published]) == []
        assert due_checkpoint(CheckpointCard(entries=2**40, head="0" * 64, moment=card.moment)) is None
        with connection.cursor() as cursor:
            for statement in drop_statements(connection.vendor):
                cursor.execute(statement)
        AuditEntry.objects.filter(seq__gt=3).delete()
        assert verify_trail() == []
        assert [problem.trouble for problem in verify_trail([published])] == ["truncated"]


def count_reads(monkeypatch: pytest.MonkeyPatch, logs: object) -> Callable[[], int]:
    original = logs.read  # type: ignore[attr-defined]
    count = [0]

    def read(position: object) -> object:
        count[0] += 1
        return original(position)

    monkeypatch.setattr(logs, "read", read)
    return lambda: count[0]
