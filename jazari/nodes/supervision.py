"""The supervisor of one node: its lock, its port, its processes. Imports no Django, FLARE or pandas.

``python -m jazari.nodes.supervision HOME`` is what ``jazari serve`` becomes once it has checked the home.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from jazari.core.errors import Busy, JazariError
from jazari.core.files import write_atomic
from jazari.gateway.listening import FILE, has_gateway, read_place
from jazari.nodes.errors import HomeInUse, PortTaken
from jazari.nodes.processes import ManagedProcess, ProcessSpec
from jazari.settings.home import Home
from jazari.settings.process_state import birth, engine_restart, state_file

TICK_SECONDS = 0.1
LOG_CHECK_SECONDS = 60.0
MARK = "JAZARI_SUPERVISED"
PARTS = ("web", "worker", "engine")
"""Of every node; one with a ``gateway/gateway.toml`` has "gateway" too, one with a ``portal_port`` "portal"."""
STOP_SECONDS = {"gateway": 60.0}
"""More than the gateway takes to finish its open calls (``jazari.nodes.gateway.DRAIN_SECONDS``) and its engines."""


def bind(host: str, port: int, what: str, settings: str = "jazari.toml") -> socket.socket:
    """A listening socket; ``PortTaken`` if something else has the port, or the address is bad."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"{host}:{port}, where {what} should listen, cannot be used ({error.strerror or error}): "
            f"stop what uses it or change the port in {settings}."
        ) from error
    return listener


def parts_of(home: Home) -> tuple[str, ...]:
    """What runs at this node unless less is asked for."""
    gateway = ("gateway",) if has_gateway(home.path) else ()
    return (*PARTS, *gateway, *(("portal",) if home.config.portal_port else ()))


def check_engine_port(home: Home) -> None:
    """``PortTaken`` if the Root's engine could not listen; it binds by itself, a moment later."""
    if home.is_root:
        bind(home.config.engine_host, home.config.engine_port, "the engine").close()


class Supervisor:
    """Keeps the processes of ``home`` running until ``stop`` is called."""

    def __init__(self, home: Home, specs: Sequence[ProcessSpec], say: Callable[[str], None]) -> None:
        self.home = home
        self.processes = [ManagedProcess(spec, home.run / f"{spec.name}.log") for spec in specs]
        self._say = say
        self._stopping = False
        self._written: dict[str, Any] = {}
        self._was_ready = False

    def stop(self, *_signal: object) -> None:
        """Ask the supervisor to end; usable as a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Start everything, look after it, and stop everything when asked to or on an error."""
        try:
            for process in self.processes:
                process.start()
            trim_at = time.monotonic() + LOG_CHECK_SECONDS
            while not self._stopping:
                self._tend()
                if time.monotonic() > trim_at:
                    trim_at += LOG_CHECK_SECONDS
                    for process in self.processes:
                        process.trim_log()
                time.sleep(TICK_SECONDS)
        finally:
            self._stop_all()

    def _tend(self) -> None:
        self._restart_engine_if_asked()
        for process in self.processes:
            news = process.tend()
            if news:
                self._say(news)
        self._publish_state()
        if not self._was_ready and all(process.ready for process in self.processes):
            self._was_ready = True
            names = [process.spec.name for process in self.processes]
            also = ", and its gateway answers" if "gateway" in names else ""
            host, port = self.home.config.host, self.home.config.port
            self._say(f"{self.home.namespace} is ready at https://{host}:{port}{also}.")

    def _restart_engine_if_asked(self) -> None:
        request = engine_restart(self.home)
        if request.exists():
            request.unlink(missing_ok=True)
            for process in self.processes:
                if process.spec.name == "engine":
                    process.restart()

    def _publish_state(self) -> None:
        state = {process.spec.name: process.state() for process in self.processes}
        if state != self._written:
            document = {"supervisor": {"pid": os.getpid(), "birth": birth(os.getpid())}, "processes": state}
            # A full disk hides the state for a while; it is no reason to stop a node that serves.
            with contextlib.suppress(JazariError):
                write_atomic(state_file(self.home), json.dumps(document).encode())
                self._written = state

    def _stop_all(self) -> None:
        for process in self.processes:
            process.stop()
        began, waiting = time.monotonic(), list(self.processes)
        while any(process.pid for process in waiting):
            for process in list(waiting):
                if time.monotonic() - began > process.spec.stop_seconds:
                    process.kill()
                    waiting.remove(process)
            time.sleep(0.05)
        for process in waiting:
            process.kill()  # what it may have left behind in its session
        state_file(self.home).unlink(missing_ok=True)
        self._say(f"{self.home.namespace} has stopped.")


