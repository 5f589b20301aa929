"""What the gateway writes to its log: JSON, one line each, and nothing of what was asked or answered."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any, TextIO

from jazari.core import clock
from jazari.gateway.receipts import Receipt

_calls = logging.getLogger("jazari.gateway.calls")
_encode = json.JSONEncoder(ensure_ascii=False).encode


class JsonLines(logging.Formatter):
    """A record as one line of JSON. Of an exception only its kind and where it came from: its text may quote a call."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {"moment": clock.timestamp(), "level": record.levelname.lower()}
        call = getattr(record, "call", None)
        line |= {"message": record.getMessage()} if call is None else {"message": "call", **call}
        if record.exc_info and record.exc_info[0] is not None:
            kind, _error, trace = record.exc_info
            line |= {"exception": kind.__name__, "trace": "".join(traceback.format_tb(trace))}
        return _encode(line)


def log_to(stream: TextIO) -> logging.Handler:
    """Write what the gateway says, and warnings of libraries, to ``stream`` from now on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    # Nothing of ours tells thread or process, which would be looked up for every line (Python's logging HOWTO,
    # "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.getLogger().addHandler(handler)
    logging.getLogger("jazari.gateway").setLevel(logging.INFO)
    return handler


def log_call(receipt: Receipt) -> None:
    """One line on a call that has ended: from its receipt, so that the log cannot say more than that does."""
    if _calls.isEnabledFor(logging.INFO):
        # Made here, since ``info`` looks through the stack for who calls it, which no line of ours tells.
        record = logging.LogRecord(_calls.name, logging.INFO, "", 0, "call", None, None)
        record.call = _facts(receipt)
        _calls.handle(record)


def _facts(receipt: Receipt) -> dict[str, Any]:
    return {
        "id": receipt.id,
        "project": receipt.project,
        "key": receipt.key,
        "route": receipt.route,
        "provider": receipt.provider,
        "outcome": receipt.outcome,
        "status": receipt.status,
        "first_byte_ms": receipt.first_byte_ms,
        "ms": receipt.total_ms,
        "prompt_tokens": receipt.usage.prompt_tokens if receipt.usage else 0,
        "answer_tokens": receipt.usage.completion_tokens if receipt.usage else 0,
        "microcredits": receipt.charge,
    }
