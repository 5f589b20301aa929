"""A provider that costs next to nothing, in a process of its own: ``python -m benchmarks.gateway_upstream PORT``.

Any server of tests would take as much of the processor as a gateway, and bound what is measured. This one writes the
stand-in's own answers (``jazari.testing.providers``), made once, on bare connections. How a stream is paced is said by
the model's name: ``paced-<milliseconds>-<events>``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import lru_cache
from typing import Any

import httptools
import uvloop

from jazari.testing.providers.answers import chat
from jazari.testing.providers.wire import Behaviour

PLAIN = "plain"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: "
_STREAM = _HEAD + b"text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_PROMPT = [{"role": "user", "content": "Who built water clocks?"}]


def paced(milliseconds: int, events: int) -> str:
    """The model that streams ``events`` words, one each ``milliseconds``."""
    return f"paced-{milliseconds}-{events}"


@lru_cache(maxsize=16)
def answer(model: str, stream: bool) -> tuple[float, list[bytes]]:
    """Seconds between the pieces of a whole HTTP answer, and these pieces."""
    _, _, rest = model.partition("-")
    milliseconds, events = (int(part) for part in rest.split("-")) if stream and rest else (0, 16)
    document = {"model": model, "messages": _PROMPT, "stream": stream, "stream_options": {"include_usage": True}}
    pieces = chat(document, Behaviour(words=events)).pieces
    if not stream:
        body = b"".join(pieces)
        return 0.0, [_HEAD + b"application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    # The role comes with the first word, and what ends the stream with the last.
    first, *middle, last = [chunks[0] + chunks[1], *chunks[2:-3], b"".join(chunks[-3:]) + b"0\r\n\r\n"]
    return milliseconds / 1000, [_STREAM + first, *middle, last]


class Connection(asyncio.Protocol):
    """One client, one request after the other."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client came."""
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """It left: write no more."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """A part of a request's body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole request: answer it."""
        body, self._body = b"".join(self._body), []
        asked = json.loads(body) if body else {}
        pace, pieces = answer(asked.get("model", PLAIN), bool(asked.get("stream")))
        self._write(pace, pieces, 0)

    def _write(self, pace: float, pieces: list[bytes], at: int) -> None:
        self._transport.write(pieces[at])
        if at + 1 < len(pieces):
            self._timer = asyncio.get_running_loop().call_later(pace, self._write, pace, pieces, at + 1)


async def serve(port: int) -> None:
    """Until killed; prints the address once it answers."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
