"""FLARE's TCP driver with pinned peers: the only way in or out of any engine process.

FLARE's own TLS context trusts the engine authority and, because it starts from Python's default context,
the machine's public authorities as well. Neither is enough here: a connection is accepted only if the
peer's certificate is one that the signed directory names now (``pins``), and it is cut at the first frame
after that certificate is no longer named. Handshakes run in the connection's own thread with a time
limit, so that a silent caller cannot keep others out.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import ssl
from pathlib import Path
from typing import Any

from nvflare.fuel.f3 import communicator
from nvflare.fuel.f3.comm_error import CommError
from nvflare.fuel.f3.drivers.net_utils import get_ssl_context
from nvflare.fuel.f3.drivers.socket_conn import ConnectionHandler, SocketConnection
from nvflare.fuel.f3.drivers.tcp_driver import TcpDriver, TcpStreamServer
from nvflare.fuel.f3.sfm import conn_manager

from jazari.studies.flare.pins import PinBoard

HANDSHAKE_SECONDS = 10.0
CONNECT_SECONDS = 10.0
RECONNECT_SECONDS = 3
LARGEST_FRAME = 256 * 1024 * 1024
_log = logging.getLogger("jazari.engine.transport")


class Refused(CommError):
    """The peer is nobody that the signed directory names."""

    def __init__(self, sentence: str) -> None:
        super().__init__(CommError.NOT_READY, sentence)


class _Gatekeeper:
    """Decides for this process who may be at the other end: the directory's, or our own job processes."""

    def __init__(self, board: PinBoard, own: str, server: bool) -> None:
        self._board, self._own, self._server = board, own, server

    def check(self, pin: str) -> None:
        """Raise ``Refused`` unless the certificate with fingerprint ``pin`` may speak to us now."""
        pins = self._board.current
        named = pins.institutes.values() if self._server else (pins.server,)
        if not pin or (pin != self._own and pin not in named):
            raise Refused("The directory does not name this certificate: ask the board or wait for the next sync.")
        # A revoked institute is cut off from its own side too: its own pin must still be named.
        if not self._server and self._own not in pins.institutes.values():
            raise Refused("The directory does not name this node's own certificate: its access has ended.")


_gatekeeper: _Gatekeeper | None = None


def install(engine: Path, certificate_pin: str, server: bool) -> None:
    """Make pinned TCP the only driver of this process. Call once, before FLARE starts.

    ``engine`` holds ``pins.json``; ``certificate_pin`` is this node's own fingerprint; ``server`` says
    which side of the directory to accept: the institutes, or the server alone.
    """
    global _gatekeeper
    _gatekeeper = _Gatekeeper(PinBoard(engine), certificate_pin, server)
    conn_manager.MAX_WAIT = RECONNECT_SECONDS
    communicator.driver_mgr.drivers.clear()
    communicator.driver_mgr.register(PinnedDriver)
    communicator.driver_loaded = True


def peer_pin(sock: Any) -> str:
    """The fingerprint of the certificate at the other end of a TLS socket; empty without one."""
    der = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
    return "sha256:" + hashlib.sha256(der).hexdigest() if der else ""


def _check(pin: str) -> None:
    if _gatekeeper is None:
        raise Refused("The engine's transport was not installed: nobody may connect.")
    _gatekeeper.check(pin)


class PinnedConnection(SocketConnection):
    """A connection that asks the directory again before every frame, in both directions."""

    def __init__(self, sock: Any, connector: Any) -> None:
        self._pin = peer_pin(sock)
        _check(self._pin)
        super().__init__(sock, connector, True)

    def process_frame(self, frame: Any) -> None:
        """Pass a received frame on; refuse it and hang up if the peer lost its access or it is too large."""
        self._check_again()
        super().process_frame(frame)

    def send_frame(self, frame: Any) -> None:
        """Send a frame; refuse and hang up if the peer lost its access or the frame is too large."""
        self._check_again()
        if len(frame) > LARGEST_FRAME:
            raise CommError(CommError.BAD_DATA, "A message of this size cannot leave: it was not sent.")
        super().send_frame(frame)

    def _check_again(self) -> None:
        try:
            _check(self._pin)
        except Refused:
            self.close()
            raise


class _Handler(ConnectionHandler):
    def handle(self) -> None:
        try:
            self.request.settimeout(HANDSHAKE_SECONDS)
            self.request.do_handshake()
            self.request.settimeout(None)
            connection = PinnedConnection(self.request, self.server.connector)
        except (OSError, ValueError, CommError) as error:
            _log.warning("Refused a connection from %s: %s", self.client_address[0], error)
            return
        driver = self.server.driver
        driver.add_connection(connection)
        connection.read_loop()
        driver.close_connection(connection)


class _Server(TcpStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, driver: Any, connector: Any) -> None:
        super().__init__(driver, connector)
        listening: Any = self.socket
        if not isinstance(listening, ssl.SSLSocket):
            self.server_close()
            raise Refused("The engine never listens without TLS: check connection_security in its kit.")
        # The handshake belongs to the connection's thread, or one silent caller would block all others.
        setattr(listening, "do_handshake_on_connect", False)  # noqa: B010
        self.RequestHandlerClass = _Handler


class PinnedDriver(TcpDriver):
    """``tcp``/``stcp`` over mutual TLS with pinned certificates."""

    def listen(self, connector: Any) -> None:
        """Serve ``connector`` until shut down."""
        self.connector = connector
        self.server = _Server(self, connector)
        self.server.serve_forever()

    def connect(self, connector: Any) -> None:
        """Hold one outgoing connection for ``connector`` until it breaks."""
        self.connector = connector
        sock = self._dial(connector.params)
        try:
            connection = PinnedConnection(sock, connector)
        except Refused:
            sock.close()
            raise
        self.add_connection(connection)
        connection.read_loop()
        self.close_connection(connection)

    @staticmethod
    def _dial(params: dict[str, Any]) -> ssl.SSLSocket:
        context: ssl.SSLContext | None = get_ssl_context(params, ssl_server=False)
        if context is None:
            raise Refused("The engine never connects without TLS: check connection_security in its kit.")
        plain = socket.create_connection((params["host"], int(params["port"])), CONNECT_SECONDS)
        try:
            sock = context.wrap_socket(plain)
            sock.settimeout(None)
        except OSError:
            plain.close()
            raise
        return sock
