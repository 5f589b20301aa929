"""FLARE's start-up kits, written directly: one folder per node, inside its home, no provisioning tool.

<home>/engine/kit/startup/   certificates, key, fed_server.json or fed_client.json
<home>/engine/kit/local/     resources, authorisation, privacy scope, transport, log settings
<home>/engine/kit/           FLARE's workspace: job folders come and go here
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jazari.core.files import PRIVATE, write_atomic
from jazari.studies.flare import pki
from jazari.studies.flare.errors import EngineNotReady

PROJECT = "jazari"
SCOPE = "jazari"
ORGANISATION = "jazari"
ROLE = "jazari-engine"
PACKAGE = "jazari.studies.flare"
CONTROLLER = f"{PACKAGE}.controller.RoundController"
EXECUTOR = f"{PACKAGE}.executor.ParticipantExecutor"
# FLARE waits in steps of 2 s and does not wait at all below (communicator.send_heartbeat).
HEARTBEAT_SECONDS = 2
# Long on purpose: a killed site is noticed by its new session when it comes back, and until then nothing
# could go on anyway; a site behind a bad link keeps its session and its half-done work. After a cut of 60 s, TCP
# may wait for as long again before it tries once more.
LOST_SECONDS = 150.0
_FLARE = "nvflare.app_common"


@dataclass(frozen=True)
class ServerKit:
    """What the Root's engine needs: PEM bytes, and where it listens."""

    ca_certificate: bytes
    certificate: bytes
    key: bytes
    host: str
    port: int


@dataclass(frozen=True)
class SiteKit:
    """What an institute's engine needs: PEM bytes, its namespace, and where the Root listens."""

    ca_certificate: bytes
    certificate: bytes
    key: bytes
    namespace: str
    host: str
    port: int


def kit_folder(engine: Path) -> Path:
    """Where the kit of the node with this ``engine`` folder is."""
    return engine / "kit"


def write_server_kit(engine: Path, kit: ServerKit) -> None:
    """Write (again) the whole server kit below ``engine``; running processes see it after a restart."""
    pki.check_certificate(kit.certificate, kit.ca_certificate, pki.SERVER_NAME)
    folder = kit_folder(engine)
    _fresh(folder)
    _write_keys(folder, "server", kit.ca_certificate, kit.certificate, kit.key)
    _write_json(folder / "startup" / "fed_server.json", _fed_server(kit))
    _write_json(folder / "local" / "resources.json", _server_resources(folder))
    _write_common(folder, scopes=[{"name": SCOPE}])


def write_site_kit(engine: Path, kit: SiteKit) -> None:
    """Write (again) the whole kit of an institute below ``engine``."""
    pki.check_certificate(kit.certificate, kit.ca_certificate, pki.check_engine_name(kit.namespace))
    folder = kit_folder(engine)
    _fresh(folder)
    _write_keys(folder, "client", kit.ca_certificate, kit.certificate, kit.key)
    _write_json(folder / "startup" / "fed_client.json", _fed_client(kit))
    _write_json(folder / "local" / "resources.json", _site_resources())
    outgoing = {"path": f"{PACKAGE}.gate.OnlyTheAnswer"}
    _write_common(folder, scopes=[{"name": SCOPE, "task_result_filters": [outgoing]}])


def own_pin(engine: Path) -> str:
    """The fingerprint of this node's own engine certificate."""
    startup = kit_folder(engine) / "startup"
    for name in ("server.crt", "client.crt"):
        if (startup / name).is_file():
            return pki.fingerprint((startup / name).read_bytes())
    raise EngineNotReady("This node has no engine kit yet: join the network first.")


def site_name(engine: Path) -> str:
    """The namespace that this institute's kit was written for."""
    try:
        return pki.common_name((kit_folder(engine) / "startup" / "client.crt").read_bytes())
    except OSError as error:
        raise EngineNotReady("This institute has no engine kit yet: join the network first.") from error


def _fresh(folder: Path) -> None:
    for name in ("startup", "local"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)


def _write_keys(folder: Path, name: str, ca: bytes, certificate: bytes, key: bytes) -> None:
    startup = folder / "startup"
    write_atomic(startup / "rootCA.pem", ca, PRIVATE)
    write_atomic(startup / f"{name}.crt", certificate, PRIVATE)
    write_atomic(startup / f"{name}.key", key, PRIVATE)


def _write_common(folder: Path, scopes: list[dict[str, Any]]) -> None:
    local = folder / "local"
    _write_json(local / "privacy.json", {"scopes": scopes, "default_scope": SCOPE})
    _write_json(local / "authorization.json", _authorization())
    _write_json(local / "comm_config.json", _comm_config())
    _write_json(local / "log_config.json", _log_config())


def _keys_of(name: str) -> dict[str, Any]:
    return {
        "ssl_private_key": f"{name}.key",
        "ssl_cert": f"{name}.crt",
        "ssl_root_cert": "rootCA.pem",
        "connection_security": "mtls",
    }


def _fed_server(kit: ServerKit) -> dict[str, Any]:
    # Jobs are not signed folders here: sites compare the one allowed app byte for byte and ask for a
    # permit that a steward signed (``gate``), which says more than the submitter's signature would.
    server = {"name": PROJECT, "service": {"target": f"{kit.host}:{kit.port}", "scheme": "tcp"}, **_keys_of("server")}
    return {"format_version": 2, "require_signed_jobs": False, "servers": [server]}


