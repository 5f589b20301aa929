"""uvicorn's HTTP protocol with a bound on what a stranger may leave: half a request, or answers that it does not read.

uvicorn itself waits for ever, so that a few thousand connections would refuse everybody else.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jazari.gateway.proxy.http import LINE

HEADER_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of the request's headers."""
READING_SECONDS = 30.0
"""How long a client may read less than ``LEAST_READ`` of what waits for it; it is shown out within twice that."""
LEAST_READ = 16_384
"""Bytes; all that waits, if that is less."""
_ACKNOWLEDGED = 120
"""Where ``tcpi_bytes_acked`` is in the ``tcp_info`` of linux/tcp.h (since 4.1)."""


def unread(connection: socket.socket) -> tuple[int, int]:
    """The bytes in the kernel that the other end did not take yet, and those that it did; zeros where none waits.

    Those alone tell of TLS too, whose transports pass on what they hold before anybody reads it. Whether an other end
    that never took anything lives, TCP finds out by itself.
    """
    try:
        (waiting,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
        if not waiting:
            return 0, 0
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED + 8)
        (taken,) = struct.unpack_from("=Q", told, _ACKNOWLEDGED)
    except (OSError, struct.error, AttributeError):  # the last: a system other than Linux
        return 0, 0
    return (waiting, taken) if taken else (0, 0)


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection with a request that nobody attends to yet, or any more, and that takes ``header_seconds``.

    While the application attends to a request, its own limits hold; but at all times whoever leaves answers unread for
    ``reading_seconds`` is shown out. To each request it is the ``http.Line`` on which that came.
    """

    header_seconds = HEADER_SECONDS
    reading_seconds = READING_SECONDS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._alarm: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._due = 0
        self._inside = self._ended = False
        self._act: Callable[[], None] | None = None

    def on_leaving(self, act: Callable[[], None] | None) -> None:
        """See ``http.Line``."""
        self._act = act
        if act is not None:
            # An end that comes after a body is seen only while somebody reads.
            self.flow.resume_reading()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """With TLS, once hands are shaken."""
        super().connection_made(transport)
        self._arm()
        self._watch = self.loop.call_later(self.reading_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to close."""
        self._disarm()
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)
        if self._act is not None:
            self._act()

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
        self.scope[LINE] = self  # type: ignore[literal-required]

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

    def _look(self) -> None:
        """Close if too little was taken of what waited at the last look; what came since then has its time."""
        waiting, taken = unread(self.transport.get_extra_info("socket"))
        if waiting and taken < self._due:
            self._close()
            return
        self._due = taken + min(waiting, LEAST_READ)
        self._watch = self.loop.call_later(self.reading_seconds, self._look)

    def _close(self) -> None:
        # Not `close`, which waits until the other end has read what is written to it.
        self.transport.abort()


def bounded(header_seconds: float, reading_seconds: float = READING_SECONDS) -> type[BoundedProtocol]:
    """The protocol with other limits."""
    limits = {"header_seconds": header_seconds, "reading_seconds": reading_seconds}
    return type("BoundedProtocol", (BoundedProtocol,), limits)
