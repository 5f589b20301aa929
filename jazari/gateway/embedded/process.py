"""One model in one process: ``python -m jazari.gateway.embedded.process MODEL``, started by ``supervisor`` alone.

It is told what to do by one line of JSON on standard input, so that its secret is on no command line; it answers with
one line on standard output (``{"address": ...}`` or ``{"code", "sentence"}``), and ends when its input does. The
model's file is hashed before it is loaded. It listens on loopback, and fetches nothing: no model, no image, no tool.

llama.cpp writes of every call to its log. That may quote what a call says, so from the first call on nothing is kept.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from jazari.core.errors import JazariError
from jazari.gateway.embedded.errors import EngineAway, EngineMissing
from jazari.gateway.embedded.settings import EngineSettings
from jazari.gateway.embedded.store import StoredModel, check_content

INSTALL = "pip install 'jazari[embedded]'"
HOST = "127.0.0.1"
NICE = 5
"""The gateway's own loop goes first: other providers' streams must not wait for this one's sums."""
_PR_SET_PDEATHSIG = 1
_MEAN = 1


def has_engine() -> bool:
    """Whether llama.cpp is installed."""
    return importlib.util.find_spec("xllamacpp") is not None


def engine_missing() -> EngineMissing:
    """What is said where it is not."""
    return EngineMissing(f"The embedded engine is not installed: {INSTALL}, then start the gateway again.")


def main() -> None:
    """Load the model, say where it is served, and wait for the end of standard input."""
    channel = _own_output()
    told = json.loads(sys.stdin.readline())
    _leave_no_trace(told["parent"])
    try:
        server = _serve(Path(told["home"]), EngineSettings.from_document(told["settings"]), told["secret"])
    except JazariError as error:
        _say(channel, {"code": error.code, "sentence": str(error)})
        sys.exit(1)
    _silence()
    _say(channel, {"address": server.listening_address})
    sys.stdin.read()
    # Threads of llama.cpp may be in the middle of an answer that nobody waits for.
    os._exit(0)


def _own_output() -> TextIO:
    """Standard output for us alone; what libraries print goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _say(channel: TextIO, document: dict[str, Any]) -> None:
    channel.write(json.dumps(document) + "\n")
    channel.flush()


def _leave_no_trace(parent: int) -> None:
    """End with the gateway, and without a core dump, which would hold prompts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # Linux only; elsewhere the end of our input tells
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.nice(NICE)


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


def _serve(home: Path, settings: EngineSettings, secret: str) -> Any:
    try:
        import xllamacpp  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError as error:
        raise engine_missing() from error
    model = check_content(home, settings.key.model)
    params = _params(xllamacpp.CommonParams(), settings, model)
    params.model.path = str(model.path(home))
    params.api_keys = [secret]
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise EngineAway(
            f"The engine cannot load the model {model.name} ({model.architecture}): it does not know its kind, or "
            "there is not enough memory; try a smaller one."
        ) from error


def _params(params: Any, settings: EngineSettings, model: StoredModel) -> Any:
    """llama.cpp's own settings, which are the same everywhere but for sizes."""
    threads = settings.threads or _processors()
    params.hostnames, params.port, params.model_alias = [HOST], 0, {model.name}
    params.offline, params.ui, params.endpoint_slots, params.endpoint_props = True, False, False, False
    # A prompt that is kept shows in the time and the usage of the next project's call.
    params.cache_prompt, params.cache_ram_mib, params.cache_idle_slots = False, 0, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_threads_http = settings.at_once + 2
    context = min(settings.context_tokens, model.context_tokens or settings.context_tokens)
    params.n_parallel, params.n_ctx = settings.together, settings.together * context
    params.ctx_shift = False
    if settings.key.embeds:
        params.embedding = True
        params.n_batch = params.n_ubatch = context  # a text is embedded in one piece
        params.pooling_type = params.pooling_type if model.pools else type(params.pooling_type)(_MEAN)
    return params


def _processors() -> int:
    """Those that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
