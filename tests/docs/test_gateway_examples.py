"""The examples for application developers, run as they are written, against a real gateway and a stand-in."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.testing.providers.openai_like import OpenAILike

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "call-the-gateway.md"
BLOCKS = re.findall(r"^```(python|console)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
SECRET, KEY = key(may_declassify=True)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with OpenAILike() as provider:
        folder = tmp_path_factory.mktemp("gateway")
        with GatewayUnderTest(folder, toml({"campus": provider.url}), KEY) as gateway:
            yield {"GATEWAY": gateway.url.removesuffix("/v1"), "GATEWAY_KEY": SECRET, "PATH": "/usr/bin:/bin"}


def test_there_are_examples_in_both_languages() -> None:
    assert {kind for kind, _ in BLOCKS} == {"python", "console"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_runs(environment: dict[str, str], number: int) -> None:
    kind, text = BLOCKS[number]
    command = [sys.executable, "-c", text] if kind == "python" else ["sh", "-ec", text.removeprefix("$ ")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Al-Jazari" in done.stdout or "rc-" in done.stdout
