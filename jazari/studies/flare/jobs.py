"""The one job that this network's engine knows: fixed bytes, and a description that names the run.

A job carries no code, no parameters and no study: each side finds those in its own folder under the run's
name. So a site can compare what it is sent byte for byte, and whatever differs is not ours.
"""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from jazari.studies.flare import kit

APP = "rounds"
TASK = "round"
REQUEST, ANSWER = "request", "answer"
RUN = "run"
SERVER = "server"
POLL_SECONDS = 0.05
LARGEST_APP = 65_536

_IMPATIENCE = {
    "end_run_readiness_timeout": 0.5,
    "end_run_readiness_check_interval": 0.1,
    "job_heartbeat_interval": 2.0,
    "task_check_interval": 2.0,
    # A question may wait behind a part of a large message on a slow line (see ``wire.PART_BYTES``).
    "task_check_timeout": 30.0,
    "runner_sync_timeout": 10.0,
}
_SERVER_APP = {
    "format_version": 2,
    "server": {"task_request_interval": POLL_SECONDS, "heart_beat_timeout": kit.LOST_SECONDS},
    "task_data_filters": [],
    "task_result_filters": [],
    "components": [],
    "workflows": [{"id": "rounds", "path": kit.CONTROLLER, "args": {}}],
    **_IMPATIENCE,
}
_SITE_APP = {
    "format_version": 2,
    "executors": [{"tasks": [TASK], "executor": {"path": kit.EXECUTOR, "args": {}}}],
    "task_data_filters": [],
    "task_result_filters": [],
    "components": [],
    **_IMPATIENCE,
}
APP_FILES: Mapping[str, bytes] = {
    "config/config_fed_client.json": json.dumps(_SITE_APP, sort_keys=True).encode(),
    "config/config_fed_server.json": json.dumps(_SERVER_APP, sort_keys=True).encode(),
}


def describe(run: str, participants: Sequence[str], needs_all: bool = True) -> dict[str, Any]:
    """FLARE's job meta for one attempt at ``run`` by ``participants``: all, or else those whom it reaches."""
    return {
        "job_id": str(uuid.uuid4()),
        "name": run,
        "job_folder_name": APP,
        "resource_spec": {},
        "deploy_map": {APP: [SERVER, *participants]},
        "min_clients": len(participants) if needs_all else 1,
        "mandatory_clients": list(participants) if needs_all else [],
        "scope": kit.SCOPE,
        "custom_props": {RUN: run},
        "submitter_name": SERVER,
        "submitter_org": kit.ORGANISATION,
        "submitter_role": kit.ROLE,
    }


def run_of(meta: Any) -> str:
    """The run that a job's meta names; empty if it names none."""
    properties = meta.get("custom_props") if isinstance(meta, dict) else None
    run = properties.get(RUN) if isinstance(properties, dict) else None
    return run if isinstance(run, str) else ""


def sites_of(meta: Any) -> frozenset[str]:
    """The institutes that a job's meta deploys it to."""
    deployed = meta.get("deploy_map") if isinstance(meta, dict) else None
    sites = deployed.get(APP) if isinstance(deployed, dict) else None
    return frozenset(str(site) for site in sites if site != SERVER) if isinstance(sites, list) else frozenset()


def archive() -> bytes:
    """The job folder as FLARE's store wants it: a zip holding ``<APP>/<APP>/config/...``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in APP_FILES.items():
            target.writestr(zipfile.ZipInfo(f"{APP}/{APP}/{name}"), content)
    return buffer.getvalue()


def is_our_app(data: Any) -> bool:
    """Whether a deployed app's zip holds exactly our files, byte for byte, and nothing besides."""
    if not isinstance(data, bytes | bytearray) or len(data) > LARGEST_APP:
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source:
            entries = [entry for entry in source.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > LARGEST_APP:
                return False
            return {entry.filename: source.read(entry) for entry in entries} == dict(APP_FILES) and len(entries) == len(
                APP_FILES
            )
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError, NotImplementedError):
        return False


def is_our_description(meta: Any, namespace: str) -> bool:
    """Whether a job's meta asks for nothing but our app, at the server and sites including ``namespace``."""
    if not isinstance(meta, dict):
        return False
    deployed, properties = meta.get("deploy_map"), meta.get("custom_props")
    if not isinstance(deployed, dict) or not isinstance(properties, dict):
        return False
    sites = deployed.get(APP)
    named = isinstance(sites, list) and SERVER in sites and namespace in sites
    plain = set(deployed) == {APP} and set(properties) == {RUN} and meta.get("scope") == kit.SCOPE
    return named and plain and not any(meta.get(key) for key in ("resource_spec", "launcher_spec", "byoc"))
