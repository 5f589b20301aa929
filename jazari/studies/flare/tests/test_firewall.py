"""Which messages enter and leave an institute: FLARE's real message objects, and every topic it has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from nvflare.fuel.f3.cellnet.core_cell import CoreCell
from nvflare.fuel.f3.cellnet.defs import CellChannel, MessageHeaderKey, MessageType, ReturnCode
from nvflare.fuel.f3.message import Message
from nvflare.fuel.f3.streaming.stream_const import STREAM_CHANNEL, STREAM_DATA_TOPIC, StreamHeaderKey

from jazari.governance.spool import read_event
from jazari.studies.flare import firewall
from jazari.studies.flare.refusals import AGAIN_SECONDS, MOST, Refusals

SERVER, SITE = "server.1234", "rabat.1234"


def _message(origin: Any, to: Any, kind: str, channel: Any, topic: Any) -> Message:
    headers = {
        MessageHeaderKey.ORIGIN: origin,
        MessageHeaderKey.DESTINATION: to,
        MessageHeaderKey.MSG_TYPE: kind,
        MessageHeaderKey.CHANNEL: channel,
        MessageHeaderKey.TOPIC: topic,
    }
    return Message(headers, None)


def _streamed(origin: str, to: str, channel: str, topic: str) -> Message:
    message = _message(origin, to, MessageType.REQ, STREAM_CHANNEL, STREAM_DATA_TOPIC)
    message.payload = b"data"
    message.set_header(StreamHeaderKey.CHANNEL, channel)
    message.set_header(StreamHeaderKey.TOPIC, topic)
    return message


@pytest.fixture
def wall() -> firewall.Firewall:
    return firewall.Firewall("rabat", lambda *_: None)


def test_an_answer_leaves_and_a_request_enters(wall) -> None:
    assert wall.may_leave(_streamed(SITE, SERVER, "server_command", "submit_update"))
    assert wall.may_leave(_streamed(SITE, SERVER, "server_command", "get_task"))
    assert wall.may_enter(_streamed(SERVER, SITE, "return_only", "server_command:get_task"))
    assert wall.may_leave(_message("rabat", "server", MessageType.REQ, "task", "heart_beat"))


@pytest.mark.parametrize(
    ("channel", "topic"),
    [
        ("aux_communication", "ObjectStreamer.Request"),
        ("aux_communication", "fed.event"),
        ("aux_communication", "__app_metrics__"),
        ("log_streaming", "live_log"),
        ("_net_manager", "process_info"),
        ("hci_channel", "x"),
        ("server_command", "aux_communicate"),
        ("return_only", "client_command:show_errors"),
        ("edge_request", "x"),
        (None, None),
    ],
)
def test_streams_of_any_other_kind_do_not_leave(wall, channel, topic) -> None:
    assert not wall.may_leave(_streamed(SITE, SERVER, channel, topic))


@pytest.mark.parametrize("channel", [value for name, value in vars(CellChannel).items() if name.isupper()])
@pytest.mark.parametrize("topic", ["shell", "sys_info", "show_errors", "stop", "cells", "aux_send", "execute_result"])
def test_no_command_of_flare_enters_or_leaves_unlisted(wall, channel, topic) -> None:
    for kind in (MessageType.REQ, MessageType.REPLY, MessageType.RETURN):
        assert not wall.may_enter(_message("server", "rabat", kind, channel, topic))
        assert not wall.may_leave(_message("rabat", "server", kind, channel, topic))


@pytest.mark.parametrize(
    ("origin", "to"), [("fes.1", SITE), ("fes", "rabat"), (SERVER, "fes.1"), ("", SITE), (None, SITE)]
)
def test_other_institutes_reach_nobody_here(wall, origin, to) -> None:
    assert not wall.may_enter(_streamed(origin, to, "return_only", "server_command:get_task"))
    assert not wall.may_leave(_streamed(to, origin, "server_command", "submit_update"))


def test_an_acknowledgement_carries_nothing(wall) -> None:
    acknowledged = _message(SITE, SERVER, MessageType.REQ, STREAM_CHANNEL, "sm__ACK")
    assert wall.may_leave(acknowledged)
    acknowledged.payload = b"smuggled"
    assert not wall.may_leave(acknowledged)


def test_a_forbidden_message_is_not_handed_on_and_an_allowed_one_is(wall) -> None:
    sent: list[Message] = []
    send = wall.outgoing(lambda endpoint, message: sent.append(message) or "")
    server = SimpleNamespace(name="server")
    assert send(server, _streamed(SITE, SERVER, "aux_communication", "fed.event")) == ReturnCode.FILTER_ERROR
    assert send(server, _streamed(SITE, SERVER, "server_command", "submit_update")) == ""
    assert len(sent) == 1


def test_the_text_of_errors_does_not_leave(wall) -> None:
    sent: list[Message] = []
    send = wall.outgoing(lambda endpoint, message: sent.append(message) or "")
    reply = _message("rabat", "server", MessageType.REPLY, "admin", "admin")
    reply.set_header(MessageHeaderKey.ERROR, "ValueError: row 17, patient 4711")
    failed = _message(SITE, SERVER, MessageType.REQ, STREAM_CHANNEL, "sm__ERROR")
    failed.set_header(StreamHeaderKey.ERROR_MSG, "patient 4711")
    for message in (reply, failed):
        send(SimpleNamespace(name="server"), message)
        assert "4711" not in str(message.headers)
    assert len(sent) == 2


def test_within_the_institute_messages_are_free(wall) -> None:
    sent: list[Message] = []
    send = wall.outgoing(lambda endpoint, message: sent.append(message) or "")
    send(SimpleNamespace(name=SITE), _message("rabat", SITE, MessageType.REQ, "client_command", "abort"))
    assert len(sent) == 1


def test_a_forbidden_message_is_dropped_on_arrival(wall) -> None:
    got: list[Message] = []
    receive = wall.incoming(lambda endpoint, connection, message: got.append(message))
    receive(SimpleNamespace(name="server"), None, _message("server", "rabat", MessageType.REQ, "_net_manager", "stop"))
    receive(SimpleNamespace(name="server"), None, _message("server", "rabat", MessageType.REQ, "admin", "admin"))
    own = _message(SITE, "rabat", MessageType.REQ, "admin", "train.notify_job_status")
    receive(SimpleNamespace(name=SITE), None, own)
    assert [message.get_header(MessageHeaderKey.CHANNEL) for message in got] == ["admin", "admin"]


def test_installing_wraps_the_two_places_of_this_flare(wall) -> None:
    for name in ("_send_to_endpoint", "_process_received_msg"):
        assert callable(getattr(CoreCell, name))
    with pytest.raises(AttributeError):
        firewall.install(object(), "rabat", lambda *_: None)


def test_a_flood_of_forbidden_messages_fills_neither_log_nor_audit_trail(tmp_path, caplog) -> None:
    refusals = Refusals(tmp_path, "rabat")
    receive = firewall.Firewall("rabat", refusals.tell).incoming(lambda *_: None)
    for number in range(3000):
        topic = "stop" if number % 2 else f"t{number}"
        message = _message("server", "rabat", MessageType.REQ, "_net_manager", topic)
        receive(SimpleNamespace(name="server"), None, message)
    spooled = list((tmp_path / "spool").glob("*.json"))
    assert 0 < len(spooled) <= MOST
    event, _ = read_event(spooled[0])
    assert (event.kind, event.actor) == ("studies.message-refused", "rabat")


def test_the_same_refusal_is_told_again_after_a_while(tmp_path, monkeypatch) -> None:
    refusals, now = Refusals(tmp_path, "rabat"), [1000.0]
    monkeypatch.setattr("jazari.studies.flare.refusals.time.monotonic", lambda: now[0])
    for later in (0.0, 1.0, AGAIN_SECONDS, AGAIN_SECONDS):
        now[0] += later
        refusals.tell("studies.job-refused", "run-1", "studies.no-permit")
    assert len(list((tmp_path / "spool").glob("*.json"))) == 3
