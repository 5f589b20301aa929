"""A whole network on this machine for benchmarks: made and driven with `jazari` commands, as an operator would."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx

from jazari.nodes.demo.operator import Operator
from jazari.settings.network import NetworkFile
from jazari.trust.http_source import pinned_tls

PATIENCE_SECONDS = 60.0
AS_INSTALLED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Compiled modules are kept, as on any machine where nobody asked otherwise: else every command compiles them anew."""
Item = TypeVar("Item")


def free_ports(count: int) -> list[int]:
    """So many TCP ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def at_once(action: Callable[[Item], Any], items: Iterable[Item]) -> list[Any]:
    """The same for several people, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(action, items))


@dataclass(frozen=True)
class Network:
    """The homes below ``folder``: ``root``, and one per institute."""

    folder: Path
    institutes: tuple[str, ...]
    operator: Operator

    @property
    def root(self) -> Path:
        """The Root's home."""
        return self.folder / "root"

    @property
    def invitation(self) -> NetworkFile:
        """The network file."""
        return NetworkFile.read(self.root / "network.json")

    def home(self, institute: str) -> Path:
        """An institute's home."""
        return self.folder / institute

    def steward(self, institute: str) -> Path:
        """The steward's key of an institute."""
        return self.folder / "stewards" / f"{institute}.pem"

    def run(self, *words: str | Path, home: Path | None = None) -> dict[str, Any]:
        """The JSON that a `jazari` command prints."""
        return self.operator.run(*words, home=home)


@contextmanager
def network(institutes: Iterable[str], parts: tuple[str, ...] = ()) -> Iterator[Network]:
    """A network that serves while the block runs and is gone afterwards.

    ``parts``: only these processes of the Root (``web``, ``worker``, ``engine``) and none of the institutes'; by
    default every process of every node.
    """
    with TemporaryDirectory(prefix="jazari-bench-") as folder, ExitStack() as serving:
        made = Network(Path(folder), tuple(institutes), Operator(AS_INSTALLED))
        _found(made)
        serving.enter_context(_serving_root(made, parts))
        _wait_for_root(made)
        _enrol(made)
        if not parts:
            for institute in made.institutes:
                serving.enter_context(made.operator.serving(made.home(institute)))
            _wait_for_institutes(made)
        yield made


def _found(made: Network) -> None:
    board = made.folder / "board.pem"
    made.run("board", "key", "create", board, "--plain")
    web, engine = free_ports(2)
    created = made.run(
        "root", "create", "Jazari benchmarks", "--board", f"{board}.pub", "--threshold", "1",
        "--url", f"https://127.0.0.1:{web}", "--engine-port", str(engine), "--title", "en=Root", "--plain",
        home=made.root,
    )  # fmt: skip
    _sign(made, Path(created["ceremony"]))


def _sign(made: Network, ceremony: Path) -> None:
    copy = made.folder / ceremony.name
    shutil.copy(ceremony, copy)
    made.run("board", "sign", copy, "--key", made.folder / "board.pem", "--yes")
    made.run("root", "finish", copy, home=made.root)


@contextmanager
def _serving_root(made: Network, parts: tuple[str, ...]) -> Iterator[None]:
    if not parts:
        with made.operator.serving(made.root):
            yield
        return
    words = [word for part in parts for word in ("--only", part)]
    with (made.root / "run" / "serve.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jazari.nodes.main", "serve", "--home", str(made.root), *words],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **AS_INSTALLED},
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _enrol(made: Network) -> None:
    ports = dict(zip(made.institutes, free_ports(len(made.institutes)), strict=True))

    def ask(institute: str) -> None:
        made.steward(institute).parent.mkdir(exist_ok=True)
        made.run(
            "institute", "create", institute, "--title", f"en={institute}", "--port", str(ports[institute]),
            "--steward-key", made.steward(institute), "--steward-plain", "--plain", home=made.home(institute),
        )  # fmt: skip
        made.run("institute", "request", "--network", made.root / "network.json", home=made.home(institute))

    at_once(ask, made.institutes)
    admitted = made.run("root", "admit", *made.institutes, home=made.root)
    _sign(made, Path(admitted["ceremony"]))
    at_once(lambda institute: made.run("institute", "join", home=made.home(institute)), made.institutes)


def _wait_for_root(made: Network) -> None:
    invitation = made.invitation
    with httpx.Client(verify=pinned_tls(invitation.tls_certificate_pem), trust_env=False) as client:
        _until(lambda: _answers(client, f"{invitation.root_url}/healthz"), "the Root's web server")


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _wait_for_institutes(made: Network) -> None:
    """Until every node says that it is ready and the Root has heard from every institute."""
    invitation = made.invitation
    logs = [made.home(name) / "run" / "serve.log" for name in made.institutes]
    _until(lambda: all("is ready" in log.read_text(encoding="utf-8") for log in logs), "the institutes' nodes")
    with httpx.Client(verify=pinned_tls(invitation.tls_certificate_pem), trust_env=False) as client:
        _until(lambda: _online(client, invitation.root_url) >= set(made.institutes), "the institutes' heartbeat")


def _online(client: httpx.Client, url: str) -> set[str]:
    status = client.get(f"{url}/exchange/status").json()
    return {row["namespace"] for row in status["institutes"] if row["online"]}


def _until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(f"{what} did not come up within {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.1)
