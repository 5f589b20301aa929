"""A real network for tests: homes, keys, board ceremonies, and a Root that answers HTTPS from a thread.

Everything is real but time; only the processes of a node are missing (``jazari serve`` adds them).
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jazari.federation import admissions, exchange, founding, governing, joining, rotation
from jazari.federation.client import RootClient
from jazari.nodes import wiring
from jazari.nodes.exchange import create_exchange
from jazari.nodes.web import Server, create_server
from jazari.settings.home import Home, NodeConfig
from jazari.settings.network import NetworkFile
from jazari.trust.ceremonies.signing import sign_ceremony
from jazari.trust.directory import Directory
from jazari.trust.keys import Signer, generate_key, load_signer, read_public_key

NAME = "Jazari of tests"
THRESHOLD = 2


def free_port() -> int:
    """A TCP port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class LiveNetwork:
    """The homes below ``folder``; ``board`` are its members' signers."""

    folder: Path
    institutes: dict[str, Home] = field(default_factory=dict)

    @property
    def root(self) -> Home:
        """The Root's home."""
        return Home(self.folder / "root")

    @property
    def network(self) -> NetworkFile:
        """The invitation."""
        return NetworkFile.read(self.root.network_file)

    def board(self) -> list[Signer]:
        """The members' signers."""
        return [load_signer(path) for path in sorted(self.folder.glob("board-*.pem"))]

    def signer(self, namespace: str) -> Signer:
        """The publishing key of an institute."""
        return load_signer(self.institutes[namespace].publishing_key)

    def client(self, namespace: str) -> RootClient:
        """A client of an institute."""
        return RootClient(self.network, namespace, self.signer(namespace))

    def finish(self, ceremony: Path) -> Directory:
        """Have enough of the board sign ``ceremony``, each on a copy, and install it."""
        copies = []
        for number, signer in enumerate(self.board()[:THRESHOLD]):
            copy = ceremony.with_name(f"{ceremony.stem}-signed-{number}.json")
            shutil.copyfile(ceremony, copy)
            sign_ceremony(copy, signer)
            copies.append(copy)
        directory = founding.finish(self.root, copies)
        admissions.mark_admitted(directory)
        return directory

    def create(self, namespace: str) -> Home:
        """An institute's home, not admitted yet."""
        config = NodeConfig(role="institute", namespace=namespace, port=free_port(), titles={"fr": namespace})
        home = joining.create_institute(self.folder / namespace, config, None, None)
        self.institutes[namespace] = home
        return home

    def admit(self, *namespaces: str) -> Directory:
        """Send the requests of institutes that were created, and have the board admit them together."""
        for namespace in namespaces:
            home = self.institutes[namespace]
            joining.send_request(home, joining.make_request(home, self.network))
        path, _ = governing.propose_requests(self.root, namespaces)
        return self.finish(path)

    def join(self, namespace: str) -> None:
        """Verify and install what the board signed."""
        home = self.institutes[namespace]
        reader = exchange.open_reader(home)
        reader.refresh()
        rotation.switch_keys(home, reader.directory())
        joining.join(home, reader.directory())

    def copied(self, folder: Path) -> LiveNetwork:
        """The same network in another folder, so that a test may change it."""
        shutil.copytree(self.folder, folder)
        return LiveNetwork(folder, {name: Home(folder / name) for name in self.institutes})


def found(folder: Path) -> LiveNetwork:
    """A new network with a board of three and no institute."""
    wiring.connect()
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"board-{number}.pem" for number in range(3)]
    for path in paths:
        generate_key(path, None)
    port = free_port()
    config = NodeConfig(
        role="root",
        namespace="network",
        network=NAME,
        root_url=f"https://127.0.0.1:{port}",
        port=port,
        engine_port=free_port(),
    )
    keys = [read_public_key(path.with_name(path.name + ".pub")) for path in paths]
    network = LiveNetwork(folder)
    network.finish(founding.create_root(network.root.path, config, founding.Board(keys, THRESHOLD), None))
    return network


@contextmanager
def serving(home: Home) -> Iterator[Server]:
    """The web server of ``home`` in a thread, until the block ends. Django must be ready for a Root."""
    config = home.config
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((config.host, config.port))
    listener.listen(64)
    stopping = asyncio.Event()
    server = create_server(home, create_exchange(home, stopping) if home.is_root else None, stopping)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
