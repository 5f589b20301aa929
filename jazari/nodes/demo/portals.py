"""The demo's portals and people: each person is invited by command and opens an account in pages, as people would."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from jazari.nodes.demo.founding import DemoNetwork, at_once
from jazari.nodes.errors import DemoFailed
from jazari.settings.home import Home
from jazari.settings.portal_home import PortalConfig

PATIENCE_SECONDS = 60.0
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class MadeUpPerson:
    """Somebody made up, with an account at one node."""

    node: str
    origin: str
    email: str
    name: str
    roles: tuple[str, ...]
    password: str


def open_portals(network: DemoNetwork) -> list[MadeUpPerson]:
    """Once every portal answers, the people whom its node needs open their accounts there and sign in."""
    proposer, *others = (site.namespace for site in network.sites)
    people = [
        _person(network, "root", "operator", "Omar", ("operator", "board")),
        _person(network, "root", "auditor", "Aicha", ("auditor",)),
        _person(network, proposer, "researcher", "Rim", ("researcher",)),
        _person(network, proposer, "operator", "Othmane", ("operator",)),
        *(_person(network, place, "steward", "Salma", ("data-steward",)) for place in (proposer, *others)),
    ]
    for origin in sorted({person.origin for person in people}):
        _wait_for(origin)
    at_once(lambda person: _open_account(network, person), people)
    return people


def _person(network: DemoNetwork, node: str, word: str, name: str, roles: tuple[str, ...]) -> MadeUpPerson:
    origin = PortalConfig.of(Home.open(_home(network, node))).origin
    return MadeUpPerson(node, origin, f"{word}@{node}.example", name, roles, secrets.token_urlsafe(12))


def _home(network: DemoNetwork, node: str) -> Path:
    return network.root if node == "root" else network.home(node)


def _wait_for(origin: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if httpx.get(f"{origin}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise DemoFailed(f"The portal at {origin} does not answer: see run/portal.log in the node's home.")
        time.sleep(0.2)


def _open_account(network: DemoNetwork, person: MadeUpPerson) -> None:
    """Follow the link of the invitation, choose a password, and sign in with it."""
    words = [word for role in person.roles for word in ("--role", role)]
    home = _home(network, person.node)
    link = network.operator.run("people", "invite", *words, "--name", person.name, person.email, home=home)["link"]
    with httpx.Client(base_url=person.origin, trust_env=False, timeout=30.0) as browser:
        accepted = {"name": person.name, "password": person.password, "again": person.password}
        _fill(browser, link, accepted, person)
        _fill(browser, "/account/login/", {"login": person.email, "password": person.password}, person)
        if browser.get("/account/").status_code != 200:
            raise DemoFailed(f"{person.email} cannot sign in at {person.origin}: see run/portal.log of {person.node}.")


def _fill(browser: httpx.Client, address: str, values: dict[str, str], person: MadeUpPerson) -> None:
    page = browser.get(address)
    token = _TOKEN.search(page.text)
    answer = browser.post(address, data=values | {"csrfmiddlewaretoken": token[1] if token else ""})
    if answer.status_code != 302:
        raise DemoFailed(f"{address} at the portal of {person.node} answered {answer.status_code} to {person.email}.")
