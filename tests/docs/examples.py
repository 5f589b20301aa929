"""The examples of ``--help``, run as they stand: against a folder that is no home, and in a real network.

The network has a Root that answers HTTPS and one institute that has joined; the files that the examples name lie
in the folder where they run.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jazari.testing.commands import Commands, Ended
from jazari.testing.live_network import free_port
from tests.docs.command_tree import Command

INSTITUTE = "rabat"
TIMEOUT_SECONDS = 120
MAKE_A_HOME = ("jazari root create", "jazari institute create")
NOT_TO_AN_END = ("jazari serve", "jazari demo")
"""Run until they are stopped, or for a minute: the tutorial's test and the demo's run them."""

_SCHEMA = """
subject = ["site"]
[[variables]]
name = "site"
kind = "identifier"
[[variables]]
name = "ph"
kind = "numeric"
lower = 3
upper = 11
"""
_ABOUT = """
[title]
fr = "Sols"
[description]
fr = "Rangs inventés."
[terms]
fr = "Pour apprendre."
[licence]
name = "CC0-1.0"
"""
_ABOUT_MODEL = """
title = { fr = "Rendement" }
description = { fr = "Un modèle." }
intended_use = { fr = "Apprendre." }
limits = { fr = "Inventé." }
licence = { name = "CC0-1.0" }
"""
_STUDY = f"""
name = "soil-gaps"
title = "Where soil was not measured"
purpose = "Plan where to sample next."
recipe = "statistics"
datasets = ["{INSTITUTE}/dataset/soil@1"]
minimum_institutes = 1
secure_aggregation = false
max_runs = 3
[parameters]
variables = ["ph"]
"""
_MAPPING = f"""
study = "{INSTITUTE}/study/soil-gaps@1"
[variables.ph]
from = "ph"
factor = 1
"""
_CARD = {"type": "institute", "name": "self", "card": {"title": {"fr": "Institut"}}}


def words_of(command: Command) -> list[str]:
    """The words of the first example of a command after ``jazari``, without ``--home`` and redirections."""
    words = shlex.split(command.example.replace("\\\n", " ").splitlines()[0])[1:]
    words = words[: words.index(">")] if ">" in words else words
    if "--home" in words:
        at = words.index("--home")
        del words[at : at + 2]
    return words


@dataclass
class Place:
    """A folder to run commands in; ``homes`` are those of the Root and of the institute, once there are."""

    folder: Path
    homes: dict[str, Path] = field(default_factory=dict)
    commands: Commands = field(default_factory=Commands)

    def run(self, words: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Ended:
        """A command in a process of its own, with this folder as the current one."""
        done = subprocess.run(
            self.commands.argv(*words),
            cwd=self.folder,
            env=self.commands.full_environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return Ended("jazari " + " ".join(map(str, words)), done.returncode, done.stdout, done.stderr)

    def must(self, *words: str | Path) -> Ended:
        """The same for a command that has to succeed."""
        ended = self.run(words)
        assert ended.status == 0, str(ended)
        return ended

    def example(self, command: Command) -> Ended:
        """The example of ``command`` at the node that it is for; no path outside the folder is touched."""
        words = [word.replace("/media", str(self.folder / "media")) for word in words_of(command)]
        home = self.folder / "new-home" if command.name in MAKE_A_HOME else self.homes[role_of(command)]
        if command.has("--timeout"):
            words += ["--timeout", "0.5"]
        if command.has("--json"):
            words += ["--json"]
        return self.run(words, {"JAZARI_HOME": str(home)} if command.needs_home else {})


def role_of(command: Command) -> str:
    """At which node an operator would run the command."""
    return "root" if command.words[0] == "root" else "institute"


def found(place: Place) -> subprocess.Popen[bytes]:
    """Found a network in ``place`` and have one institute join; the Root's web server, which goes on answering."""
    folder = place.folder
    for member in ("amina", "brahim", "chadia"):
        place.must("board", "key", "create", f"{member}.pem", "--plain")
    for copy, member in (("a", "amina"), ("b", "brahim"), ("d", "chadia")):
        shutil.copy(folder / f"{member}.pem.pub", folder / f"{copy}.pub")
    place.homes = {"root": folder / "root-home", "institute": folder / INSTITUTE}
    web = free_port()
    place.must(
        "root", "create", "Examples", "--board", "amina.pem.pub", "--board", "brahim.pem.pub", "--threshold", "2",
        "--url", f"https://127.0.0.1:{web}", "--engine-port", str(free_port()), "--plain",
        "--home", place.homes["root"],
    )  # fmt: skip
    _sign(place, "founding.json")
    shutil.copy(place.homes["root"] / "network.json", folder)
    server = subprocess.Popen(
        place.commands.argv("serve", "--only", "web", "--home", place.homes["root"]),
        env=place.commands.full_environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        _enrol(place)
        write_files(folder)
    except BaseException:
        server.terminate()
        raise
    return server


def _enrol(place: Place) -> None:
    for name in (INSTITUTE, "dakhla"):
        place.must(
            "institute", "create", name, "--title", "fr=Institut", "--port", str(free_port()), "--plain",
            "--steward-plain", "--home", name,
        )  # fmt: skip
    place.must("institute", "request", "--network", "network.json", "--home", INSTITUTE)
    place.must(
        "institute", "request", "--network", "network.json", "--to-file", "dakhla-request.json", "--home", "dakhla"
    )
    place.must("root", "admit", INSTITUTE, "--home", place.homes["root"])
    _sign(place, "admission.json")
    place.must("institute", "join", "--home", INSTITUTE)
    place.must("mirror", "usb-stick/mirror", "--network", "network.json")


def _sign(place: Place, name: str) -> None:
    """Two members sign the newest ceremony, each on a copy."""
    newest = max((place.homes["root"] / "ceremonies").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    (place.folder / "signed").mkdir(exist_ok=True)
    for member in ("amina", "brahim"):
        copy = place.folder / "signed" / f"{member}.json"
        shutil.copy(newest, copy)
        place.must("board", "sign", copy, "--key", f"{member}.pem", "--yes")
    shutil.copy(place.folder / "signed" / "amina.json", place.folder / name)
    place.must("root", "finish", "signed/amina.json", "signed/brahim.json", "--home", place.homes["root"])


def write_files(folder: Path) -> None:
    """The files that examples name."""
    import pyarrow
    import pyarrow.parquet

    rows = {"site": [f"site-{number}" for number in range(40)], "ph": [4 + number / 10 for number in range(40)]}
    pyarrow.parquet.write_table(pyarrow.table(rows), folder / "soil.parquet")
    (folder / "soil.schema.toml").write_text(_SCHEMA, encoding="utf-8")
    (folder / "soil.about.toml").write_text(_ABOUT, encoding="utf-8")
    (folder / "yield.about.toml").write_text(_ABOUT_MODEL, encoding="utf-8")
    (folder / "soil-gaps.toml").write_text(_STUDY, encoding="utf-8")
    (folder / "soil.mapping.toml").write_text(_MAPPING, encoding="utf-8")
    (folder / "institute.json").write_text(json.dumps(_CARD), encoding="utf-8")
