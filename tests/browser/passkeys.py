"""A portal in a process of its own, and a browser with a virtual authenticator: for tests of passkeys."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jazari.settings.home import Home, NodeConfig
from jazari.testing.network import free_ports
from tests.browser.portals import running_portal


@contextlib.contextmanager
def portal_of_a_new_home(folder: Path) -> Iterator[Home]:
    """An institute's portal, serving until the block ends."""
    (port,) = free_ports(1)
    home = Home.create(folder, NodeConfig(role="institute", namespace="rabat", region="MA-04", portal_port=port))
    with running_portal(home):
        yield home


def add_authenticator(page: Any, *, verifies: bool = True) -> Any:
    """A passkey store inside the browser; ``verifies``: it shows who holds it (a finger, a PIN)."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verifies,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session
