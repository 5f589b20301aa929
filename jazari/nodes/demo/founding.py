"""The demo's network: a board of three, a Root, institutes; each in a home folder of its own on this machine."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jazari.nodes.demo.data import Site
from jazari.nodes.demo.operator import Operator

BOARD = ("amina", "brahim", "chadia")
Item = TypeVar("Item")


@dataclass(frozen=True)
class DemoNetwork:
    """Where everything lies. ``sites`` are the institutes; the first proposes the studies."""

    folder: Path
    sites: tuple[Site, ...]
    operator: Operator

    @property
    def root(self) -> Path:
        """The Root's home."""
        return self.folder / "root"

    @property
    def network_file(self) -> Path:
        """The invitation: all that an outsider needs to verify the network."""
        return self.root / "network.json"

    def home(self, namespace: str) -> Path:
        """An institute's home."""
        return self.folder / namespace

    def board_key(self, member: str) -> Path:
        """A board member's private key, on what would be that member's own machine."""
        return self.folder / "board" / member / "board.pem"

    @property
    def proposer(self) -> Path:
        """The home of the institute that proposes the studies."""
        return self.home(self.sites[0].namespace)


def free_ports(count: int) -> list[int]:
    """So many TCP ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def at_once(action: Callable[[Item], Any], items: Iterable[Item]) -> list[Any]:
    """Do the same for several people at the same time, as they would on their own machines."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(action, items))


def found(network: DemoNetwork) -> None:
    """Board members make their keys; the Root is created and two of three sign it."""
    run = network.operator.run
    at_once(lambda member: run("board", "key", "create", network.board_key(member), "--plain"), BOARD)
    web, engine, portal = free_ports(3)
    public = [word for member in BOARD for word in ("--board", f"{network.board_key(member)}.pub")]
    created = run(
        "root", "create", "Jazari", *public, "--threshold", "2", "--url", f"https://127.0.0.1:{web}",
        "--engine-port", str(engine), "--portal-port", str(portal),
        "--title", "fr=Jazari Root", "--title", "ar=جزري روت", "--plain",
        home=network.root,
    )  # fmt: skip
    sign(network, Path(created["ceremony"]), BOARD[:2])


def sign(network: DemoNetwork, ceremony: Path, members: Sequence[str]) -> None:
    """Each member reviews and signs a copy of the ceremony file with a key that never leaves its folder."""
    copies = [network.board_key(member).parent / ceremony.name for member in members]
    for copy in copies:
        shutil.copy(ceremony, copy)
    at_once(lambda pair: _review_and_sign(network, *pair), list(zip(members, copies, strict=True)))
    network.operator.run("root", "finish", *copies, home=network.root)


def _review_and_sign(network: DemoNetwork, member: str, copy: Path) -> None:
    network.operator.run("board", "review", copy)
    network.operator.run("board", "sign", copy, "--key", network.board_key(member), "--yes")


def create_institutes(network: DemoNetwork, names: dict[str, dict[str, str]]) -> None:
    """Each institute makes its home and keys; the steward's key is kept apart from the home."""
    numbers = free_ports(2 * len(network.sites))
    ports = {site.namespace: numbers[2 * place : 2 * place + 2] for place, site in enumerate(network.sites)}

    def create(site: Site) -> None:
        web, portal = ports[site.namespace]
        network.operator.run(
            "institute", "create", site.namespace, "--title", f"fr={site.title_fr}",
            "--title", f"ar=معهد الجزري، {names[site.region]['ar']}", "--region", site.region,
            "--port", str(web), "--portal-port", str(portal), "--steward-key", steward_key(network, site.namespace),
            "--steward-plain", "--plain", home=network.home(site.namespace),
        )  # fmt: skip

    at_once(create, network.sites)


def steward_key(network: DemoNetwork, namespace: str) -> Path:
    """The steward's key of an institute, on what would be the steward's own medium."""
    return network.folder / "stewards" / namespace / "steward.pem"


def enrol(network: DemoNetwork) -> None:
    """All institutes ask over HTTPS; two board members admit them in one ceremony; each checks and joins."""
    run = network.operator.run
    homes = [network.home(site.namespace) for site in network.sites]
    at_once(lambda home: run("institute", "request", "--network", network.network_file, home=home), homes)
    admitted = run("root", "admit", *(site.namespace for site in network.sites), home=network.root)
    sign(network, Path(admitted["ceremony"]), BOARD[1:])
    at_once(lambda home: run("institute", "join", home=home), homes)
