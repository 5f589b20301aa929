"""How the supervisor starts an engine process: argument list and environment, nothing started here.

A process started with these ends when the process that started it ends, whatever way that happens, and
takes its own job processes with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jazari.studies.flare import kit
from jazari.studies.flare.errors import EngineNotReady

MODULE = "jazari.studies.flare.process"
STARTER = "JAZARI_ENGINE_STARTER"
_KEPT = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "SSL_CERT_DIR", "LD_LIBRARY_PATH",
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """What to run: arguments, and the whole environment (nothing else of the caller's is needed).

    To be started by the process that asked for it, or to take its place by ``exec``: it ends with that one.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]


def server_command(home: Path) -> Command:
    """The Root's engine server for the node in ``home``. Raises ``EngineNotReady`` without a kit."""
    return _command(home, "server", "fed_server.json")


def site_command(home: Path) -> Command:
    """The engine client of the institute in ``home``. Raises ``EngineNotReady`` without a kit."""
    return _command(home, "site", "fed_client.json")


def plain_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """What engine processes may see of an environment: no passphrases, no database, no proxies.

    Numerical libraries get one thread, so that sites sharing a computer do not fight for its cores, and the kernels
    that the operator chose, if any: sums are then the same bits as in any other process of that machine.
    """
    source = os.environ if source is None else source
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # Exceptions are formatted by their type alone, in logs and in what FLARE would send.
    # FLARE's pools of 100 threads would each get a heap of their own: two heaps save a third of the memory.
    fixed = {"NVFLARE_SECURE_LOGGING": "true", "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
    return {name: source[name] for name in _KEPT if name in source} | threads | fixed


def _command(home: Path, role: str, needed: str) -> Command:
    engine = (home / "engine").absolute()
    if not (kit.kit_folder(engine) / "startup" / needed).is_file():
        raise EngineNotReady(f"{home} has no {role} kit for the engine yet: create or join the network first.")
    # Named here, because a process whose starter died at once would look as if it never had one.
    environment = plain_environment() | {STARTER: str(os.getpid())}
    return Command((sys.executable, "-m", MODULE, role, str(engine)), environment)
