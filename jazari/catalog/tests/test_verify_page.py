"""The page that verifies a record now: over a real network, whole and tampered with."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jazari.catalog import verifying
from jazari.catalog.cards.dataset import DatasetCard
from jazari.catalog.indexing import update_index
from jazari.catalog.mock import mock_csv
from jazari.catalog.models import CatalogItem
from jazari.catalog.tests.home import root_home
from jazari.catalog.tests.records import Logs, dataset_card
from jazari.catalog.tests.records import record as make
from jazari.core.canonical import canonical_json
from jazari.core.clock import frozen, now
from jazari.federation.exchange import open_reader
from jazari.settings.home import Home
from jazari.testing.pages import anonymous
from jazari.trust.metadata import blob_path
from jazari.trust.records import Draft, Record

pytestmark = pytest.mark.usefixtures("portal")
VERIFY = "/catalogue/fes/dataset/soil/1/verify/"


@pytest.fixture
def record(portal: Home, tmp_path: Path, settings: Any) -> Record:
    card = dataset_card("Sols", mock={"rows": 12, "seed": 4})
    data = tmp_path / "mock.csv"
    data.write_bytes(mock_csv(DatasetCard.model_validate_json(canonical_json(card))))
    home = _network(
        tmp_path, Draft("dataset", "soil", card, {"mock.csv": data}), Draft("dataset", "water", dataset_card("Eaux"))
    )
    settings.HOME = home
    reader = open_reader(home)
    reader.refresh()
    update_index(reader)
    found = reader.record("fes/dataset/soil@1")
    reader.file(found, "mock.csv")
    reader.logs.index.close()
    return found


def _network(folder: Path, *drafts: Draft) -> Home:
    home, world = root_home(folder / "network")
    world.publish("fes", *drafts)
    shutil.rmtree(home.repository)
    shutil.copytree(world.path / "root", home.repository)
    return home


def verified(status: int = 200) -> str:
    answer = anonymous().get(VERIFY)
    assert answer.status_code == status
    assert "no-store" in answer["Cache-Control"]
    return answer.content.decode()


def mirror(settings: Any) -> Path:
    home: Home = settings.HOME
    return home.mirror


def failed_step(page: str) -> str:
    assert page.count("FAILED") == 1
    before, _, after = page.partition(": this step FAILED")
    assert ": this step verifies" not in after
    return before.rpartition("</span>")[2].strip()


def test_every_step_is_explained_with_what_was_compared(record: Record) -> None:
    page = verified()
    assert "Everything verifies." in page
    assert page.count(": this step verifies</h2>") == 8
    assert page.count(record.digest) == 2
    assert "2 of 3" in page
    assert "jazari verify copy --network network.json" in page


def test_the_card_names_the_keys_and_links_to_the_verification(record: Record) -> None:
    page = anonymous().get("/catalogue/fes/dataset/soil/").content.decode()
    assert VERIFY in page
    assert page.count('<code class="catalogue-hash" dir="ltr">') >= 3
    assert "holds no copy of the network" not in page


def test_a_tampered_log_is_said_with_its_step(record: Record, settings: Any) -> None:
    path = mirror(settings) / "targets" / "fes" / "log" / "1.ndjson.zst"
    data = bytearray(path.read_bytes())
    data[-9] ^= 4
    path.write_bytes(bytes(data))
    page = verified()
    assert failed_step(page) == "The institute's log"
    assert "does NOT verify here" in page
    assert "its hash is another one" in page


def test_a_tampered_database_is_said_with_its_step(record: Record) -> None:
    item = CatalogItem.objects.get(ref=record.ref)
    CatalogItem.objects.filter(pk=item.pk).update(digest="sha256:" + "0" * 64)
    assert failed_step(verified()) == "The record"


def test_a_database_whose_record_was_changed_is_noticed(record: Record) -> None:
    item = CatalogItem.objects.get(ref=record.ref)
    CatalogItem.objects.filter(pk=item.pk).update(record=item.record.replace("1200", "9999"))
    assert failed_step(verified()) == "The record"


def test_a_tampered_file_is_said_with_its_step(record: Record, settings: Any) -> None:
    path = mirror(settings) / "targets" / blob_path(record.files[0].sha256)
    path.write_bytes(path.read_bytes().replace(b"mock", b"real"))
    assert failed_step(verified()) == "Its files"


def test_a_forged_signature_is_said_with_its_step(record: Record, settings: Any) -> None:
    path = mirror(settings) / "metadata" / "timestamp.json"
    path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"00', 1))
    assert failed_step(verified()) == "The state of the network"


def test_what_is_out_of_date_is_no_forgery(record: Record) -> None:
    with frozen(now() + timedelta(days=40)):
        page = verified()
        card = anonymous().get("/catalogue/fes/dataset/soil/").content.decode()
    assert failed_step(page) == "Freshness"
    assert "out of date" in page
    assert "does NOT verify" not in page
    assert "This copy of the network is out of date" in card


def test_many_at_once_are_asked_to_wait(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "PATIENCE_SECONDS", 0.01)
    for _ in range(verifying.MOST_AT_ONCE):
        verifying._turns.acquire()
    try:
        assert "try again" in verified(status=503)
    finally:
        for _ in range(verifying.MOST_AT_ONCE):
            verifying._turns.release()
    assert "Everything verifies." in verified()


def test_a_node_without_a_network_says_so(portal: Home) -> None:
    update_index(Logs(make("fes/dataset/soil@1", dataset_card("Sols"))))
    answer = anonymous().get(VERIFY)
    assert answer.status_code >= 400
    assert "Nothing could be verified now" in answer.content.decode()
