"""uvicorn's HTTP protocol with a bound on what a stranger may leave unfinished: headers, or a body nobody reads.

uvicorn itself waits for ever as long as bytes come, so that a few thousand connections would refuse everybody else.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of the request's headers."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection with a request that nobody attends to yet, or any more, and that takes ``header_seconds``.

    While the application attends to a request, its own limits hold.
    """

    header_seconds = HEADER_SECONDS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._alarm: asyncio.TimerHandle | None = None
        self._inside = self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """With TLS, once hands are shaken."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to close."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes that do not end what they belong to let the time run, line ends before a request too."""
        self._ended = False
        super().data_received(data)
        if self._is_attended() or (self._ended and not self._inside):
            self._disarm()
        else:
            self._arm()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._inside = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._inside, self._ended = False, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The application attends no more: what is left of a request, or has come of the next, has its time."""
        super().on_response_complete()
        if self._inside and not self._is_attended():
            self._arm()

    def _is_attended(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _arm(self) -> None:
        if self._alarm is None:
            self._alarm = self.loop.call_later(self.header_seconds, self._close)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _close(self) -> None:
        # Not `close`, which waits until the other end has read what is written to it.
        self.transport.abort()


def bounded(header_seconds: float) -> type[BoundedProtocol]:
    """The protocol with another limit."""
    return type("BoundedProtocol", (BoundedProtocol,), {"header_seconds": header_seconds})
