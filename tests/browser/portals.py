"""A portal in a process of its own, for tests that look at it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from jazari.settings.home import Home
from jazari.testing.waiting import until

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20


@contextmanager
def running_portal(home: Home) -> Iterator[str]:
    """The address of the portal of ``home``, which serves until the block ends."""
    log = home.run / "portal.log"
    address = f"http://localhost:{home.config.portal_port}"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jazari.nodes.portal", str(home.path)], cwd=ROOT, stdout=output, stderr=output
        )
    try:
        until(lambda: _answers(address, process, log), f"{address} answers")
        yield address
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _answers(address: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"The portal ended: {log.read_text(encoding='utf-8')[-2000:]}")
    try:
        return httpx.get(address + "/", trust_env=False, timeout=10).status_code == 200
    except httpx.TransportError:
        return False
