"""Waiting until the Root that was just started answers."""

from __future__ import annotations

import time

import httpx

from jazari.nodes.demo.founding import DemoNetwork
from jazari.nodes.errors import DemoFailed
from jazari.settings.network import NetworkFile
from jazari.trust.http_source import pinned_tls

PATIENCE_SECONDS = 30.0


def wait_for_root(network: DemoNetwork) -> None:
    """Return once the Root's web server answers over its pinned certificate; ``DemoFailed`` otherwise."""
    file = NetworkFile.read(network.network_file)
    deadline = time.monotonic() + PATIENCE_SECONDS
    with httpx.Client(verify=pinned_tls(file.tls_certificate_pem), trust_env=False) as client:
        while not _answers(client, file.root_url):
            if time.monotonic() > deadline:
                raise DemoFailed(f"The Root does not serve: see {network.root / 'run' / 'serve.log'}.")
            time.sleep(0.1)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False
