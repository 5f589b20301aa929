"""What every command must pay for at its start: nothing that only some of them need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jazari.settings.home import Home, NodeConfig

HEAVY = ("numpy", "pandas", "pyarrow", "httpx", "aiohttp", "urllib3", "nvflare", "ninja", "rich", "uvicorn")
OF_PAGES = ("allauth", "requests", "babel", "jazari.accounts.models", "jazari.portal")
READY = """
import sys
from jazari.nodes import main, wiring
from jazari.settings.home import Home
from jazari.settings.runtime import setup
wiring.connect()
setup(Home.open(sys.argv[1]))
print(*sys.modules)
"""


def test_a_command_loads_nothing_that_only_some_need(tmp_path: Path) -> None:
    Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="fes"))
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    loaded = subprocess.run(
        [sys.executable, "-c", READY, str(tmp_path / "home")],
        capture_output=True, text=True, env=environment, check=True,
    ).stdout.split()  # fmt: skip
    assert "jazari.catalog.registry" in loaded
    assert [name for name in (*HEAVY, *OF_PAGES) if name in loaded] == []
