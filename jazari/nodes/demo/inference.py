"""One institute's inference gateway: a call by policy, one that policy refuses, and a drill with its report.

Who computes here is llama.cpp with a small model where both are installed (`make embedded`); else, and abroad always,
a stand-in for a provider: a process that answers with made-up words, and is called so wherever it is named.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from jazari.gateway.embedded.process import has_engine
from jazari.gateway.embedded.sample import sample_model
from jazari.gateway.listening import FILE
from jazari.nodes.demo import texts
from jazari.nodes.demo.founding import DemoNetwork, free_ports
from jazari.nodes.errors import DemoFailed

STAND_IN = "jazari.testing.providers.openai_like"
"""An organisation outside, in a process of its own: nothing of it is loaded here."""
PATIENCE_SECONDS = 60.0
CALLS_A_SECOND, CUT_SECONDS, AROUND_SECONDS = "4", "4", "3"


@dataclass
class Inference:
    """The gateway of the institute whose home is ``home``; ``model`` is None where a stand-in answers for it."""

    network: DemoNetwork
    home: Path
    port: int
    model: Path | None = field(default_factory=lambda: sample_model() if has_engine() else None)
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def here(self) -> str:
        """The provider at the institute itself."""
        return "embedded" if self.model else "stand-in-here"

    @property
    def key_file(self) -> Path:
        """The key of the project that calls."""
        return self.home.parent / "projects" / "civil-registry.key"

    def run(self, *words: str | Path) -> dict[str, Any]:
        """What a command of this node prints."""
        return self.network.operator.run(*words, home=self.home)


@contextmanager
def providers(network: DemoNetwork) -> Iterator[Inference]:
    """The stand-ins serve while the block runs."""
    (port,) = free_ports(1)
    inference = Inference(network, network.proposer, port)
    names = [texts.ABROAD] if inference.model else [texts.ABROAD, inference.here]
    processes = {name: _stand_in() for name in names}
    try:
        inference.addresses = {name: _address(process) for name, process in processes.items()}
        yield inference
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def _stand_in() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", STAND_IN, "0"], stdout=subprocess.PIPE, text=True)


def _address(process: subprocess.Popen[str]) -> str:
    said = process.stdout.readline().strip() if process.stdout else ""
    if not said.startswith("http://"):
        raise DemoFailed("The stand-in for a provider does not start: run the demo again.")
    return said


def prepare(inference: Inference) -> None:
    """Settings, a project with credits and a key, before the node serves. Until policy is published, nothing goes."""
    run, home = inference.run, inference.home
    settings = home / FILE
    settings.parent.mkdir(mode=0o700, exist_ok=True)
    settings.write_text(
        texts.gateway_settings(home.name, inference.port, inference.here, inference.addresses), encoding="utf-8"
    )
    if inference.model:
        run("models", "add", inference.model, "--name", texts.SMALL)
    inference.key_file.parent.mkdir(exist_ok=True)
    run("projects", "create", "civil-registry", "--title", "Civil registry of Rabat")
    run("projects", "grant", "civil-registry", "100")
    scope = ("--route", "*", "--class", "personal", "--may-declassify", "--secret-file", inference.key_file)
    run("keys", "create", "civil-registry", "web", *scope)


def attest(inference: Inference) -> None:
    """Publish the policy, and the facts about both providers; return once the gateway acts on them."""
    for name, document in texts.gateway_cards(inference.home.name, inference.here).items():
        file = inference.home / "data" / f"{name}.json"
        file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        inference.run("publish", file)
    deadline = time.monotonic() + PATIENCE_SECONDS
    key = inference.key_file.read_text(encoding="ascii").strip()
    while not _goes(inference.port, key):
        if time.monotonic() > deadline:
            raise DemoFailed(f"The gateway does not serve: see {inference.home / 'run' / 'serve.log'}.")
        time.sleep(0.2)


def _goes(port: int, key: str) -> bool:
    asked = {"model": texts.ROUTE, "data_class": "public"}
    try:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v1/explain",
            json=asked,
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,
        )
    except httpx.TransportError:
        return False
    targets = answer.json().get("targets", []) if answer.status_code == 200 else []
    return bool(targets) and all(target["usable"] for target in targets)


def call(inference: Inference) -> dict[str, Any]:
    """One call with personal data: who answered and what it cost, from its receipt."""
    words = (texts.ROUTE, texts.QUESTION, "--class", "personal", "--key-file", inference.key_file)
    told = inference.run("chat", *words)
    receipt = told["receipt"]
    return {"answer": told["answer"], "provider": receipt["provider"], "receipt": receipt["id"],
            "microcredits": receipt["charge"]}  # fmt: skip


def call_abroad(inference: Inference) -> dict[str, Any]:
    """Personal data for a provider abroad only: whether it was refused, with the code and sentence."""
    words = ("chat", texts.ROUTE_ABROAD, texts.QUESTION, "--class", "personal", "--key-file", inference.key_file)
    told = inference.network.operator.finish(*words, "--home", inference.home)
    error = told.get("error", {})
    return {"code": error.get("code", ""), "message": error.get("message", ""), "refused": "answer" not in told}


def drill(inference: Inference) -> dict[str, Any]:
    """Cut off the provider at the institute for a few seconds, under load; publish the signed card."""
    questions = inference.home / "data" / "questions.jsonl"
    questions.write_text(
        json.dumps({"messages": [{"role": "user", "content": texts.QUESTION}], "pattern": texts.ANSWER}) + "\n"
    )
    times = ("--seconds", CUT_SECONDS, "--around", AROUND_SECONDS, "--rate", CALLS_A_SECOND)
    words = ("--cut", inference.here, "--routes", texts.ROUTE, "--evaluation", questions)
    told = inference.run("drill", "run", *words, *times)
    published = inference.run("drill", "publish", told["report"])
    checked = inference.run("receipt", "verify")
    during = told["card"]["phases"][1]
    return {
        "record": published["record"], "files": published["files"], "cut": inference.here,
        "calls": during["calls"], "lost": during["lost"], "rerouted": sum(during["rerouted"].values()),
        "recovery": told["card"]["recovery"], "report": told["report"], "receipts_verified": checked["receipts"],
    }  # fmt: skip
