"""The most requests a second that a server answers: by wrk where it is installed, else by our own client."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gateway_load import Target, as_fast_as_it_can, body

THREADS = 1
CONNECTIONS = 32
_OWN_ROUND = 500


@dataclass(frozen=True)
class Capacity:
    """``answered`` with status 200, ``per_second`` of them; ``failed`` others; ``tool``: who asked."""

    answered: int
    per_second: float
    failed: int
    tool: str


def most_a_second(target: Target, model: str, seconds: float) -> Capacity:
    """What ``target`` answers with 32 requests always under way."""
    program = shutil.which("wrk")
    return _by_wrk(program, target, model, seconds) if program else _by_ourselves(target, model, seconds)


def _by_wrk(program: str, target: Target, model: str, seconds: float) -> Capacity:
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        script = Path(folder) / "post.lua"
        script.write_text(_script(target, model), encoding="utf-8")
        told = subprocess.run(
            [program, "-t", str(THREADS), "-c", str(CONNECTIONS), "-d", f"{max(1, round(seconds))}s",
             "--timeout", "30s", "-s", str(script), f"{target.url}/chat/completions"],
            capture_output=True, text=True, check=True, timeout=seconds + 60,
        ).stdout  # fmt: skip
    answered, passed = _number(r"(\d+) requests in", told), _number(r"Requests/sec:\s+([\d.]+)", told)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
    refused = _number(r"Non-2xx or 3xx responses: (\d+)", told)
    failed = int(refused) + (sum(map(int, errors.groups())) if errors else 0)
    return Capacity(int(answered - refused), passed * (answered - refused) / max(answered, 1), failed, "wrk")


def _script(target: Target, model: str) -> str:
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in target.headers().items())
    return f'wrk.method = "POST"\nwrk.body = [==[{body(model).decode()}]==]\n{headers}\n'


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def _by_ourselves(target: Target, model: str, seconds: float) -> Capacity:
    request = target.request(model)
    seen = as_fast_as_it_can(target, request, _OWN_ROUND, CONNECTIONS)
    while seen.seconds < seconds:
        seen.add(as_fast_as_it_can(target, request, _OWN_ROUND, CONNECTIONS))
    return Capacity(len(seen.whole), len(seen.whole) / seen.seconds, seen.failed, "our own client")


def streams_a_second(target: Target, model: str, count: int) -> float:
    """Whole streams a second with 32 always under way."""
    seen = as_fast_as_it_can(target, target.request(model, stream=True), count, CONNECTIONS)
    return len(seen.whole) / seen.seconds
