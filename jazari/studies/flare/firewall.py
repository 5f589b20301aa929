"""The allow-list on messages at an institute's FLARE client: the only process that holds a connection out.

Job processes reach the Root through this one (``comm_config.json``: generation 1), so every message that
enters or leaves passes here, whether it is this process's own or only relayed. What is not listed is dropped
and logged: log, metric, file and object streaming, cell and network commands, other institutes. FLARE's own
filters would not do: relayed messages skip the outgoing ones, and a filter on one topic hides those on all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nvflare.apis.fl_constant import ReservedTopic, ServerCommandNames
from nvflare.fuel.f3.cellnet.defs import CellChannel, CellChannelTopic, MessageHeaderKey, MessageType, ReturnCode
from nvflare.fuel.f3.cellnet.fqcn import FQCN, FqcnInfo
from nvflare.fuel.f3.streaming.stream_const import (
    STREAM_ACK_TOPIC,
    STREAM_CHANNEL,
    STREAM_DATA_TOPIC,
    STREAM_ERROR_TOPIC,
    StreamHeaderKey,
)

Tell = Callable[[str, str, str], None]
"""How a refusal is reported: kind of event, what was refused, code (see ``refusals.Refusals.tell``)."""
_MAIN, _AUX, _RETURN = CellChannel.SERVER_MAIN, CellChannel.AUX_COMMUNICATION, CellChannel.RETURN_ONLY
_BYE = (CellChannel.CELLNET, CellChannelTopic.Bye)
_ACK = (STREAM_CHANNEL, STREAM_ACK_TOPIC)
_ADMIN = (CellChannel.CLIENT_MAIN, "admin")
_ERROR = (STREAM_CHANNEL, STREAM_ERROR_TOPIC)
_ASKED = frozenset(
    {
        (CellChannel.SERVER_COMMAND, ServerCommandNames.GET_TASK),
        (CellChannel.SERVER_COMMAND, ServerCommandNames.SUBMIT_UPDATE),
        (_AUX, ReservedTopic.SYNC_RUNNER),
        (_AUX, ReservedTopic.JOB_HEART_BEAT),
        (_AUX, ReservedTopic.TASK_CHECK),
    }
)
_ANSWERED = frozenset({(_RETURN, f"{channel}:{topic}") for channel, topic in _ASKED})
_OWN = frozenset(
    (_MAIN, topic)
    for topic in (
        CellChannelTopic.Challenge,
        CellChannelTopic.Register,
        CellChannelTopic.HEART_BEAT,
        CellChannelTopic.Quit,
        CellChannelTopic.REPORT_JOB_FAILURE,
    )
)
_END = (_AUX, ReservedTopic.END_RUN)
# Where FLARE puts the text of exceptions.
_TEXTS = (MessageHeaderKey.ERROR, StreamHeaderKey.ERROR_MSG, StreamHeaderKey.ERROR_TYPE)
OUT = {
    MessageType.REQ: _OWN | _ASKED | {_BYE, _ACK, _ERROR, (_RETURN, f"{_END[0]}:{_END[1]}")},
    MessageType.REPLY: {_ADMIN, _BYE},
}
IN = {
    MessageType.REQ: _ANSWERED | {_ADMIN, _END, _BYE, _ACK, _ERROR},
    MessageType.REPLY: _OWN | {_BYE},
    # The server could not deliver one of our own messages.
    MessageType.RETURN: _OWN | _ASKED | {_ACK, (STREAM_CHANNEL, STREAM_DATA_TOPIC)},
}


def install(cell: Any, namespace: str, tell: Tell) -> None:
    """Put the allow-list around ``cell``, the client's own ``CoreCell``, for the institute ``namespace``.

    Raises ``AttributeError`` if this FLARE has no such places, so that the client does not start.
    """
    wall = Firewall(namespace, tell)
    # Every message to another cell, whatever its origin, is handed over here ...
    cell._send_to_endpoint = wall.outgoing(cell._send_to_endpoint)
    # ... and every received one here.
    cell._process_received_msg = wall.incoming(cell._process_received_msg)


class Firewall:
    """Decides on messages by where they come from, where they go and what they are; default deny."""

    def __init__(self, namespace: str, tell: Tell) -> None:
        self._namespace, self._tell = namespace, tell

    def outgoing(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """``send`` (endpoint, message) for allowed messages only; others count as filtered."""

        def guarded(to_endpoint: Any, message: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._ours(to_endpoint.name) and not self.may_leave(message):
                self._report("leave", message)
                return ReturnCode.FILTER_ERROR
            if not self._ours(to_endpoint.name):
                for key in _TEXTS:
                    if message.get_header(key) is not None:
                        message.set_header(key, "failed")
            return send(to_endpoint, message, *args, **kwargs)

        return guarded

    def incoming(self, process: Callable[..., Any]) -> Callable[..., Any]:
        """``process`` (endpoint, connection, message) for allowed messages only; others are dropped."""

        def guarded(endpoint: Any, connection: Any, message: Any) -> Any:
            if not self._ours(endpoint.name) and not self.may_enter(message):
                self._report("enter", message)
                return None
            return process(endpoint, connection, message)

        return guarded

    def may_leave(self, message: Any) -> bool:
        """Whether ``message`` may go from this institute to the server."""
        return self._is_listed(message, OUT, MessageHeaderKey.ORIGIN, MessageHeaderKey.DESTINATION)

    def may_enter(self, message: Any) -> bool:
        """Whether ``message`` may come from the server to this institute."""
        return self._is_listed(message, IN, MessageHeaderKey.DESTINATION, MessageHeaderKey.ORIGIN)

    def _is_listed(self, message: Any, lists: dict[str, Any], ours: str, theirs: str) -> bool:
        try:
            here, there = message.get_header(ours), message.get_header(theirs)
            kind = message.get_header(MessageHeaderKey.MSG_TYPE)
            listed = _what(message) in lists.get(kind, ())
            return listed and self._ours(here) and FqcnInfo(there).is_on_server
        except Exception:
            return False

    def _ours(self, name: Any) -> bool:
        return isinstance(name, str) and FQCN.split(name)[0] == self._namespace

    def _report(self, way: str, message: Any) -> None:
        channel, topic = _what(message)
        self._tell("studies.message-refused", f"{str(channel)[:100]}:{str(topic)[:100]}", f"may-not-{way}")


def _what(message: Any) -> tuple[Any, Any]:
    """Channel and topic; of what it carries, where the message is a piece of a stream."""
    found = message.get_header(MessageHeaderKey.CHANNEL), message.get_header(MessageHeaderKey.TOPIC)
    inner = message.get_header(StreamHeaderKey.CHANNEL), message.get_header(StreamHeaderKey.TOPIC)
    if found in (_ACK, _ERROR):
        return found if message.payload is None else (None, None)
    return inner if found == (STREAM_CHANNEL, STREAM_DATA_TOPIC) else found
