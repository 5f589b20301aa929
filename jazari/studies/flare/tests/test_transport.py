"""Pinned TLS: real sockets, real certificates, and callers whom the engine's own authority vouches for."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nvflare.fuel.f3.connection import ConnState
from nvflare.fuel.f3.drivers.connector_info import ConnectorInfo, Mode
from nvflare.fuel.f3.drivers.driver import ConnMonitor
from nvflare.fuel.f3.sfm.prefix import PREFIX_LEN, Prefix

from jazari.studies.flare import pins, pki, transport


@dataclass
class Identity:
    """PEM files of one node, signed by the network's own engine authority."""

    folder: Path
    pin: str

    def context(self, server: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_cert_chain(self.folder / "crt", self.folder / "key")
        context.load_verify_locations(self.folder / "ca")
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def params(self, port: int) -> dict[str, object]:
        own = {"ca_cert": str(self.folder / "ca"), "scheme": "stcp", "host": "127.0.0.1", "port": port}
        pair = {"server_cert": str(self.folder / "crt"), "server_key": str(self.folder / "key")}
        also = {"client_cert": str(self.folder / "crt"), "client_key": str(self.folder / "key")}
        return {**own, **pair, **also, "secure": True, "connection_security": "mtls"}


@dataclass
class Seen(ConnMonitor):
    """What FLARE's connection manager would be told."""

    open: list[object] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)

    def state_change(self, connection) -> None:
        if connection.state == ConnState.CONNECTED:
            connection.register_frame_receiver(self)
            self.open.append(connection)

    def process_frame(self, frame) -> None:
        self.frames.append(bytes(frame))


@pytest.fixture(scope="module")
def identities(tmp_path_factory) -> dict[str, Identity]:
    base, (ca, ca_key) = tmp_path_factory.mktemp("pki"), pki.create_ca("morocco")
    found = {}
    for name in ("server", "rabat", "fes", "stranger"):
        if name == "server":
            certificate, key = pki.create_server(ca, ca_key, ["127.0.0.1"])
        else:
            request, key = pki.create_request(name)
            certificate = pki.issue(ca, ca_key, request, name)
        folder = base / name
        folder.mkdir()
        for file, content in (("crt", certificate), ("key", key), ("ca", ca)):
            (folder / file).write_bytes(content)
        found[name] = Identity(folder, pki.fingerprint(certificate))
    return found


@pytest.fixture
def engine(tmp_path: Path, identities) -> Path:
    named = {"rabat": identities["rabat"].pin, "fes": identities["fes"].pin}
    pins.write_pins(tmp_path, pins.Pins(identities["server"].pin, named))
    return tmp_path