def end_leftovers(home: Home) -> list[int]:
    """End processes that an earlier supervisor, killed in mid-work, left behind: their process ids.

    Only call while holding the home: then whatever still carries its mark is nobody's. Needs ``/proc``;
    elsewhere the processes end by themselves when they see that their parent is gone.
    """
    mark = f"{MARK}={home.path}".encode()
    ended = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
                ended.append(int(folder.name))
    return ended


def specs(home: Home, parts: Sequence[str], listeners: Mapping[str, socket.socket]) -> list[ProcessSpec]:
    """The processes of this node. Who is in ``listeners`` inherits that listening socket, so that connections wait
    instead of failing while it restarts."""
    return [_spec(home, part, listeners.get(part)) for part in parts]


def _spec(home: Home, part: str, listener: socket.socket | None) -> ProcessSpec:
    descriptors = () if listener is None else (listener.fileno(),)
    argv = [sys.executable, "-m", f"jazari.nodes.{part}", str(home.path), *map(str, descriptors)]
    alive = None if part == "engine" else home.run / f"{part}.alive"
    spec = ProcessSpec(part, argv, _environment(home), descriptors, alive)
    return replace(spec, stop_seconds=STOP_SECONDS.get(part, spec.stop_seconds))


def _listeners(home: Home, parts: Sequence[str]) -> dict[str, socket.socket]:
    """The sockets of this node's servers; ``PortTaken``, or what is wrong with the gateway's settings."""
    places: dict[str, tuple[str, int, str, str]] = {}
    if "web" in parts:
        places["web"] = (home.config.host, home.config.port, "the web server", "jazari.toml")
    if "gateway" in parts:
        places["gateway"] = (*read_place(home.path), "the gateway", str(FILE))
    if "portal" in parts:
        places["portal"] = (home.config.portal_host, home.config.portal_port, "the portal", "jazari.toml")
    return {part: bind(*place) for part, place in places.items()}


def _environment(home: Home) -> dict[str, str]:
    return {
        "JAZARI_HOME": str(home.path),
        MARK: str(home.path),
        "PYTHONUNBUFFERED": "1",
        # glibc gives every thread its own arena otherwise: tens of megabytes per process that nobody uses.
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
    }


def supervise(home: Home, parts: Sequence[str], say: Callable[[str], None]) -> None:
    """Serve ``home`` until SIGTERM or SIGINT. Raises ``HomeInUse`` or ``PortTaken`` before anything starts."""
    try:
        held = home.in_use()
        held.__enter__()
    except Busy as error:
        raise HomeInUse(
            f"Another node is serving from {home.path}: stop it first, or give this one another home."
        ) from error
    try:
        for pid in end_leftovers(home):
            say(f"Process {pid} of an earlier run was still there and was ended.")
        listeners = _listeners(home, parts)
        if "engine" in parts:
            check_engine_port(home)
        supervisor = Supervisor(home, specs(home, parts, listeners), say)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, supervisor.stop)
        supervisor.run()
    finally:
        held.__exit__(None, None, None)


def _speaker(news: TextIO) -> Callable[[str], None]:
    """Prints to ``news``; where that cannot be written (a full disk, a closed terminal) the node goes on."""

    def say(text: str) -> None:
        with contextlib.suppress(OSError):
            print(text, file=news, flush=True)

    return say


def main(arguments: Sequence[str]) -> int:
    """``python -m jazari.nodes.supervision HOME [--json] [PART...]``"""
    as_json = "--json" in arguments
    home, *parts = (word for word in arguments if word != "--json")
    news = sys.stderr if as_json else sys.stdout
    try:
        node = Home.open(home)
        supervise(node, parts or parts_of(node), _speaker(news))
    except JazariError as error:
        document = {"error": {"code": error.code, "message": str(error)}}
        print(json.dumps(document) if as_json else str(error), file=sys.stdout if as_json else sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