def _fed_client(kit: SiteKit) -> dict[str, Any]:
    service = {"target": f"{kit.host}:{kit.port}", "scheme": "tcp"}
    return {
        "format_version": 2,
        "require_signed_jobs": False,
        "servers": [{"name": PROJECT, "service": service, "identity": pki.SERVER_NAME}],
        "client": {
            **_keys_of("client"),
            "fqsn": kit.namespace,
            "is_leaf": True,
            "retry_timeout": 30,
            "client_register_interval": 1.0,
            # A heart beat may wait behind a part of a large message: 16 s at 500 ms and one packet in twenty lost.
            "communication_timeout": 60.0,
            "maint_msg_timeout": 20.0,
            # What is reported to the server at registration: nothing.
            "site_config": {},
        },
    }


def _server_resources(folder: Path) -> dict[str, Any]:
    storage = f"{_FLARE}.storages.filesystem_storage.FilesystemStorage"
    snapshots = {"path": storage, "args": {"root_dir": str(folder / "snapshots"), "uri_root": "/"}}
    persistor = f"{_FLARE}.state_persistors.storage_state_persistor.StorageStatePersistor"
    manager = {"uri_root": str(folder / "jobs"), "job_store_id": "job_store"}
    scheduler = {
        "max_jobs": 16,
        # Whether and how long to try is the keeper's decision, by the run's own deadline.
        "max_schedule_count": 1_000_000,
        "min_schedule_interval": 0.5,
        "max_schedule_interval": 2.0,
    }
    return {
        "format_version": 2,
        "class_list_enforcement_mode": "enforce",
        "class_allow_list": [CONTROLLER],
        "servers": [
            {
                "admin_storage": "transfer",
                "max_num_clients": 1000,
                "heart_beat_timeout": LOST_SECONDS,
                "admin_timeout": 20.0,
                "shutdown_period": 2.0,
                "check_engine_frequency": 0.5,
            }
        ],
        "snapshot_persistor": {"path": persistor, "args": {"uri_root": "/", "storage": snapshots}},
        "components": [
            _component("job_scheduler", f"{_FLARE}.job_schedulers.job_scheduler.DefaultJobScheduler", scheduler),
            _component("job_manager", "nvflare.apis.impl.job_def_manager.SimpleJobDefManager", manager),
            _component("job_store", storage),
            _component("process_launcher", f"{PACKAGE}.launcher.ServerLauncher"),
            _component("keeper", f"{PACKAGE}.keeper.RunKeeper"),
        ],
    }


def _site_resources() -> dict[str, Any]:
    manager = f"{_FLARE}.resource_managers.passthrough_resource_manager.PassthroughResourceManager"
    consumer = f"{_FLARE}.resource_consumers.passthrough_resource_consumer.PassthroughResourceConsumer"
    return {
        "format_version": 2,
        "class_list_enforcement_mode": "enforce",
        "class_allow_list": [EXECUTOR],
        "allow_log_streaming": False,
        "client": {"retry_timeout": 30},
        "components": [
            _component("resource_manager", manager),
            _component("resource_consumer", consumer),
            _component("process_launcher", f"{PACKAGE}.launcher.SiteLauncher"),
            _component("gate", f"{PACKAGE}.gate.Gate"),
        ],
    }


def _component(name: str, path: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"id": name, "path": path, "args": args or {}}


def _authorization() -> dict[str, Any]:
    """One role, held by the Root's own keeper: run and manage jobs. Everything else is nobody's."""
    rights = dict.fromkeys(("submit_job", "manage_job"), "any")
    closed = ("view", "operate", "shell_commands", "byoc", "clone_job", "download_job", "server-predeployed-flwr")
    return {"format_version": "1.0", "permissions": {ROLE: rights | dict.fromkeys(closed, "none")}}


def _comm_config() -> dict[str, Any]:
    # Generation 1: job processes talk to their own parent only, which relays. So one process and one
    # TLS connection carry everything that leaves an institute, and one place can watch over it.
    return {
        "allow_adhoc_conns": False,
        "backbone_conn_gen": 1,
        "internal": {"scheme": "tcp", "resources": {"host": "127.0.0.1", "connection_security": "mtls"}},
        "backbone": {"connect_generation": 1},
        "subnet_heartbeat_interval": 5,
        "streaming_read_timeout": 60,
        # FLARE sends a piece again when it is not acknowledged in time, although TCP does that: on a slow line
        # its 5 s would send everything twice. Small pieces are acknowledged one by one.
        "streaming_chunk_size": 16_384,
        "streaming_window_size": 4 * 2**20,
        "streaming_ack_interval": 65_536,
        "streaming_retry_wait": 30,
    }


def _log_config() -> dict[str, Any]:
    """One rotating plain log in the workspace, and one in each job's folder; nothing on the console."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {
            "file": {
                "class": "logging.handlers.RotatingFileHandler",
                "formatter": "plain",
                "filename": "log.txt",
                "maxBytes": 2_000_000,
                "backupCount": 2,
                "delay": True,
            }
        },
        "loggers": {"jazari": {"level": "INFO"}},
        "root": {"level": "WARNING", "handlers": ["file"]},
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    write_atomic(path, json.dumps(value, indent=1).encode(), PRIVATE)
