"""Large requests and answers in parts, with either side killed after any piece: only what is missing comes again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jazari.studies.errors import BadMessage, NoPermit
from jazari.studies.flare import wire
from jazari.studies.flare.exchange import RootExchange, SiteExchange, StoredAnswers, may_leave
from jazari.studies.flare.inbox import Inbox
from jazari.studies.flare.wire import PART_BYTES, Kind
from jazari.studies.messages import Message, encode

RUN = "run-1"
_numbers = np.random.Generator(np.random.PCG64(11))


def _message(kind: str, words: int) -> bytes:
    masked = _numbers.integers(0, 2**64, words, dtype=np.uint64, endpoint=False)
    return encode(Message(kind, RUN, 2, {"a": masked}))  # type: ignore[arg-type]


SMALL, LARGE = _message("request", 10), _message("request", 60_000)
SHORT, LONG = _message("answer", 10), _message("answer", 80_000)


class _Network:
    """A Root and an institute on ``folder``; every piece on the way is counted, and either may be killed."""

    def __init__(self, folder: Path, request: bytes, answer: bytes) -> None:
        self.folder, self.request, self.answer = folder, request, answer
        self.computed, self.there, self.back = 0, 0, 0
        self.allowed = True
        self.restart()
        self.restart_site()

    def restart(self) -> None:
        """A new job at the Root."""
        self.root = RootExchange(Inbox(self.folder / "root"), self.request)

    def restart_site(self) -> None:
        """A new process at the institute."""
        self.site = SiteExchange(self.folder / "engine", RUN, self._check, self._respond)

    def _check(self) -> None:
        if not self.allowed:
            raise NoPermit("This run has no permit here: approve it.")

    def _respond(self, request: bytes) -> bytes:
        if request != self.request:
            return encode(Message("refusal", RUN, 2, text="studies.bad-message"))
        path = self.folder / "engine" / "answers" / RUN / "0002.answer"
        if not path.exists():
            self.computed += 1
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.answer)
        return path.read_bytes()

    def pass_one(self, piece: bytes) -> tuple[bytes, bytes]:
        """One piece there and one back."""
        self.there += len(piece)
        reply = self.site.answer(piece)
        assert may_leave(reply, RUN, StoredAnswers(self.folder / "engine", RUN))
        self.back += len(reply)
        return self.root.take(reply)

    def run(self, pieces: int = 10_000) -> bytes:
        """The answer, or nothing if ``pieces`` were passed before it was there."""
        piece, answer = self.root.first(), b""
        while piece and pieces:
            piece, answer = self.pass_one(piece)
            pieces -= 1
        return answer


@pytest.mark.parametrize("request_", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("answer", [SHORT, LONG], ids=["short", "long"])
def test_any_size_arrives_whole_and_is_computed_once(tmp_path: Path, request_: bytes, answer: bytes) -> None:
    network = _Network(tmp_path, request_, answer)
    assert network.run() == answer
    assert network.computed == 1
    assert network.there < len(request_) * 1.01 + 1000
    assert network.back < len(answer) * 1.01 + 1000
    network.root.finish()
    assert [path for path in (tmp_path / "root").glob("*") if path.name != "lock"] == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=8))
def test_a_cut_after_any_piece_costs_that_piece_at_most(tmp_path_factory, cuts: list[tuple[int, bool]]) -> None:
    network = _Network(tmp_path_factory.mktemp("cuts"), LARGE, LONG)
    for pieces, both in cuts:
        network.run(pieces)
        network.restart()
        if both:
            network.restart_site()
    assert network.run() == LONG
    assert network.computed == 1
    # Nothing that had arrived came again: only the few bytes that ask and announce.
    assert network.there < len(LARGE) + 200 * (len(cuts) + 20)
    assert network.back < len(LONG) + 200 * (len(cuts) + 20)


def test_a_piece_that_was_lost_on_the_way_comes_again_alone(tmp_path: Path) -> None:
    network = _Network(tmp_path, SMALL, LONG)
    network.run(3)
    lost = network.site.answer(wire.write_part(wire.offer(wire.pack(LONG)).of(Kind.WANT, 2)))
    network.restart()
    sent_before = network.back
    assert network.run() == LONG
    assert network.back - sent_before < len(LONG) - 2 * PART_BYTES + 1000
    assert len(lost) < PART_BYTES + 100


def test_parts_that_do_not_make_what_was_announced_are_sent_again(tmp_path: Path) -> None:
    network = _Network(tmp_path, SMALL, LONG)
    network.run(3)
    (path,) = [path for path in (tmp_path / "root").glob("*") if path.name != "lock"]
    path.write_bytes(b"x" + path.read_bytes()[1:])
    network.restart()
    assert network.run() == LONG


def test_a_torn_part_is_written_again(tmp_path: Path) -> None:
    network = _Network(tmp_path, SMALL, LONG)
    network.run(3)
    (path,) = [path for path in (tmp_path / "root").glob("*") if path.name != "lock"]
    path.write_bytes(path.read_bytes()[:-17])
    network.restart()
    assert network.run() == LONG


def test_without_a_permit_no_part_is_kept(tmp_path: Path) -> None:
    network = _Network(tmp_path, LARGE, SHORT)
    network.allowed = False
    reply = wire.unpack(network.site.answer(network.root.first()))
    assert b"studies.bad-message" in reply
    assert not (tmp_path / "engine").exists()


def test_the_institute_keeps_one_transfer_at_most(tmp_path: Path) -> None:
    network = _Network(tmp_path, LARGE, SHORT)
    folder = tmp_path / "engine" / "answers" / RUN / "parts"
    for seed in range(4):
        other = bytes([seed]) * (3 * PART_BYTES)
        network.site.answer(wire.write_part(wire.data_part(other, wire.offer(other), 0)))
        assert len([path for path in folder.glob("*") if path.name != "lock"]) == 1
    assert network.run() == SHORT


def test_a_root_that_fakes_pieces_gets_a_refusal_and_nothing_else(tmp_path: Path) -> None:
    network = _Network(tmp_path, SMALL, LONG)
    network.run(1)
    stored = wire.offer(wire.pack(LONG))
    for fake in (
        wire.offer(bytes(PART_BYTES + 1)).of(Kind.WANT, 0),
        stored.of(Kind.HELD, 1),
        wire.Part(Kind.WANT, 0, stored.size + 1, stored.digest),
    ):
        assert b"studies.bad-message" in wire.unpack(network.site.answer(wire.write_part(fake)))
    assert b"studies.bad-message" in wire.unpack(network.site.answer(b"JZP1 and so on"))


def test_an_institute_that_fakes_pieces_is_refused(tmp_path: Path) -> None:
    other = wire.offer(bytes(PART_BYTES + 1))
    for fake in (other.of(Kind.WANT, 0), other.of(Kind.HELD, 0), wire.data_part(bytes(PART_BYTES + 1), other, 0)):
        root = RootExchange(Inbox(tmp_path / "root"), SMALL)
        with pytest.raises(BadMessage):
            root.take(wire.write_part(fake))


def test_an_institute_that_never_comes_to_an_end_is_refused(tmp_path: Path) -> None:
    root, again = RootExchange(Inbox(tmp_path / "root"), SMALL), wire.write_part(wire.offer(bytes(PART_BYTES + 1)))

    def ask_on() -> None:
        for _ in range(1000):
            root.take(again)

    with pytest.raises(BadMessage, match="no end"):
        ask_on()


def test_only_pieces_of_stored_answers_may_leave(tmp_path: Path) -> None:
    network = _Network(tmp_path, SMALL, LONG)
    network.run(1)
    stored, whole = StoredAnswers(tmp_path / "engine", RUN), wire.offer(wire.pack(LONG))
    assert may_leave(wire.write_part(wire.data_part(LONG, whole, 1)), RUN, stored)
    changed = b"x" + LONG[1:]
    for fake in (
        wire.data_part(changed, whole, 0),
        wire.data_part(changed, wire.offer(changed), 0),
        wire.offer(changed),
        whole.of(Kind.WANT, 0),
    ):
        assert not may_leave(wire.write_part(fake), RUN, stored)
    assert not may_leave(LONG, "run-2", stored)
    assert not may_leave(SMALL, RUN, stored)
