"""An institute and a Root with something behind every operation of the public API, each served as in reality."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import httpx

from jazari.accounts import tokens
from jazari.accounts.rules import Role, scopes_for
from jazari.catalog.indexing import update_index
from jazari.catalog.tests.home import root_home
from jazari.catalog.tests.records import dataset_card
from jazari.core.audit import AuditEvent
from jazari.federation.exchange import open_reader
from jazari.gateway import operations
from jazari.gateway.scopes import Scope
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.tests.page_homes import RULES, give_gateway, serve
from jazari.gateway.tests.test_drill_pages import card as drill_card
from jazari.gateway.words import DataClass
from jazari.governance.operations import record
from jazari.nodes import wiring
from jazari.nodes.public_api import api
from jazari.nodes.tests.live_portal import serving
from jazari.portal.tests import networks
from jazari.settings.home import Home
from jazari.studies.tests.pages import Site
from jazari.testing.pages import People
from jazari.trust.records import Draft
from jazari.trust.tests.world import World

Kind = Literal["institute", "root"]
KINDS: tuple[Kind, ...] = ("institute", "root")
DOCUMENT: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))
READS = {path: methods["get"] for path, methods in DOCUMENT["paths"].items() if "get" in methods}
"""What the description says of each GET, by its path."""
OF_STUDIES = frozenset({"study", "result", "run"})
"""What only the institute here has: the Root here belongs to a network without studies."""


@dataclass
class Node:
    """A node that ``client`` asks; ``secret``: a token that opens everything."""

    kind: Kind
    client: httpx.Client
    secret: str
    names: dict[str, str]

    def known(self) -> Iterator[tuple[str, str]]:
        """Each GET of the description with the address of something that is there."""
        for path in READS:
            if self.kind == "root" and OF_STUDIES & set(path.split("/")):
                continue
            yield path, self.address(path)

    def address(self, path: str) -> str:
        """``path`` of the description with the names of something that is there."""
        return re.sub(r"\{(\w+)\}", lambda word: self.parameters(path)[word[1]], path) + query_of(path)

    def parameters(self, path: str) -> dict[str, str]:
        """The parameters of ``path`` for something that is there."""
        wanted = re.findall(r"\{(\w+)\}", path)
        own = next((values for start, values in self._by_path().items() if path.startswith(start)), {})
        return {word: own[word] for word in wanted}

    def _by_path(self) -> dict[str, dict[str, str]]:
        names = self.names
        of_study = {"namespace": "rabat", "version": "1"}
        return {
            "/api/v1/institutes/": {"namespace": "fes"},
            "/api/v1/catalogue/": {"institute": "fes", "kind": "dataset", "name": "soil", "version": "1"},
            "/api/v1/studies/study/": of_study | {"name": "soil-gaps"},
            "/api/v1/studies/result/": of_study | {"name": names.get("result", "")},
            "/api/v1/studies/run/": of_study | {"name": names.get("run", "")},
            "/api/v1/gateway/routes/": {"alias": "chat"},
            "/api/v1/gateway/projects/": {"name": "archives"},
            "/api/v1/gateway/receipts/": {"call": names["call"]},
            "/api/v1/audit/entries/": {"number": "1"},
        }

    def get(self, address: str, **headers: str) -> httpx.Response:
        """Ask with the token for everything."""
        return self.get_as_a_stranger(address, authorization=f"Bearer {self.secret}", **headers)

    def get_as_a_stranger(self, address: str, **headers: str) -> httpx.Response:
        """Ask with nothing."""
        return self.client.get(address, headers={name.replace("_", "-"): value for name, value in headers.items()})


QUERIES = {"/api/v1/gateway/routes/{alias}/explanation": {"data_class": "public"}}
"""What an operation does not answer without."""


def query_of(path: str) -> str:
    """The least that is asked with ``path``."""
    return f"?{urlencode(QUERIES[path])}" if path in QUERIES else ""


@contextmanager
def served(kind: Kind, folder: Path, portal: Home, people: People, settings: Any, site: Site) -> Iterator[Node]:
    """The node, filled and served. ``site``: studies of a network in memory, which the institute's pages look at."""
    wiring.connect()
    wiring.register_cards()
    home = _institute(folder, portal) if kind == "institute" else _root(folder)
    settings.HOME = home
    home.write(replace(home.config, portal_port=8655))
    names = _give_studies(site) if kind == "institute" else {}
    names["call"] = _give_gateway(home)
    record(AuditEvent("tests.written", "tests", "soil"))
    person = people.person(*Role)
    _token, secret = tokens.make(person, "tests", scopes_for(Role), 7, second_factor=True)
    with serving(home) as url, httpx.Client(base_url=url) as client:
        yield Node(kind, client, secret, names)


def _institute(folder: Path, home: Home) -> Home:
    world = networks.network(folder / "institutes", "rabat", "fes")
    _publish(world, "rabat")
    networks.read(home, world)
    return home


def _root(folder: Path) -> Home:
    home, world = root_home(folder / "network")
    _publish(world, "network")
    shutil.rmtree(home.repository)
    shutil.copytree(world.path / "root", home.repository)
    reader = open_reader(home)
    reader.refresh()
    update_index(reader)
    reader.logs.index.close()
    return home


def _publish(world: World, here: str) -> None:
    """Two of everything, so that lists have a second page."""
    for title in ("Sols", "Sols agricoles"):
        world.publish("fes", Draft("dataset", "soil", dataset_card(title)))
    drafts = [Draft("drill", f"campus-{number}", drill_card(plots=[])) for number in (1, 2)]
    drafts += [Draft("provider", name, build.provider_card()) for name in ("first", "second")]
    drafts += [Draft("residency", name, build.residency_card(*RULES, issuers=[here])) for name in ("main", "second")]
    world.publish(here, *drafts)


def _give_gateway(home: Home) -> str:
    give_gateway(home)
    for name in ("archives", "library"):
        operations.create_project(name, name.title(), "tests")
        operations.grant(name, 10**6, "why", "tests")
        operations.create_key(name, "web", Scope(["chat"], DataClass.INTERNAL), "tests")
    return serve(home, {}, {}, {"project": "library"})[0]


def _give_studies(site: Site) -> dict[str, str]:
    site.propose(name="another")
    study = site.propose()
    site.decide(study, "rabat", "fes")
    result = site.result(study, "rabat", "fes")
    run = site.network.of("run")[-1].ref
    return {"result": _name_of(result), "run": _name_of(run)}


def _name_of(reference: str) -> str:
    return reference.split("/")[2].partition("@")[0]
