"""Plain NVIDIA FLARE with its defaults: its own provisioning, its scatter-and-gather controller, its numpy trainer.

Nothing is tuned; only the stores move out of /tmp, which other FLARE servers of this machine may share.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.network import free_ports

SERVER, ADMIN = "localhost", "admin@benchmarks.org"
PATIENCE_SECONDS = 300.0
_STARTED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}).*Round (\d+) started\.", re.MULTILINE)


def round_seconds(folder: Path, sites: int, rounds: int) -> list[float]:
    """Seconds from the start of each round to the start of the next, of one job of so many ``rounds``."""
    kits = provision(folder, sites)
    with running(kits):
        submit(kits / ADMIN, write_job(folder / "job", sites, rounds), sites)
    log = (kits / f"{SERVER}.txt").read_text(encoding="utf-8")
    starts = [_seconds(moment) for moment, _ in _STARTED.findall(log)]
    return [later - earlier for earlier, later in pairwise(starts)]


def _seconds(moment: str) -> float:
    """Only differences are used, so the time zone does not matter."""
    return datetime.strptime(f"{moment}000 +0000", "%Y-%m-%d %H:%M:%S,%f %z").timestamp()


def provision(folder: Path, sites: int) -> Path:
    """Startup kits by `nvflare provision`; the folder that holds them."""
    port = free_ports(1)[0]
    server = {"name": SERVER, "type": "server", "org": "bench", "fed_learn_port": port, "admin_port": port}
    clients = [{"name": f"site-{number}", "type": "client", "org": "bench"} for number in range(1, sites + 1)]
    admin = {"name": ADMIN, "type": "admin", "org": "bench", "role": "project_admin"}
    impl = "nvflare.lighter.impl"
    project = {
        "api_version": 3,
        "name": "plain",
        "description": "plain",
        "participants": [server, *clients, admin],
        "builders": [
            {"path": f"{impl}.workspace.WorkspaceBuilder", "args": {"template_file": ["master_template.yml"]}},
            {"path": f"{impl}.static_file.StaticFileBuilder", "args": {"config_folder": "config"}},
            {"path": f"{impl}.cert.CertBuilder"},
            {"path": f"{impl}.signature.SignatureBuilder"},
        ],
    }
    file = folder / "project.yml"
    file.write_text(json.dumps(project), encoding="utf-8")  # JSON is YAML too
    words = ["provision", "-p", str(file), "-w", str(folder / "kits"), "--force"]
    subprocess.run([sys.executable, "-m", "nvflare.cli", *words], check=True, capture_output=True, cwd=folder)
    kits = folder / "kits" / "plain" / "prod_00"
    default = (kits / SERVER / "local" / "resources.json.default").read_text(encoding="utf-8")
    (kits / SERVER / "local" / "resources.json").write_text(default.replace("/tmp/nvflare", str(folder / "store")))  # noqa: S108
    return kits


@contextmanager
def running(kits: Path) -> Iterator[None]:
    """The server and every site, started by their kits' own scripts, until the block ends."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    names = [SERVER, *sorted(each.name for each in kits.glob("site-*"))]
    environment = {**os.environ, "PATH": path}
    started = []
    try:
        for name in names:
            command = ["bash", str(kits / name / "startup" / "sub_start.sh"), "--once"]
            with (kits / f"{name}.txt").open("wb") as output:
                started.append(
                    subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
                )
        yield
    finally:
        for process in started:
            os.killpg(process.pid, 9)
            process.wait()


def write_job(folder: Path, sites: int, rounds: int) -> Path:
    """A job of ``rounds`` rounds in which each site adds 1 to nine numbers and the server averages them."""
    common = "nvflare.app_common"
    server = {
        "format_version": 2,
        "components": [
            {"id": "persistor", "path": f"{common}.np.np_model_persistor.NPModelPersistor", "args": {}},
            {
                "id": "shareable_generator",
                "path": f"{common}.shareablegenerators.full_model_shareable_generator.FullModelShareableGenerator",
                "args": {},
            },
            {
                "id": "aggregator",
                "path": f"{common}.aggregators.intime_accumulate_model_aggregator.InTimeAccumulateWeightedAggregator",
                "args": {"expected_data_kind": "WEIGHTS"},
            },
        ],
        "workflows": [
            {
                "id": "scatter_and_gather",
                "path": f"{common}.workflows.scatter_and_gather.ScatterAndGather",
                "args": {"min_clients": sites, "num_rounds": rounds, "persistor_id": "persistor"},
            }
        ],
    }
    trainer = {"path": f"{common}.np.np_trainer.NPTrainer", "args": {}}
    client = {"format_version": 2, "executors": [{"tasks": ["train"], "executor": trainer}], "components": []}
    config = folder / "app" / "config"
    config.mkdir(parents=True)
    (config / "config_fed_server.json").write_text(json.dumps(server), encoding="utf-8")
    (config / "config_fed_client.json").write_text(json.dumps(client), encoding="utf-8")
    names = ["server", *(f"site-{number}" for number in range(1, sites + 1))]
    meta = {"name": "plain", "resource_spec": {}, "min_clients": sites, "deploy_map": {"app": names}}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


def submit(kit: Path, job: Path, sites: int) -> None:
    """Have FLARE run ``job`` to its end on so many ``sites``. ``RuntimeError`` if it does not finish."""
    from nvflare.fuel.flare_api.flare_api import new_secure_session

    session = _patient(lambda: new_secure_session(ADMIN, str(kit), timeout=20))
    try:
        _patient(lambda: _check_sites(session, sites))
        identity = str(session.submit_job(str(job)))
        status, limit = "", time.monotonic() + PATIENCE_SECONDS
        while not status.startswith("FINISHED") and time.monotonic() < limit:
            time.sleep(0.5)
            status = str(session.get_job_meta(identity).get("status"))
    finally:
        session.close()
    if status != "FINISHED:COMPLETED":
        raise RuntimeError(f"the plain FLARE job ended as {status or 'unknown'}")


def _check_sites(session: Any, sites: int) -> None:
    connected = len(session.get_system_info().client_info)
    if connected < sites:
        raise RuntimeError(f"only {connected} sites are connected to plain FLARE")


def _patient(action: Any) -> Any:
    limit = time.monotonic() + 60.0
    while True:
        try:
            return action()
        except Exception:
            if time.monotonic() > limit:
                raise
            time.sleep(0.5)
