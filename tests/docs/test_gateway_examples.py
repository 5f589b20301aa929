"""The examples for application developers, run as they are written, against a real gateway and a stand-in."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jazari.gateway.configuration import parse_gateway
from jazari.gateway.drills.tests.homes import new_home
from jazari.gateway.proxy.tests.serving import EMBEDDING, GatewayUnderTest, key, knowledge, toml
from jazari.governance.spool import write_event
from jazari.settings.home import Home
from jazari.testing.commands import Commands
from jazari.testing.providers.mistral_like import SECRET as PROVIDERS_SECRET
from jazari.testing.providers.mistral_like import MistralLike
from jazari.testing.providers.openai_like import OpenAILike
from tests.docs.source import REPOSITORY

PAGE = REPOSITORY / "docs" / "how-to" / "call-the-gateway.md"
BLOCKS = re.findall(r"^```(python|console)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
SECRET, KEY = key(may_declassify=True)
INGEST = """
import sys
from jazari.settings.home import Home
from jazari.settings.runtime import setup
home = Home.open(sys.argv[1])
setup(home, migrate=True)
from jazari.nodes.node_duties import ingest_spool
ingest_spool(home)
"""
"""What a node's worker does every second."""
WORDS = ("Al-Jazari", "rc-")
COVERED = {
    "a stream": r"stream=True|chat\.stream|\"stream\": true",
    "a tool": r"tool_calls",
    "a JSON schema": r"json_schema",
    "vectors": r"embedding",
    "a data class": r"jazari-data-class",
}


@dataclass(frozen=True)
class Desk:
    """Where a developer types: a folder, and variables of the environment."""

    folder: Path
    home: Home
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    home = new_home(folder / "home")
    (folder / "jazari").write_text(f'#!/bin/sh\nexec {sys.executable} -m jazari.nodes.main "$@"\n', encoding="utf-8")
    (folder / "jazari").chmod(0o700)
    with OpenAILike() as campus, MistralLike() as mistral:
        text = _settings(campus.url, mistral.url)
        vectors = {**EMBEDDING, "name": f"mistral-{EMBEDDING['name']}"}
        known = knowledge(parse_gateway(text), mistral={"models": [vectors]})
        secrets = {"mistral": PROVIDERS_SECRET}
        with GatewayUnderTest(home.path / "gateway", text, KEY, known=known, secrets=secrets) as gateway:
            gateway.do(_anchor_often(gateway, home))
            environment = Commands().full_environment() | {
                "GATEWAY": gateway.url.removesuffix("/v1"),
                "GATEWAY_KEY": SECRET,
                "JAZARI_HOME": str(home.path),
                "PATH": f"{folder}{os.pathsep}/usr/bin:/bin",
            }
            yield Desk(folder, home, environment)


def _settings(campus: str, mistral: str) -> str:
    """Chat by a machine of OpenAI's protocol, vectors by Mistral's, whose form both clients read."""
    vectors = '{ provider = "mistral", model = "mistral-stand-in-embedding" }'
    provider = (
        f'card = "rabat/provider/mistral@1"\nprotocol = "mistral"\naddress = "{mistral}"\nprivate_address = true\n'
    )
    text = toml({"campus": campus}).replace('{ provider = "campus", model = "stand-in-embedding" }', vectors)
    return f"{text}\n[provider.mistral]\n{provider}"


async def _anchor_often(gateway: GatewayUnderTest, home: Home) -> None:
    """As the running gateway does every minute."""

    async def anchor() -> None:
        while True:
            gateway.live.ledger.anchor()
            for event in gateway.live.ledger.undelivered_events():
                write_event(home.spool, event)
                gateway.live.ledger.delivered(event)
            await asyncio.sleep(0.5)

    task = asyncio.ensure_future(anchor())
    gateway._stack.callback(task.cancel)


def kept_receipt(desk: Desk) -> Path:
    """The file that an example of the page writes and others read, whichever of them is run."""
    file = desk.folder / "receipt.json"
    if not file.exists():
        (text,) = [text for _kind, text in BLOCKS if "write_bytes" in text]
        written = desk.run(sys.executable, "-c", text)
        assert written.returncode == 0, written.stderr
    return file


@pytest.mark.parametrize("client", ["openai", "mistralai"])
@pytest.mark.parametrize("what", COVERED)
def test_there_are_examples_of_each_client(client: str, what: str) -> None:
    texts = [text for kind, text in BLOCKS if kind == "python" and f"from {client}" in text]
    assert re.search(COVERED[what], "\n".join(texts))


def test_there_are_examples_without_a_client() -> None:
    assert sum("curl" in text for kind, text in BLOCKS if kind == "console") >= 3


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_runs(desk: Desk, number: int) -> None:
    kind, text = BLOCKS[number]
    if "receipt.json" in text and "write_bytes" not in text:
        kept_receipt(desk)
    if "jazari receipt verify" in text:
        ingested = desk.run(sys.executable, "-c", INGEST, str(desk.home.path))
        assert ingested.returncode == 0, ingested.stderr
    command = [sys.executable, "-c", text] if kind == "python" else ["sh", "-ec", text.removeprefix("$ ")]
    done = desk.run(*command)
    assert done.returncode == 0, done.stderr
    assert any(word in done.stdout for word in WORDS)
    assert "error" not in done.stdout


def test_a_receipt_that_was_changed_is_not_verified(desk: Desk) -> None:
    kept = kept_receipt(desk)
    changed = desk.folder / "changed.json"
    changed.write_text(kept.read_text().replace('"charge": ', '"charge": 1'))
    done = desk.run("jazari", "receipt", "verify", "--file", str(changed))
    assert done.returncode == 7, done.stdout
