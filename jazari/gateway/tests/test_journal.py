"""The journal's files: chained, whole after a kill, honest about damage, and still there when the disk is full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jazari.core.canonical import canonical_json
from jazari.core.errors import Busy
from jazari.gateway.errors import JournalDamaged, JournalUnwritable
from jazari.gateway.journal import Journal, segments
from jazari.gateway.journal_lines import GENESIS, BadLine, check_lines, line_bytes, parse_line
from jazari.gateway.receipt_files import check_journal, find_receipt
from jazari.gateway.tests.journal_process import open_ledger, receipt_of

PROCESS = "jazari.gateway.tests.journal_process"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def write(folder: Path, *bodies: str) -> None:
    journal = Journal.open(folder)
    for body in bodies:
        journal.append("note", body)
    journal.close()


def test_a_line_is_canonical_json_and_its_hash_is_of_the_rest() -> None:
    data, digest = line_bytes(7, "2026-11-26T09:00:00Z", "note", '{"a":"é\\"},\\"kind\\":\\"x"}', GENESIS)
    line = parse_line(data[:-1])
    assert (line.n, line.kind, line.hash, line.prev) == (7, "note", digest, GENESIS)
    assert line.body == {"a": 'é"},"kind":"x'}
    assert line.text == canonical_json(line.body)
    rest = {"at": line.at, "body": line.body, "kind": line.kind, "n": line.n, "prev": line.prev}
    assert data == canonical_json(rest)[:-1] + b',"hash":"' + digest.encode() + b'"}\n'


@pytest.mark.parametrize("data", [b"", b"{}", b"x" * 200, b'{"n":1,"hash":"' + b"0" * 64 + b'"}'])
def test_what_is_no_line_is_refused(data: bytes) -> None:
    with pytest.raises(BadLine):
        parse_line(data)


def test_lines_follow_each_other(folder: Path) -> None:
    write(folder, '{"a":1}', '{"a":2}')
    found = [line for line, _ in check_lines(segments(folder)[0].read_bytes(), 1, GENESIS)]
    assert [line.n for line in found] == [1, 2, 3]
    assert [line.prev for line in found] == [GENESIS, found[0].hash, found[1].hash]


def test_it_goes_on_where_it_ended(folder: Path) -> None:
    write(folder, '{"a":1}')
    journal = Journal.open(folder)
    assert journal.number == 2
    assert [line.body for line in journal.replay] == [{}, {"a": 1}]
    assert journal.append("note", "{}") == 3
    journal.close()
    assert len(list(check_lines(segments(folder)[0].read_bytes(), 1, GENESIS))) == 3


def test_only_one_process_holds_it(folder: Path) -> None:
    journal = Journal.open(folder)
    with pytest.raises(Busy, match="Another gateway"):
        Journal.open(folder)
    journal.close()
    Journal.open(folder).close()


def test_a_torn_last_line_is_cut_off_at_any_byte(folder: Path) -> None:
    write(folder, '{"a":1}', '{"a":2}')
    path = segments(folder)[0]
    whole = path.read_bytes()
    ends = [end for _, end in check_lines(whole, 1, GENESIS)]
    for size in sorted({*range(0, len(whole), 7), *(end + step for end in ends for step in (-1, 0))}):
        path.write_bytes(whole[:size])
        journal = Journal.open(folder)
        # With its first line torn too, nothing was ever accounted for: it begins anew.
        assert journal.number == max(1, sum(end <= size for end in ends))
        journal.close()
        assert path.read_bytes()[: max(0, *(end for end in [0, *ends] if end <= size))] in whole


def test_a_changed_line_is_damage_and_nothing_is_written(folder: Path) -> None:
    write(folder, '{"a":1}', '{"a":2}')
    path = segments(folder)[0]
    whole = path.read_bytes()
    for bad in [
        whole.replace(b'{"a":1}', b'{"a":9}'),
        whole.replace(b'{"a":2}', b'{"a":9}'),
        b"".join(whole.splitlines(keepends=True)[::2]),
        whole + whole.splitlines(keepends=True)[1],
        whole + b"\n",
    ]:
        path.write_bytes(bad)
        with pytest.raises(JournalDamaged, match=r"Line [2-4] of the journal"):
            Journal.open(folder)
        assert path.read_bytes() == bad


def test_a_new_segment_begins_with_the_state(folder: Path) -> None:
    journal = Journal.open(folder, segment_bytes=500)
    while not journal.full:
        journal.append("note", "{}")
    last = journal.head
    assert journal.roll('{"state":1}')
    journal.append("note", "{}")
    journal.close()
    journal = Journal.open(folder)
    assert [path.stem for path in segments(folder)] == ["000000000001", f"{journal.number - 1:012d}"]
    assert [line.body for line in journal.replay] == [{"state": 1}, {}]
    assert journal.replay[0].prev == last
    journal.close()


def test_a_segment_torn_in_its_first_line_gives_way_to_the_one_before(folder: Path) -> None:
    journal = Journal.open(folder)
    journal.append("note", "{}")
    journal.roll('{"state":1}')
    journal.close()
    newest = segments(folder)[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    journal = Journal.open(folder)
    assert journal.number == 2
    assert segments(folder) == [folder / "000000000001.ndjson"]
    journal.close()


class FailingDisk:
    """What a journal asks of the operating system, where calls fail that ``fails`` names: all others are real."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self.journal = journal
        self.fails: set[str] = set()
        self._real: dict[str, Callable[..., Any]] = {
            "open": os.open,
            "fsync": os.fsync,
            "unlink": Path.unlink,
            "replace": Path.replace,
        }
        monkeypatch.setattr(os, "open", self._open)
        monkeypatch.setattr(os, "fsync", self._fsync)
        monkeypatch.setattr(Path, "unlink", lambda path, *more, **options: self._do("unlink", path, *more, **options))
        monkeypatch.setattr(Path, "replace", lambda path, *more, **options: self._do("replace", path, *more, **options))

    def _do(self, name: str, *arguments: Any, step: str = "", **options: Any) -> Any:
        if (step or name) in self.fails:
            raise OSError(errno.EIO, "Input/output error")
        return self._real[name](*arguments, **options)

    def _open(self, path: Any, *arguments: Any, **options: Any) -> Any:
        return self._do("open", path, *arguments, step=f"open {Path(path).suffix}", **options)

    def _fsync(self, descriptor: int) -> Any:
        where = Path(f"/proc/self/fd/{descriptor}").readlink()
        step = "folder" if where.is_dir() else "old" if descriptor == self.journal._descriptor else "new"
        return self._do("fsync", descriptor, step=f"fsync {step}")


