"""Entry point of every engine process: ``python -m jazari.studies.flare.process ROLE ENGINE [ARGUMENTS]``.

ROLE is ``server`` or ``site`` (started by the node's supervisor) or ``server-job`` or ``site-job``
(started by those). FLARE's own mains run unchanged, after the pinned transport is installed and the
process is tied to its parent's life.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from jazari.studies.flare import kit, processes

LIFELINE = "JAZARI_ENGINE_LIFELINE"
_PARENT_CHECK_SECONDS = 0.5
_JOB = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` (role, engine folder, FLARE's arguments) names; its exit status."""
    role, engine, rest = argv[0], Path(argv[1]), argv[2:]
    os.umask(0o077)
    _tie_to_parent()
    from jazari.studies.flare import transport

    transport.install(engine, kit.own_pin(engine), server=role.startswith("server"))
    return _ROLES[role](engine, rest)


def _tie_to_parent() -> None:
    """End this process when its parent ends: by the pipe it left us, else by watching its process id."""
    lifeline = os.environ.pop(LIFELINE, "")
    watch: Callable[[], None] = partial(_read_until_closed, int(lifeline)) if lifeline else _wait_for_orphanage
    threading.Thread(target=_then_exit, args=(watch,), name="lifeline", daemon=True).start()


def _then_exit(watch: Callable[[], None]) -> None:
    watch()
    os._exit(0)


def _read_until_closed(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass


def _wait_for_orphanage() -> None:
    parent, starter = os.getppid(), int(os.environ.pop(processes.STARTER, "0"))
    # Our own number: the starter became us by exec, and its parent is ours.
    if starter not in (0, os.getpid(), parent):
        return
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)


def _forget_jobs(engine: Path) -> None:
    """Empty what an earlier life left in FLARE's workspace: its jobs died with it, and runs are kept elsewhere."""
    workspace = kit.kit_folder(engine)
    for name in ("jobs", "snapshots", "transfer", "disabled_clients.json", *job_folders(workspace)):
        path = workspace / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def job_folders(workspace: Path) -> list[str]:
    """Names of the folders that FLARE made for jobs in ``workspace``."""
    return [entry.name for entry in workspace.iterdir() if _JOB.fullmatch(entry.name)]


def _server(engine: Path, _rest: list[str]) -> int:
    _forget_jobs(engine)
    from nvflare.private.fed.app.server import server_train
    from nvflare.private.fed.server.fed_server import FederatedServer

    # No administrators: the Root's own keeper runs jobs from inside, so the listener for people and the
    # commands behind it stay closed.
    without_people: Any = partial(server_train.create_admin_server, enable_hci=False)
    server_train.create_admin_server = without_people
    deploy = FederatedServer.deploy
    FederatedServer.deploy = lambda self, args, grpc_args=None, secure_train=False: deploy(
        self, args, grpc_args, secure_train, enable_admin_listener=False
    )
    settings = ["secure_train=true", f"org={kit.ORGANISATION}", "config_folder=config"]
    return _run(server_train, engine, ["-s", "fed_server.json", "--set", *settings])


def _site(engine: Path, _rest: list[str]) -> int:
    _forget_jobs(engine)
    from nvflare.private.fed.app.client import client_train

    name = kit.site_name(engine)
    settings = ["secure_train=true", f"uid={name}", f"org={kit.ORGANISATION}", "config_folder=config"]
    beat = f"heart_beat_interval={kit.HEARTBEAT_SECONDS}"
    return _run(client_train, engine, ["-s", "fed_client.json", "--set", *settings, beat])


def _server_job(engine: Path, rest: list[str]) -> int:
    from nvflare.private.fed.app.server import runner_process

    return _run(runner_process, engine, rest)


def _site_job(engine: Path, rest: list[str]) -> int:
    from nvflare.private.fed.app.client import worker_process

    return _run(worker_process, engine, rest)


def _run(module: ModuleType, engine: Path, arguments: list[str]) -> int:
    from nvflare.fuel.f3.mpm import MainProcessMonitor

    workspace = kit.kit_folder(engine)
    sys.argv = [str(module.__file__), "-m", str(workspace), *arguments]
    args = module.parse_arguments()
    run_dir = workspace / args.job_id if hasattr(args, "job_id") else workspace
    # Our results are durable before FLARE ends, so nothing is gained by its three seconds of grace.
    code = MainProcessMonitor.run(module.main, str(run_dir), 0.1, 2, args=args)
    return int(code or 0)


_ROLES: dict[str, Callable[[Path, list[str]], int]] = {
    "server": _server,
    "site": _site,
    "server-job": _server_job,
    "site-job": _site_job,
}


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # FLARE leaves non-daemon threads behind that would keep the process for seconds.
    os._exit(code)
