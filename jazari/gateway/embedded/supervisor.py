"""The engines of one gateway: started, watched, started again with growing delays, stopped. Owned by its event loop.

Each is a process of its own: a model that crashes takes no stream of another provider with it, and its memory is not
the gateway's. It inherits no secret of other providers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jazari.gateway.embedded.errors import EngineAway, EngineMissing
from jazari.gateway.embedded.process import engine_missing, has_engine
from jazari.gateway.embedded.settings import EngineKey, EngineSettings, engine_key
from jazari.gateway.words import Kind

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
STEADY_SECONDS = 60.0
"""An engine that lived so long has recovered: its next failure starts again at ``FIRST_DELAY``."""
LOAD_SECONDS = 600.0
"""How long a model may take to be checked and loaded."""
STOP_SECONDS = 5.0
_INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
_DEVICES = ("CUDA_", "HIP_", "ROCR_", "GGML_")
_log = logging.getLogger("jazari.gateway")


@dataclass(frozen=True)
class Endpoint:
    """Where an engine answers now: the base of its API, and the secret that it wants after "Bearer"."""

    address: str
    secret: str


@dataclass(frozen=True)
class EngineState:
    """How an engine stands. ``problem``: why it does not run, a sentence, "" while it runs or loads first."""

    key: EngineKey
    ready: bool
    pid: int | None
    starts: int
    problem: str


class Engines:
    """The engines that ``wanted`` names, for the models of ``home``; they run while the context lasts.

    Entering does not wait for models to load: see ``states``. A model that is missing or broken is tried again, with
    delays, and stops nothing else.
    """

    def __init__(self, home: Path, wanted: Sequence[EngineSettings]) -> None:
        self._engines = {settings.key: _Engine(home, settings) for settings in wanted}

    async def __aenter__(self) -> Self:
        for engine in self._engines.values():
            engine.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(engine.end() for engine in self._engines.values()))

    def endpoint(self, model: str, kind: Kind) -> Endpoint:
        """Where calls of ``kind`` to ``model`` go at this moment. Raises `EngineAway`, saying why."""
        engine = self._engines.get(engine_key(model, kind))
        if engine is None:
            raise EngineAway(
                f"No engine was started for the model {model}: name it in a route and restart the gateway."
            )
        if engine.endpoint is None:
            raise EngineAway(engine.problem or f"The engine of the model {model} is loading it: try again in a moment.")
        return engine.endpoint

    def states(self) -> list[EngineState]:
        """All engines, by model."""
        return [engine.state() for _, engine in sorted(self._engines.items())]


class _Engine:
    """One engine, kept running by a task."""

    def __init__(self, home: Path, settings: EngineSettings) -> None:
        self._home, self._settings = home, settings
        self._task: asyncio.Task[None] | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._starts = 0
        self.endpoint: Endpoint | None = None
        self.problem = ""

    def begin(self) -> None:
        self._task = asyncio.create_task(self._keep())

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def state(self) -> EngineState:
        pid = self._child.pid if self._child is not None and self._child.returncode is None else None
        return EngineState(self._settings.key, self.endpoint is not None, pid, self._starts, self.problem)

    async def _keep(self) -> None:
        failures, now = 0, asyncio.get_running_loop().time
        while True:
            began = now()
            try:
                await self._run_once()
            except (EngineAway, EngineMissing, OSError) as error:
                self.problem = str(error)
            failures = 1 if now() - began > STEADY_SECONDS else failures + 1
            _log.warning("%s", self.problem)
            await asyncio.sleep(backoff(failures))

    async def _run_once(self) -> None:
        """From start to end of one process; raises with the reason why it ended."""
        if not has_engine():
            raise engine_missing()
        secret = secrets.token_urlsafe(32)
        self._child = child = await _spawn(self._settings.key.model)
        self._starts += 1
        try:
            address = await asyncio.wait_for(self._announced(child, secret), LOAD_SECONDS)
            self.endpoint, self.problem = Endpoint(f"{address}/v1", secret), ""
            status = await child.wait()
            raise EngineAway(
                f"The engine of the model {self._settings.key.model} ended with {status}; it starts again."
            )
        except TimeoutError:
            raise EngineAway(
                f"The model {self._settings.key.model} did not load within {LOAD_SECONDS:g} s: try a smaller one."
            ) from None
        finally:
            self.endpoint = None
            await _ended(child)

    async def _announced(self, child: asyncio.subprocess.Process, secret: str) -> str:
        """The address that the process says; what it cannot do is raised."""
        told = {
            "home": str(self._home),
            "settings": self._settings.document(),
            "secret": secret,
            "parent": os.getpid(),
        }
        if child.stdin is None or child.stdout is None:
            raise AssertionError("it was started with pipes")
        with contextlib.suppress(ConnectionError):
            child.stdin.write(json.dumps(told).encode() + b"\n")
            await child.stdin.drain()
        said = _read(await child.stdout.readline())
        if "address" not in said:
            sentence = f"The engine of the model {self._settings.key.model} ended before it was ready; it starts again."
            raise EngineAway(said.get("sentence", sentence))
        return str(said["address"])


def backoff(failures: int) -> float:
    """Seconds to wait after ``failures`` failures in a row (1 or more): 0.5, 1, 2, ... 30."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 16))


def engine_environment() -> dict[str, str]:
    """What an engine inherits of our environment: where programs and devices are, and nothing else."""
    return {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith(_DEVICES)}


async def _spawn(model: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jazari.gateway.embedded.process",
        model,  # for people who list processes
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=engine_environment(),
        start_new_session=True,
    )


async def _ended(child: asyncio.subprocess.Process) -> None:
    """Closing its input ends it; what does not end is killed. Done even if we are cancelled meanwhile."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        with contextlib.suppress(TimeoutError):  # it reads its input only once its model is loaded
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
