"""A node with a gateway for benchmarks, made by the commands that operators use, and its gateway as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gateway_load import Target
from benchmarks.network import AS_INSTALLED, Network, free_ports, network
from jazari.core import clock
from jazari.core.errors import JazariError

INSTITUTE = "rabat"
PROVIDER = "upstream"
START_SECONDS = 60.0
STEP_SECONDS = 0.005
_MOST = {"--requests": "10000000", "--tokens": "10000000000", "--streams": "100000"}


class NotStarted(JazariError):
    """A program did not come up; the sentence has the end of what it said."""

    code = "benchmarks.not-started"


class Program:
    """A server that a benchmark started: how long that took, what it uses of memory and processor."""

    def __init__(self, command: Sequence[str | Path], log: Path, ready: str, more: Mapping[str, str] | None = None):
        """Start ``command`` and wait until ``ready`` answers with 200; ``NotStarted`` if it does not."""
        started = time.perf_counter()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(word) for word in command], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env={**os.environ, **AS_INSTALLED, **(more or {})},
            )  # fmt: skip
        while not _answers(ready):
            if self._process.poll() is not None or time.perf_counter() > started + START_SECONDS:
                self.stop()
                raise NotStarted(f"{command[0]} did not start: {log.read_text(errors='replace')[-500:]}")
            time.sleep(STEP_SECONDS)
        self.start_seconds = time.perf_counter() - started
        self._watched = psutil.Process(self._process.pid)

    def memory(self) -> float:
        """Proportional set size of the program and all that it started, in MB."""
        return float(sum(each.memory_full_info().pss for each in self._all())) / 1e6

    def processor_seconds(self) -> float:
        """User and system time so far, with that of what it started."""
        times = [each.cpu_times() for each in self._all()]
        return float(sum(one.user + one.system for one in times))

    def _all(self) -> list[psutil.Process]:
        return [self._watched, *self._watched.children(recursive=True)]

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to what does not heed it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  an address of our own
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class GatewayHome:
    """A home whose gateway has a policy, an attested provider, a project with credits and a key."""

    def __init__(self, made: Network, upstream: str, models: Sequence[str]) -> None:
        self._made, self.path = made, made.home(INSTITUTE)
        self.port = free_ports(1)[0]
        self._publish("residency", "main", _policy())
        card = self._publish("provider", PROVIDER, _provider(models))
        self._run("sync")
        (self.path / "gateway").mkdir(exist_ok=True)
        file = self.path / "gateway" / "gateway.toml"
        file.write_text(_settings(self.port, card, upstream, models), encoding="utf-8")
        self.target = Target("this gateway", f"http://127.0.0.1:{self.port}/v1", self._key())

    def start(self) -> Program:
        """Its gateway, ready to answer."""
        command = [sys.executable, "-m", "jazari.nodes.gateway", self.path]
        log = self.path / "run" / "gateway.log"
        return Program(command, log, f"http://127.0.0.1:{self.port}/readyz")

    def receipts(self) -> int:
        """How many receipts its journal holds."""
        parts = sorted((self.path / "gateway" / "journal").glob("[0-9]*.ndjson"))
        return sum(b'"kind":"receipt"' in line for part in parts for line in part.read_bytes().splitlines())

    def _run(self, *words: str | Path) -> dict[str, Any]:
        return self._made.run(*words, home=self.path)

    def _publish(self, kind: str, name: str, card: dict[str, Any]) -> str:
        file = self._made.folder / f"{kind}-{name}.json"
        file.write_text(json.dumps({"type": kind, "name": name, "card": card}), encoding="utf-8")
        return str(self._run("publish", file)["record"])

    def _key(self) -> str:
        self._run("projects", "create", "bench", "--title", "Benchmarks")
        self._run("projects", "grant", "bench", "1000000000", "--note", "For benchmarks.")
        limits = [word for pair in _MOST.items() for word in pair]
        made = self._run("keys", "create", "bench", "load", "--route", "*", "--class", "internal", *limits)
        return str(made["secret"])


@contextmanager
def gateway_home(upstream: str, models: Sequence[str]) -> Iterator[GatewayHome]:
    """An admitted institute (its Root serves while the block runs) with everything that a gateway needs."""
    with network((INSTITUTE,), ("web",)) as made:
        yield GatewayHome(made, upstream, models)


def _until() -> str:
    return clock.timestamp(clock.now() + timedelta(days=365))[:10]


def _policy() -> dict[str, Any]:
    """Rules for every class, as a node would have them."""
    rules = [
        {"data_class": one, "operators": ["MA"], "hosting": ["MA"], "most_kept_days": 0}
        for one in ("public", "internal", "personal")
    ]
    return {"issuers": [INSTITUTE], "rules": rules, "valid_until": _until()}


def _provider(models: Sequence[str]) -> dict[str, Any]:
    return {
        "title": {"en": "A provider for benchmarks"},
        "operator": {"name": "Benchmarks", "jurisdiction": "MA"},
        "hosting": ["MA"],
        "keeps": 0,
        "trains_on_prompts": False,
        "protocol": "openai",
        "models": [
            {"name": name, "kinds": ["chat"], "context_tokens": 8192, "energy_wh_per_1000_tokens": 0.5,
             "energy_source": "made up"} for name in models
        ],
        "valid_until": _until(),
    }  # fmt: skip


def _settings(port: int, card: str, upstream: str, models: Sequence[str]) -> str:
    routes = "\n".join(
        f'[route.{name}]\nkind = "chat"\ntargets = [{{ provider = "{PROVIDER}", model = "{name}" }}]\n'
        f"most_output_tokens = 1000\n[route.{name}.price]\ninput = 1\noutput = 2\nweights = {{ tifinagh = 0.3 }}\n"
        for name in models
    )
    return (
        f'port = {port}\n\n[provider.{PROVIDER}]\ncard = "{card}"\nprotocol = "openai"\naddress = "{upstream}"\n'
        f"private_address = true\nmost_at_once = 5000\n\n{routes}"
    )
