"""The gateway's end of the control socket: orders of the node's operator, and of nobody else.

Whoever orders a cut keeps the connection: when it closes, for whatever reason, the cut is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jazari.core.errors import JazariError
from jazari.gateway.drills.cutting import Cut, Cutter
from jazari.gateway.drills.errors import BadOrder
from jazari.gateway.drills.orders import (
    LARGEST_ORDER,
    CutOrder,
    MendOrder,
    StateOrder,
    answer_line,
    parse_order,
    refusal_line,
)
from jazari.gateway.drills.sockets import control_path, listen, peer_is_ours
from jazari.gateway.proxy.live import Live
from jazari.settings.home import Home

MOST_CONNECTIONS = 16


@asynccontextmanager
async def control(live: Live, home: Home) -> AsyncIterator[Cutter]:
    """Take orders for ``live`` inside the block. The journal's lock says that no other gateway of ``home`` runs."""
    path = control_path(home)
    cutter = Cutter(live, home)
    desk = _Desk(live, cutter)
    server = await asyncio.start_unix_server(desk.serve, sock=listen(path), limit=LARGEST_ORDER)
    try:
        yield cutter
    finally:
        server.close()
        desk.hang_up()
        path.unlink(missing_ok=True)
        await cutter.close()


class _Desk:
    """Answers each connection."""

    def __init__(self, live: Live, cutter: Cutter) -> None:
        self._live, self._cutter = live, cutter
        self._open: set[asyncio.StreamWriter] = set()

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in self._open:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer orders until the other end closes or sends what is none."""
        if not self._welcome(writer):
            writer.close()
            return
        self._open.add(writer)
        visit = _Visit(self._live, self._cutter)
        try:
            with contextlib.suppress(OSError):
                await visit.answer_all(reader, writer)
        finally:
            visit.leave()
            self._open.discard(writer)
            writer.close()

    def _welcome(self, writer: asyncio.StreamWriter) -> bool:
        connection: socket.socket = writer.get_extra_info("socket")
        return len(self._open) < MOST_CONNECTIONS and peer_is_ours(connection)


class _Visit:
    """One connection and the cut that it ordered."""

    def __init__(self, live: Live, cutter: Cutter) -> None:
        self._live, self._cutter = live, cutter
        self._cut: Cut | None = None

    async def answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Order by order."""
        while line := await _line(reader):
            try:
                answer = answer_line(self._follow(line))
            except JazariError as error:
                answer = refusal_line(error)
            writer.write(answer)
            await writer.drain()
            if len(line) > LARGEST_ORDER:
                return

    def leave(self) -> None:
        """The connection is closed."""
        if self._cut is not None:
            self._cutter.mend(self._cut, "whoever ordered it is gone")

    def _follow(self, line: bytes) -> dict[str, Any]:
        match parse_order(line):
            case CutOrder() as order:
                self._cut = self._cutter.cut(order)
                return {"cut": self._cut.document()}
            case MendOrder():
                if self._cut is None:
                    raise BadOrder("This connection has cut nothing: only who ordered a cut mends it.")
                self._cutter.mend(self._cut, "mended")
                self._cut = None
                return {"cut": None}
            case StateOrder() as asked:
                return self._state(asked.project)

    def _state(self, project: str) -> dict[str, Any]:
        current = self._cutter.current
        state: dict[str, Any] = {"cut": current.document() if current else None}
        if project:
            balance = self._live.ledger.balance(project)
            state["balance"] = {"spent": balance.spent, "reserved": balance.reserved}
        return state


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; one that is too long comes back too long, an unfinished one as none."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        return b"x" * (LARGEST_ORDER + 1)
    except asyncio.IncompleteReadError:
        return b""
