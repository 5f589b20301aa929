"""What every command must pay for at its start: nothing that only some of them need."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = ("numpy", "pandas", "pyarrow", "httpx", "aiohttp", "urllib3", "nvflare", "ninja", "rich", "uvicorn")
READY = """
import sys
from jazari.nodes import main, wiring
wiring.connect()
import django
django.setup()
print(*sys.modules)
"""


def test_a_command_loads_nothing_that_only_some_need() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "jazari.settings.test"}
    loaded = subprocess.run(
        [sys.executable, "-c", READY], capture_output=True, text=True, env=environment, check=True
    ).stdout.split()
    assert "jazari.catalog.registry" in loaded
    assert [name for name in HEAVY if name in loaded] == []
