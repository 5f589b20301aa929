"""The control socket's place: ``run/gateway.sock`` in the home, which only the operator may open."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jazari.core.files import PRIVATE, plain_os_errors
from jazari.gateway.errors import GatewayNotRunning
from jazari.settings.home import Home

ANSWER_SECONDS = 10.0
_LONGEST_PATH = 100
"""Bytes: a socket's address holds 108 (unix(7)), a home may be deeper."""


def control_path(home: Home) -> Path:
    """Where the gateway of ``home`` listens for its operator."""
    return home.run / "gateway.sock"


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """An address of the socket at ``path``, short enough."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def listen(path: Path) -> socket.socket:
    """A socket at ``path`` that its owner alone may open; one left by a gateway that died is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    with plain_os_errors(path):
        path.unlink(missing_ok=True)
        # Between bind and chmod anybody might open it: nobody else's bits from the start.
        mask = os.umask(0o177)
        try:
            with _reachable(path) as address:
                listener.bind(address)
        finally:
            os.umask(mask)
        path.chmod(PRIVATE)
        listener.listen(8)
    listener.setblocking(False)
    return listener


def connect(path: Path) -> socket.socket:
    """A connection to the gateway that listens at ``path``; ``GatewayNotRunning`` if none does."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.settimeout(ANSWER_SECONDS)
    try:
        with _reachable(path) as address:
            connection.connect(address)
    except OSError as error:
        connection.close()
        reason = (error.strerror or str(error)).lower()
        raise GatewayNotRunning(
            f"The gateway does not answer at {path} ({reason}): start it, and run this as the user that it runs as."
        ) from error
    return connection


def peer_is_ours(connection: socket.socket) -> bool:
    """Whether the other end is a process of the user that we run as, or of the machine's administrator."""
    # A socket of our own: what an event loop shows of its sockets need not have this call.
    with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as copy:
        data = copy.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, user, _group = struct.unpack("3i", data)
    return user in (os.geteuid(), 0)