@pytest.fixture
def listening(engine: Path, identities) -> Iterator[tuple[int, Seen]]:
    """The Root's driver on a free port, as FLARE starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    transport.install(engine, identities["server"].pin, server=True)
    driver, seen = transport.PinnedDriver(), Seen()
    driver.register_conn_monitor(seen)
    params = identities["server"].params(port)
    connector = ConnectorInfo("c", driver, params, Mode.PASSIVE, 0, 0, False, threading.Event())
    threading.Thread(target=driver.listen, args=(connector,), daemon=True).start()
    _until(lambda: driver.server is not None)
    yield port, seen
    driver.shutdown()


def _until(condition, seconds: float = 10.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.01)


def _call(port: int, identity: Identity) -> ssl.SSLSocket:
    sock = identity.context().wrap_socket(socket.create_connection(("127.0.0.1", port), 5))
    sock.settimeout(5)
    return sock


def _is_cut(sock: ssl.SSLSocket) -> bool:
    try:
        return sock.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True


def _frame(body: bytes) -> bytes:
    buffer = bytearray(PREFIX_LEN + len(body))
    Prefix(PREFIX_LEN + len(body), 0, 1, 0, 0, 0, 0, 0).to_buffer(buffer, 0)
    buffer[PREFIX_LEN:] = body
    return bytes(buffer)


def test_an_institute_of_the_directory_gets_in(listening, identities) -> None:
    port, seen = listening
    with _call(port, identities["rabat"]) as sock:
        _until(lambda: seen.open)
        sock.sendall(_frame(b"hello"))
        _until(lambda: seen.frames)
        assert seen.open[0].get_conn_properties()["peer_cn"] == "rabat"


def test_a_good_certificate_that_the_directory_does_not_name_is_refused(listening, identities) -> None:
    port, seen = listening
    with _call(port, identities["stranger"]) as sock:
        assert _is_cut(sock)
    assert seen.open == []


def test_a_caller_without_a_certificate_is_refused(listening) -> None:
    port, seen = listening
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5)) as sock:
        sock.settimeout(5)
        assert _is_cut(sock)
    assert seen.open == []


def test_a_caller_in_clear_is_refused(listening) -> None:
    port, seen = listening
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(_frame(b"hello"))
        sock.settimeout(5)
        assert sock.recv(64)[:1] in (b"", b"\x15")  # closed, or a TLS alert
    assert seen.frames == []


def test_a_revoked_institute_is_cut_at_its_next_message(listening, identities, engine) -> None:
    port, seen = listening
    with _call(port, identities["rabat"]) as sock, _call(port, identities["fes"]) as other:
        _until(lambda: len(seen.open) == 2)
        pins.revoke(engine, "rabat")
        sock.sendall(_frame(b"one more"))
        assert _is_cut(sock)
        other.sendall(_frame(b"still here"))
        _until(lambda: seen.frames)
    assert [frame[PREFIX_LEN:] for frame in seen.frames] == [b"still here"]


def test_nothing_is_sent_to_a_revoked_institute(listening, identities, engine) -> None:
    port, seen = listening
    with _call(port, identities["rabat"]) as sock:
        _until(lambda: seen.open)
        pins.revoke(engine, "rabat")
        with pytest.raises(transport.Refused):
            seen.open[0].send_frame(_frame(b"secret"))
        assert _is_cut(sock)


def test_a_silent_caller_keeps_nobody_out(listening, identities) -> None:
    port, seen = listening
    with socket.create_connection(("127.0.0.1", port), 5), _call(port, identities["rabat"]):
        _until(lambda: seen.open)


def test_a_frame_beyond_the_limit_does_not_leave(listening, identities, monkeypatch) -> None:
    port, seen = listening
    monkeypatch.setattr(transport, "LARGEST_FRAME", 100)
    with _call(port, identities["rabat"]):
        _until(lambda: seen.open)
        with pytest.raises(Exception, match="cannot leave"):
            seen.open[0].send_frame(_frame(b"x" * 200))


@pytest.fixture
def root_played_by(identities) -> Iterator[object]:
    """A TLS server with a certificate of one's choice, where institutes expect the Root."""
    sockets: list[socket.socket] = []

    def play(name: str) -> int:
        plain = socket.create_server(("127.0.0.1", 0))
        sockets.append(plain)
        port = int(plain.getsockname()[1])  # before the thread takes the socket over

        def accept() -> None:
            try:
                with identities[name].context(server=True).wrap_socket(plain, server_side=True) as secure:
                    secure.accept()[0].recv(1)
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        return port

    yield play
    for found in sockets:
        found.close()


def _dial(engine: Path, identities, port: int, seen: Seen) -> None:
    transport.install(engine, identities["rabat"].pin, server=False)
    driver = transport.PinnedDriver()
    driver.register_conn_monitor(seen)
    params = identities["rabat"].params(port)
    driver.connect(ConnectorInfo("c", driver, params, Mode.ACTIVE, 0, 0, False, threading.Event()))


@pytest.mark.parametrize("name", ["stranger", "fes"])
def test_an_institute_refuses_a_root_that_the_directory_does_not_name(engine, identities, root_played_by, name) -> None:
    seen = Seen()
    with pytest.raises(transport.Refused):
        _dial(engine, identities, root_played_by(name), seen)
    assert seen.open == []


def test_an_institute_whose_access_ended_does_not_connect(engine, identities, root_played_by) -> None:
    pins.revoke(engine, "rabat")
    seen = Seen()
    with pytest.raises(transport.Refused, match="its access has ended"):
        _dial(engine, identities, root_played_by("server"), seen)
    assert seen.open == []


def test_an_institute_connects_to_the_root_of_the_directory(engine, identities, root_played_by) -> None:
    seen = Seen()
    port = root_played_by("server")
    threading.Thread(target=_dial, args=(engine, identities, port, seen), daemon=True).start()
    _until(lambda: seen.open)
    seen.open[0].close()


def test_without_installing_nobody_connects(identities, engine, root_played_by, monkeypatch) -> None:
    monkeypatch.setattr(transport, "_gatekeeper", None)
    driver = transport.PinnedDriver()
    params = identities["rabat"].params(root_played_by("server"))
    with pytest.raises(transport.Refused, match="not installed"):
        driver.connect(ConnectorInfo("c", driver, params, Mode.ACTIVE, 0, 0, False, threading.Event()))


def test_the_pinned_driver_is_the_only_one(engine, identities) -> None:
    from nvflare.fuel.f3 import communicator

    transport.install(engine, identities["rabat"].pin, server=False)
    assert set(communicator.driver_mgr.drivers.values()) == {transport.PinnedDriver}
    assert communicator.driver_loaded
