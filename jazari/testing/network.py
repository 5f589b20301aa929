"""A whole network on loopback for tests: founded, enrolled and served by the commands that operators type.

A Root and institutes with a home folder each, a board of three, stewards with keys of their own; real HTTPS,
real FLARE processes. ``jazari.testing.live_network`` is the small one, in the test's own process.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from jazari.testing import made_up
from jazari.testing.commands import Commands, Refusal
from jazari.testing.serving import ServedNode
from jazari.testing.waiting import until

ROOT = "root"
BOARD = ("amina", "brahim", "chadia")
PLOTS = "plots"
"""What every institute offers when it joins."""
# Below the range from which systems give ports to outgoing connections: a port of a stopped node stays free.
_PORTS = range(20_000, 32_000)
Item = TypeVar("Item")


def free_ports(count: int) -> list[int]:
    """So many TCP ports that nobody listens on now."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(_PORTS)  # noqa: S311  not a secret
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def at_once(action: Callable[[Item], Any], items: Iterable[Item], people: int = 2) -> list[Any]:
    """Do the same for several people, so many at the same time; what each got, in order."""
    with ThreadPoolExecutor(people) as pool:
        return list(pool.map(action, items))


class Network:
    """Homes below ``folder``; ``root_environment`` is what the Root's processes and commands see on top."""

    def __init__(self, folder: Path, root_environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._root_commands = Commands(root_environment or {})
        self._commands = Commands()
        self.nodes: dict[str, ServedNode] = {}

    @property
    def institutes(self) -> list[str]:
        """Every institute that was created here, in the order of creation."""
        return [name for name in self.nodes if name != ROOT]

    @property
    def network_file(self) -> Path:
        """The invitation: all that an outsider needs."""
        return self.home(ROOT) / "network.json"

    def home(self, name: str) -> Path:
        """The home folder of the Root (``root``) or an institute."""
        return self.folder / name

    def node(self, name: str) -> ServedNode:
        """The processes of a node."""
        return self.nodes[name]

    def steward_key(self, name: str) -> Path:
        """The steward's key of an institute, outside its home."""
        return self.folder / "stewards" / name / "steward.pem"

    def data(self, name: str, data_set: str = "") -> Path:
        """Where the data of an institute are, or the files of one data set."""
        return self.home(name) / "data" / data_set

    def commands(self, name: str) -> Commands:
        """How commands are run on the machine of ``name``."""
        return self._root_commands if name == ROOT else self._commands

    def run(self, name: str, *words: str | Path, **options: Any) -> dict[str, Any]:
        """A command at the node ``name``, which must succeed; its JSON."""
        return self.commands(name).run(*words, home=self.home(name), **options)

    def refused(self, name: str, *words: str | Path, **options: Any) -> Refusal:
        """A command at the node ``name``, which must end in a clear error."""
        return self.commands(name).refused(*words, home=self.home(name), **options)

    def found(self) -> None:
        """Board members make their keys; the Root is created, signed by two of three, and serves."""
        at_once(lambda member: self._commands.run("board", "key", "create", self._board_key(member), "--plain"), BOARD)
        web, engine = free_ports(2)
        public = [word for member in BOARD for word in ("--board", f"{self._board_key(member)}.pub")]
        created = self.run(
            ROOT, "root", "create", "Tests", *public, "--threshold", "2", "--url", f"https://127.0.0.1:{web}",
            "--engine-port", str(engine), "--plain",
        )  # fmt: skip
        self.nodes[ROOT] = ServedNode(self.home(ROOT), self._root_commands)
        self.sign(Path(created["ceremony"]))
        self.serve(ROOT)

    def sign(self, ceremony: Path) -> None:
        """Two members sign copies of ``ceremony``, each with a key of its own; the Root installs it."""
        members = BOARD[:2]
        copies = [self._board_key(member).parent / ceremony.name for member in members]
        for member, copy in zip(members, copies, strict=True):
            shutil.copy(ceremony, copy)
            self._commands.run("board", "sign", copy, "--key", self._board_key(member), "--yes")
        self.run(ROOT, "root", "finish", *copies)

    def create(self, name: str) -> None:
        """An institute makes its home and keys; nothing is sent."""
        (port,) = free_ports(1)
        self.run(
            name, "institute", "create", name, "--title", f"fr=Institut {name}", "--port", str(port),
            "--steward-key", self.steward_key(name), "--steward-plain", "--plain",
        )  # fmt: skip
        self.nodes[name] = ServedNode(self.home(name), self._commands)

    def enrol(self, *names: str) -> None:
        """Institutes ask over HTTPS, two board members admit them in one ceremony, each checks and joins."""
        at_once(self.create, names)
        at_once(lambda name: self.run(name, "institute", "request", "--network", self.network_file), names)
        self.sign(Path(self.run(ROOT, "root", "admit", *names)["ceremony"]))
        at_once(lambda name: self.run(name, "institute", "join"), names)

    def join(self, *names: str) -> None:
        """Enrol institutes, serve them, and have each offer its made-up plots."""
        self.enrol(*names)
        self.serve(*names)
        at_once(self.offer, names)

    def serve(self, *names: str) -> None:
        """Start nodes (all of them by default) that do not run."""
        at_once(lambda name: self.node(name).start(), names or list(self.nodes))

    def stop(self) -> None:
        """End everything, whatever state it is in."""
        for node in self.nodes.values():
            node.kill()

    def offer(self, name: str, data_set: str = PLOTS, records: Sequence[made_up.Row] | None = None) -> str:
        """Register made-up plots of ``name`` as ``data_set`` and publish their card; its reference."""
        made = records or made_up.rows(name if data_set == PLOTS else f"{name}-{data_set}")
        files = made_up.write_data_set(self.data(name, data_set), made)
        self.run(name, "dataset", "register", data_set, *made_up.options(files))
        return str(self.run(name, "dataset", "publish", data_set)["record"])

    def offer_together(self, data_set: str, *names: str) -> None:
        """``names`` offer other plots under one name: an institute tells of the same rows to one circle only."""
        at_once(lambda name: self.offer(name, data_set), names)
        at_once(lambda name: self.run(name, "sync"), names)

    def plots(self, *names: str, data_set: str = PLOTS) -> list[str]:
        """What each institute offers under the name ``data_set``, in its first version."""
        return [f"{name}/dataset/{data_set}@1" for name in names]

    def propose(self, proposer: str, text: str) -> str:
        """Publish a study; its reference."""
        file = self.data(proposer) / "proposal.toml"
        file.write_text(text, encoding="utf-8")
        return str(self.run(proposer, "study", "propose", file)["study"])

    def approve(self, study: str, *names: str) -> None:
        """The stewards of ``names`` approve, once their node has read the study."""

        def decide(name: str) -> None:
            self.run(name, "sync")
            self.run(name, "study", "approve", study, "--steward-key", self.steward_key(name))

        at_once(decide, names)

    def agree(
        self,
        proposer: str,
        name: str,
        institutes: Sequence[str],
        recipe: str = "statistics",
        data_set: str = PLOTS,
        **text: Any,
    ) -> str:
        """Propose a study on what ``institutes`` offer as ``data_set`` and have all approve; its reference."""
        plots = self.plots(*institutes, data_set=data_set)
        study = self.propose(proposer, made_up.proposal(name, plots, recipe, **text))
        self.approve(study, *institutes)
        self.run(proposer, "sync")
        return study

    def start_run(self, proposer: str, study: str) -> str:
        """Have a study run; the run's reference."""
        return str(self.run(proposer, "study", "run", study)["run"])

    def finish_run(self, proposer: str, run: str, seconds: float = 120) -> dict[str, Any]:
        """Wait for a run's result; the result with its card and values."""
        facts = self.run(proposer, "study", "watch", run, "--timeout", str(seconds))
        return self.run(proposer, "study", "result", facts["result"])

    def trail(self, name: str, kind: str, subject: str = "") -> list[dict[str, Any]]:
        """The entries of a node's audit trail, the oldest first."""
        words = ("audit", "list", "--kind", kind, "--subject", subject, "--limit", "1000")
        return list(reversed(self.run(name, *words)["entries"]))

    def is_online(self, name: str) -> bool:
        """Whether the Root shows an institute as online."""
        rows = self.run(ROOT, "root", "status")["institutes"]
        return bool(next(row["online"] for row in rows if row["namespace"] == name))

    def wait_for_record(self, name: str, reference: str, seconds: float = 60) -> None:
        """Until the node ``name`` has read ``reference`` by itself."""
        what = f"{name} reads {reference}"
        until(lambda: self._knows(name, reference), what, seconds)

    def _knows(self, name: str, reference: str) -> bool:
        return self.commands(name).end("catalog", "show", reference, home=self.home(name)).status == 0

    def mirror(self, folder: Path) -> dict[str, Any]:
        """An outsider, who has only the invitation, copies the network into ``folder`` and verifies that offline."""
        folder.mkdir(parents=True, exist_ok=True)
        pinned = folder / "network.json"
        shutil.copy(self.network_file, pinned)
        self._commands.run("mirror", folder / "mirror", "--network", pinned)
        return self._commands.run("verify", folder / "mirror", "--network", pinned)

    def _board_key(self, member: str) -> Path:
        return self.folder / "board" / member / "board.pem"


def write_json(path: Path, value: Any) -> Path:
    """``value`` as a JSON file."""
    path.write_text(json.dumps(value), encoding="utf-8")
    return path
