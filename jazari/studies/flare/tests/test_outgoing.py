"""Every byte that leaves an institute during a study, read before TLS hides it, and counted again on the wire."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import pytest
from nvflare.fuel.f3.cellnet.defs import MessageHeaderKey
from nvflare.fuel.f3.message import Message
from nvflare.fuel.f3.sfm.constants import Types
from nvflare.fuel.f3.sfm.prefix import PREFIX_LEN, Prefix

from jazari.studies.flare import firewall, wire
from jazari.studies.flare.tests import study
from jazari.studies.flare.tests.conftest import Live
from jazari.studies.flare.tests.network import SERVER, until
from jazari.studies.messages import MAGIC, decode

RUN = "captured"
ANSWER = ("server_command", "submit_update")


@dataclass(frozen=True)
class Frame:
    """One frame that left: its kind, headers and payload."""

    kind: int
    headers: dict[str, Any]
    payload: bytes
    size: int

    @property
    def what(self) -> tuple[Any, Any]:
        return firewall._what(Message(self.headers, self.payload or None))


def _frames(path: Path, start: int) -> list[Frame]:
    data, found, at = path.read_bytes(), [], start
    while at < len(data):
        size = int.from_bytes(data[at : at + 8], "big")
        raw = data[at + 8 : at + 8 + size]
        prefix = Prefix.from_bytes(raw)
        headers = msgpack.unpackb(raw[PREFIX_LEN : PREFIX_LEN + prefix.header_len]) if prefix.header_len else {}
        found.append(Frame(prefix.type, headers, raw[PREFIX_LEN + prefix.header_len :], size))
        at += 8 + size
    return found


@pytest.fixture(scope="module")
def captured(live: Live) -> tuple[list[Frame], bytes, int, int]:
    """(frames, all their bytes and what was packed in them, bytes of frames and on the wire since the start)."""
    network, path = live.network, live.network.engine_folder("agadir") / "outside.frames"
    start = path.stat().st_size
    network.engine.start(study.prepare(network, RUN))
    assert network.wait_for_end(RUN).state == "finished"
    until(lambda: len(network.engine.outcome(RUN).confirmed) == 3, what="confirmations")
    until(lambda: not network.job_processes("agadir"), what="the job's end")
    frames = _frames(path, start)
    everything = _frames(path, 0)
    unpacked = b"".join(_unpacked(frame.payload) for frame in frames if _is_ours(frame))
    return frames, path.read_bytes()[start:] + unpacked, sum(frame.size for frame in everything), live.proxy.sent


def test_the_recording_is_complete(captured) -> None:
    """TLS adds a few bytes to each frame and the handshake; nothing else is on the wire."""
    frames, _, recorded, wire = captured
    assert frames
    assert recorded < wire < recorded * 1.2 + 20_000


def test_no_value_of_a_row_leaves_in_any_form(captured) -> None:
    _, raw, _, _ = captured
    for row in study.rows("agadir"):
        person, _note, age, dose, _ill = row
        assert person.encode() not in raw
        for value in (age, dose):
            # As a number in any of the ways that a serialiser would write it, but for values that any sum may hold.
            for form in (struct.pack("<d", value), struct.pack(">d", value)):
                assert form not in raw
    for sentinel in (study.SENTINEL_TEXT.encode(), str(study.SENTINEL_NUMBER).encode()):
        assert sentinel not in raw
        assert sentinel.hex().encode() not in raw


def test_only_listed_messages_to_the_root_leave(captured) -> None:
    frames, _, _, _ = captured
    for frame in frames:
        if frame.kind != Types.DATA:
            assert frame.kind in (Types.HELLO, Types.READY, Types.PING, Types.PONG)
            assert frame.size < 1000
            continue
        kind = frame.headers[MessageHeaderKey.MSG_TYPE]
        assert frame.what in firewall.OUT[kind]
        assert frame.headers[MessageHeaderKey.DESTINATION].split(".")[0] == SERVER
        assert frame.headers[MessageHeaderKey.ORIGIN].split(".")[0] == "agadir"


def test_data_leave_only_as_the_answers_that_the_institute_stored(captured, live: Live) -> None:
    frames, _, _, _ = captured
    folder = live.network.engine_folder("agadir") / "answers" / RUN
    stored = {path.read_bytes() for path in (*folder.glob("*.answer"), *folder.glob("*.said"))}
    assert all(frame.what == ANSWER for frame in frames if MAGIC in frame.payload or wire.PACKED in frame.payload)
    assert not any(wire.PART in frame.payload for frame in frames), "these answers are small"
    messages = [_unpacked(frame.payload) for frame in frames if _is_ours(frame)]
    answers = {raw for raw in messages if decode(raw).kind == "answer"}
    others = [decode(raw) for raw in messages if decode(raw).kind != "answer"]
    # On a slow machine the Root may ask once more: what is sent again is the same, byte for byte.
    assert answers == stored
    assert {message.kind for message in others} == {"confirmation"}
    assert all(message.arrays == {} for message in others)


def _is_ours(frame: Frame) -> bool:
    """Whether a message of ours is in a frame."""
    return frame.kind == Types.DATA and (MAGIC in frame.payload or wire.PACKED in frame.payload)


def _unpacked(payload: bytes) -> bytes:
    return wire.unpack(_message_in(payload))


def _message_in(payload: bytes) -> bytes:
    """The one message of ours in FLARE's envelope, as it travelled."""
    magic = wire.PACKED if wire.PACKED in payload else MAGIC
    assert payload.count(magic) == 1
    at = payload.index(magic)
    for end in range(len(payload), at, -1):
        try:
            decode(wire.unpack(payload[at:end]))
        except Exception:  # noqa: S112  a longer or shorter piece is no message
            continue
        return payload[at:end]
    raise AssertionError("no whole message")


def test_everything_else_that_leaves_is_small(captured) -> None:
    """Envelopes hold names, sessions and times of FLARE's: too little to carry rows in."""
    frames, _, _, _ = captured
    for frame in (frame for frame in frames if frame.kind == Types.DATA):
        carried = len(_message_in(frame.payload)) if _is_ours(frame) else 0
        # The registration carries the institute's certificate.
        limit = 3000 if frame.what == ("task", "register") else 1200
        assert len(frame.payload) - carried < limit
        assert frame.size - len(frame.payload) < 1600


def test_envelopes_of_answers_differ_in_nothing_but_names_and_times(captured) -> None:
    """Around two answers of one run FLARE sends the same keys; nothing in them grows with the data."""
    frames, _, _, _ = captured
    envelopes = [
        len(f.payload) - len(_message_in(f.payload)) for f in frames if f.kind == Types.DATA and f.what == ANSWER
    ]
    assert len(envelopes) > 3
    assert max(envelopes) - min(envelopes) < 64
