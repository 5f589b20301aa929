"""A portal in a process of its own, and a browser with a virtual authenticator: for tests of passkeys."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from jazari.settings.home import Home, NodeConfig


@contextlib.contextmanager
def portal_of_a_new_home(folder: Path) -> Iterator[Home]:
    """An institute's portal, serving until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = Home.create(folder, NodeConfig(role="institute", namespace="rabat", region="MA-04", portal_port=port))
    log = folder / "portal.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jazari.nodes.portal", str(folder)], stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"http://localhost:{port}/", timeout=10)
                break
            time.sleep(0.2)
        assert process.poll() is None, log.read_text()
        yield home
    finally:
        process.terminate()
        process.wait(20)


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
