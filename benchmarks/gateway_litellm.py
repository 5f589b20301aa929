"""LiteLLM's proxy with the same models and upstream, where it is installed: in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gateway_home import NotStarted, Program
from benchmarks.gateway_load import Target
from benchmarks.network import free_ports

KEY = "sk-benchmarks"
_QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "DISABLE_ADMIN_UI": "True"}
"""Nothing is fetched or reported at start: the machine may have no line."""


@contextmanager
def litellm_proxy(program: Path, upstream: str, models: Sequence[str]) -> Iterator[tuple[Target, Program]]:
    """The proxy that ``program`` (``.../bin/litellm``) starts, with one worker, a master key and no database."""
    port = free_ports(1)[0]
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(_settings(upstream, models), encoding="utf-8")
        command = [program, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        url = f"http://127.0.0.1:{port}"
        started = Program(command, Path(folder) / "log", f"{url}/health/liveliness", _QUIET)
        try:
            yield Target("LiteLLM", f"{url}/v1", KEY), started
        finally:
            started.stop()


def version(program: Path) -> str:
    """What is installed beside ``program``; ``NotStarted`` if it is not there."""
    code = "from importlib.metadata import version; print(version('litellm'))"
    try:
        told = subprocess.run([program.parent / "python", "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotStarted(f"{program} is no LiteLLM that can be used") from error
    return told.stdout.strip()


def _settings(upstream: str, models: Sequence[str]) -> str:
    """Its settings; JSON is YAML."""
    listed = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": upstream, "api_key": "none"}}
        for name in models
    ]
    return json.dumps({
        "model_list": listed, "general_settings": {"master_key": KEY}, "litellm_settings": {"telemetry": False},
    })  # fmt: skip
