"""What every command must pay for at its start: nothing that only some of them need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jazari.settings.home import Home, NodeConfig

HEAVY = (
    "numpy", "pandas", "pyarrow", "httpx", "aiohttp", "urllib3", "nvflare", "ninja", "rich", "uvicorn",
    "snowballstemmer",
)  # fmt: skip
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
# Building validators is the dearest part of a start: a model builds its own when it is first used.
BUILT = READY.replace(
    "print(*sys.modules)",
    """
from pydantic import BaseModel
def below(model):
    for child in model.__subclasses__():
        yield child
        yield from below(child)
print(*sorted(f"{m.__module__}.{m.__name__}" for m in below(BaseModel) if m.__pydantic_complete__))
""",
)
NEEDED = ("jazari.settings.home.",)
"""Read at every start."""


def _started(program: str, folder: Path) -> list[str]:
    """What ``program`` prints of a command that is ready to begin."""
    Home.create(folder / "home", NodeConfig(role="institute", namespace="fes"))
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-c", program, str(folder / "home")],
        capture_output=True, text=True, env=environment, check=True,
    ).stdout.split()  # fmt: skip


def test_a_command_loads_nothing_that_only_some_need(tmp_path: Path) -> None:
    loaded = _started(READY, tmp_path)
    assert "jazari.catalog.registry" in loaded
    assert [name for name in (*HEAVY, *OF_PAGES) if name in loaded] == []


def test_a_command_builds_no_model_that_it_does_not_use(tmp_path: Path) -> None:
    built = _started(BUILT, tmp_path)
    assert [name for name in built if name.startswith("jazari.") and not name.startswith(NEEDED)] == []
