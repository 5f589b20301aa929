"""A node's home with a portal for benchmarks: a real network with a finished run, and many made-up cards in its index.

``python -m benchmarks.portal_home cards FOLDER COUNT`` and ``... people HOME CARDS`` are its steps that need Django,
each in a process of its own, since a process serves one home.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import small_study, studying
from benchmarks.catalogue_search import KEPT, index_cards
from benchmarks.gateway_home import Program
from benchmarks.many_cards import MadeUp
from benchmarks.network import AS_INSTALLED, free_ports, network
from jazari.settings.home import Home
from jazari.settings.portal_home import PortalConfig

INSTITUTES = ("rabat", "fes")
_SQLITE = b"SQLite format 3\0"
_LEFT_OUT = ("-wal", "-shm", "-journal", ".lock", ".sock")


@dataclass(frozen=True)
class PortalHome:
    """A home, the addresses of its pages about one study, and ``cookie``: of somebody who may follow runs."""

    path: Path
    study: str
    run: str
    result: str
    cookie: str

    @property
    def origin(self) -> str:
        """What people type."""
        return PortalConfig.of(Home.open(self.path)).origin

    def start(self) -> Program:
        """Its portal, ready to answer."""
        config = Home.open(self.path).config
        command = [sys.executable, "-m", "jazari.nodes.portal", str(self.path)]
        ready = f"http://127.0.0.1:{config.portal_port}/healthz"
        return Program(command, self.path / "run" / "portal.log", ready)


@contextmanager
def portal_home(cards: int) -> Iterator[PortalHome]:
    """An institute's home as it is after a run of a study, whose catalogue holds ``cards`` made-up cards besides."""
    with TemporaryDirectory(prefix="jazari-bench-") as scratch:
        home, facts = Path(scratch) / "portal", _one_run(Path(scratch) / "portal")
        kept = Path(os.environ.get(KEPT) or scratch)
        _step("cards", kept, cards)
        opened = Home.open(home)
        opened.write(replace(opened.config, portal_port=free_ports(1)[0]))
        cookie = _step("people", home, kept / "home" / "db.sqlite3")["cookie"]
        study, run, result = (_page(facts[kind]) for kind in ("study", "run", "result"))
        yield PortalHome(home, study, run, result, cookie)


def _one_run(home: Path) -> dict[str, str]:
    """Copies the home of an institute of a network that has run a study to ``home``; the records' references."""
    with network(INSTITUTES) as made:
        study = small_study.agreed(made, "pressures", small_study.GAUSSIAN, 1)
        facts = studying.run(made, INSTITUTES[0], study)
        made.run("sync", home=made.home(INSTITUTES[0]))
        # Its file is fetched once; afterwards the page asks nobody.
        made.run("study", "result", facts["result"], home=made.home(INSTITUTES[0]))
        copy_home(made.home(INSTITUTES[0]), home)
    return {"study": study, "run": str(facts["run"]), "result": str(facts["result"])}


def copy_home(source: Path, target: Path) -> None:
    """Copy the home of a node that serves: files as they are, databases by SQLite itself."""
    target.mkdir(parents=True, mode=0o700)
    for path in sorted(source.rglob("*")):
        copied = target / path.relative_to(source)
        if path.is_dir():
            copied.mkdir(parents=True, exist_ok=True, mode=0o700)
        elif path.is_file() and not path.name.endswith(_LEFT_OUT):
            _copy_file(path, copied)


def _copy_file(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
        if not is_database:
            shutil.copy2(source, target)
            return
    except FileNotFoundError:  # what serves removes its own files
        return
    with closing(sqlite3.connect(source)) as before, closing(sqlite3.connect(target)) as after:
        before.backup(after)


def _page(reference: str) -> str:
    namespace, kind, rest = reference.split("/")
    name, _, version = rest.partition("@")
    return f"/studies/{kind}/{namespace}/{name}/{version}/"


def _step(*words: str | Path | int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.portal_home", *map(str, words)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **AS_INSTALLED},
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _cards(folder: Path, count: int) -> dict[str, Any]:
    return {"seconds": index_cards(folder, MadeUp(count))}


def _people(home: Home, cards: Path) -> dict[str, Any]:
    from jazari.settings.runtime import PAGES, setup

    setup(home, migrate=True, profile=PAGES)
    from jazari.catalog.indexing import mark_changed

    with closing(sqlite3.connect(home.database, timeout=60)) as database:
        _take_over(database, cards)
    mark_changed()
    return {"cookie": _session()}


def _take_over(database: sqlite3.Connection, cards: Path) -> None:
    """Rows of the other index, as they are: to make them again would take many minutes."""
    columns = [name for _, name, *_ in database.execute("PRAGMA table_info(catalog_catalogitem)") if name != "id"]
    listed = ", ".join(columns)
    database.execute("ATTACH ? AS other", [str(cards)])
    # Ids are given anew. No two items of one index have the same place.
    found = f"SELECT {listed} FROM other.catalog_catalogitem"  # noqa: S608  names of columns
    apart = "WHERE place NOT IN (SELECT place FROM main.catalog_catalogitem) ORDER BY place"
    database.execute(f"INSERT INTO main.catalog_catalogitem ({listed}) {found} {apart}")
    database.commit()


def _session() -> str:
    """The session of a researcher who has signed in."""
    from django.conf import settings
    from django.test import Client

    from jazari.accounts.models import Person, RoleGrant
    from jazari.accounts.rules import Role
    from jazari.core import clock

    settings.ALLOWED_HOSTS.append("testserver")
    person = Person.objects.create_person("researcher@rabat.example", "not asked for in benchmarks", name="Rim")
    RoleGrant.objects.create(person=person, role=Role.RESEARCHER, given_by="benchmarks", given=clock.now())
    client = Client()
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


def main(words: Sequence[str]) -> None:
    """One step; what it found as JSON."""
    step, first, second = words
    found = _cards(Path(first), int(second)) if step == "cards" else _people(Home.open(first), Path(second))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
