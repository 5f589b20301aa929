"""The engine's spool: each event once, whatever is in the folder, whenever we are killed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jazari.core.audit import AuditEvent
from jazari.core.errors import Unavailable
from jazari.governance.ingestion import SET_ASIDE, Ingestion, ingest_spool
from jazari.governance.models import AuditEntry
from jazari.governance.queries import all_entries, verify_trail
from jazari.governance.spool import LARGEST_FILE, write_event

EVENT = AuditEvent("studies.message-refused", "rabat", "run-1", {"round": 3, "rule": "bounds"}, id="r1-3")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "engine" / "spool"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.usefixtures("any_database")
class TestIngestion:
    def test_events_are_recorded_in_order_and_their_files_removed(self, spool: Path) -> None:
        for number in range(3):
            write_event(spool, AuditEvent("studies.sent", "rabat", f"round {number}"))
        assert ingest_spool(spool) == Ingestion(recorded=3)
        assert [entry.subject for entry in all_entries()] == ["round 0", "round 1", "round 2"]
        assert list(spool.iterdir()) == []
        assert "occurred" in AuditEntry.objects.get(seq=1).detail

    def test_an_event_delivered_twice_is_recorded_once(self, spool: Path) -> None:
        path = write_event(spool, EVENT)
        copy = path.read_bytes()
        assert ingest_spool(spool) == Ingestion(recorded=1)
        path.write_bytes(copy)
        assert ingest_spool(spool) == Ingestion(repeated=1)
        assert AuditEntry.objects.count() == 1
        assert not path.exists()

    def test_stopped_between_commit_and_removal_it_is_not_recorded_again(
        self, spool: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_event(spool, EVENT)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", _broken_disk)
            with pytest.raises(Unavailable):
                ingest_spool(spool)
        assert ingest_spool(spool) == Ingestion(repeated=1)
        assert AuditEntry.objects.count() == 1

    def test_another_event_under_a_taken_id_is_set_aside_and_told(self, spool: Path) -> None:
        write_event(spool, EVENT)
        ingest_spool(spool)
        write_event(spool, AuditEvent("studies.sent", "rabat", "run-1", id="r1-3"))
        assert ingest_spool(spool) == Ingestion(set_aside=1)
        assert _kinds() == ["studies.message-refused", "governance.spool-set-aside"]
        assert "entry 1" in AuditEntry.objects.get(seq=2).detail["reason"]

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"null",
            b"[]",
            b"\xff\xfe",
            b'"text"',
            b"[" * 200_000,
            b'{"kind": "a.b"}',
            b'{"kind": 7, "subject": "x"}',
            b'{"kind": "a.b", "subject": "x", "detail": []}',
            b'{"kind": "a.b", "subject": "x", "surprise": 1}',
            b'{"kind": "a.b", "subject": "' + b"x" * LARGEST_FILE + b'"}',
        ],
        ids=lambda content: content[:20].decode("latin-1"),
    )
    def test_a_file_without_event_is_set_aside_whole_and_told(self, spool: Path, content: bytes) -> None:
        (spool / "a.json").write_bytes(content)
        write_event(spool, EVENT)
        assert ingest_spool(spool) == Ingestion(recorded=1, set_aside=1)
        (kept,) = (spool / SET_ASIDE).iterdir()
        assert kept.read_bytes() == content
        told = AuditEntry.objects.get(kind="governance.spool-set-aside")
        assert told.subject == "a.json"
        assert told.detail["kept_as"] == kept.name
        assert ingest_spool(spool) == Ingestion()
        assert verify_trail() == []

    def test_links_and_devices_are_not_followed(self, spool: Path, tmp_path: Path) -> None:
        secret = tmp_path / "publishing.pem"
        secret.write_text(json.dumps({"kind": "a.b", "subject": "secret"}))
        (spool / "link.json").symlink_to(secret)
        os.mkfifo(spool / "pipe.json")
        (spool / "folder.json").mkdir()
        assert ingest_spool(spool) == Ingestion(set_aside=3)
        assert set(_kinds()) == {"governance.spool-set-aside"}
        assert secret.exists()

    def test_killed_between_telling_and_moving_it_tells_once(
        self, spool: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (spool / "bad.json").write_text("?")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", _broken_disk)
            with pytest.raises(Unavailable):
                ingest_spool(spool)
        assert ingest_spool(spool) == Ingestion(set_aside=1)
        assert _kinds() == ["governance.spool-set-aside"]

    def test_two_bad_files_of_one_name_are_both_kept(self, spool: Path) -> None:
        for content in ("first", "other"):
            (spool / "bad.json").write_text(content)
            ingest_spool(spool)
        assert {path.read_text() for path in (spool / SET_ASIDE).iterdir()} == {"first", "other"}
        assert len(_kinds()) == 2

    def test_a_file_still_being_written_is_left_alone(self, spool: Path) -> None:
        (spool / ".20260101.json.tmp12").write_text("{")
        (spool / ".hidden.json").write_text("{")
        assert ingest_spool(spool) == Ingestion()

    def test_it_takes_a_limited_number_at_a_time(self, spool: Path) -> None:
        for number in range(5):
            write_event(spool, AuditEvent("studies.sent", "rabat", str(number)))
        assert [ingest_spool(spool, most=3).recorded for _ in range(3)] == [3, 2, 0]

    def test_an_event_with_odd_content_still_gets_through(self, spool: Path) -> None:
        odd = AuditEvent(
            "studies.refused", "a\ud800", "run\x00" + "x" * 9000, {"value": float("nan"), "big": "y" * 10**6}
        )
        write_event(spool, odd)
        assert ingest_spool(spool) == Ingestion(recorded=1)
        assert AuditEntry.objects.get().detail["omitted"] == "too large"

    def test_no_folder_is_an_empty_spool(self, tmp_path: Path) -> None:
        assert ingest_spool(tmp_path / "nowhere") == Ingestion()


def _broken_disk(*_arguments: object, **_named: object) -> None:
    raise OSError(5, "Input/output error")


def _kinds() -> list[str]:
    return [entry.kind for entry in all_entries()]