def lines_told(folder: Path) -> list[int]:
    """The numbers of all lines of all segments."""
    return [line.n for path in segments(folder) for line, _ in check_lines(path.read_bytes(), int(path.stem), None)]


@pytest.mark.parametrize("step", ["fsync old", "fsync new", "replace", "fsync folder", "open .ndjson"])
def test_a_segment_that_cannot_be_begun_leaves_the_one_before(
    folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open(folder)
    journal.append("note", '{"a":1}')
    disk = FailingDisk(journal, monkeypatch)
    disk.fails = {step}
    assert not journal.roll('{"state":1}')
    disk.fails = set()
    assert (journal.append("note", '{"a":2}', owed=True), len(segments(folder))) == (3, 1)
    if step == "fsync old":  # lines may be lost to a loss of power: nothing new
        with pytest.raises(JournalUnwritable):
            journal.append("note", "{}")
    journal.close()
    journal = Journal.open(folder)
    assert (journal.number, [line.body for line in journal.replay]) == (3, [{}, {"a": 1}, {"a": 2}])
    assert journal.roll('{"state":2}')
    assert journal.append("note", "{}") == 5
    journal.close()
    assert lines_told(folder) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("fails", [{"open .ndjson", "unlink"}, {"fsync folder"}])
def test_nothing_is_written_beside_a_segment_that_cannot_be_taken_back(
    folder: Path, fails: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open(folder)
    disk = FailingDisk(journal, monkeypatch)
    disk.fails = fails
    assert not journal.roll('{"state":1}')
    before = segments(folder)[0].read_bytes()
    for owed in (False, True):
        with pytest.raises(JournalUnwritable):
            journal.append("note", "{}", owed=owed)
    assert segments(folder)[0].read_bytes() == before
    disk.fails = set()
    assert journal.append("note", "{}") == 2
    journal.close()
    assert lines_told(folder) == [1, 2]


def test_a_new_segment_is_written_to_although_the_old_one_cannot_be_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open(folder)
    close = os.close

    def failing(descriptor: int) -> None:
        close(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        old = journal._descriptor
        patch.setattr(os, "close", lambda d: failing(d) if d == old else close(d))
        assert journal.roll('{"state":1}')
    assert journal.append("note", "{}") == 3
    journal.close()
    assert lines_told(folder) == [1, 2, 3]


def test_it_is_made_durable_from_another_thread_while_lines_come(folder: Path) -> None:
    journal = Journal.open(folder, segment_bytes=2000)
    done = threading.Event()

    def make_durable() -> int:
        rounds = 0
        while not done.is_set():
            journal.sync()
            rounds += 1
        return rounds

    with ThreadPoolExecutor(1) as pool:
        durable = pool.submit(make_durable)
        for _ in range(400):
            journal.append("note", "{}")
            if journal.full:
                journal.roll("{}")
        done.set()
        assert durable.result(30) > 0
    last = journal.number
    journal.close()
    assert len(segments(folder)) > 10
    assert sum(path.read_bytes().count(b"\n") for path in segments(folder)) == last


@pytest.mark.parametrize("lines", [1, 60, 400])
def test_a_killed_process_loses_nothing_that_it_told_anybody(folder: Path, lines: int) -> None:
    process = subprocess.Popen([sys.executable, "-m", PROCESS, str(folder), "for-ever"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    told = [process.stdout.readline().decode().strip() for _ in range(lines)]
    process.kill()
    told += process.stdout.read().decode().split()
    process.wait()
    journal, ledger = open_ledger(folder)
    balance = ledger.balance("archives")
    journal.close()
    checked = check_journal(folder)
    assert balance.reserved == 0
    assert checked.spent == {"archives": balance.spent}
    assert all(find_receipt(folder, call).receipt == receipt_of(call) for call in told[-40:])
    # Two calls a line; the last may have been cut off, and then it was not charged.
    assert 7 * len(told) <= balance.spent <= 7 * 2 * (len(told) + 1)


def test_a_write_that_fails_leaves_no_trace(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", PROCESS, str(folder), "largest-file"], check=True, timeout=60)
    assert check_journal(folder).spent == {"archives": 7}


def test_on_a_full_disk_calls_under_way_are_settled_and_none_begins(tmp_path: Path) -> None:
    """On a small disk of its own, which only this process sees."""
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    trial = subprocess.run([*own, "mount", "-t", "tmpfs", "none", str(tmp_path)], check=False, capture_output=True)
    if trial.returncode:
        pytest.skip("this machine lets nobody mount a disk in a namespace of their own")
    script = f"mount -t tmpfs -o size=6m tmpfs {tmp_path} && {sys.executable} -m {PROCESS} {tmp_path}/journal full-disk"
    subprocess.run([*own, "sh", "-c", script], check=True, timeout=60)
