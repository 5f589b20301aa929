"""`jazari chat` against a gateway that runs: one question, a conversation, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jazari.core.errors import ExitCode
from jazari.gateway.chat_commands import app
from jazari.gateway.listening import FILE
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.settings.home import Home, NodeConfig
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.openai_like import OpenAILike

SECRET, KEY = key()
SAID = "Al-Jazari built water clocks"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


class Person:
    """Types at a terminal of the node whose gateway runs."""

    def __init__(self, home: Home, gateway: GatewayUnderTest, key_file: Path) -> None:
        self.home, self.gateway, self.key_file = home, gateway, key_file

    def types(self, *words: str, lines: str = "", code: int = 0) -> Result:
        arguments = [*words, "--key-file", str(self.key_file), "--home", str(self.home.path)]
        result = CliRunner().invoke(app, arguments, input=lines)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result


@pytest.fixture
def person(provider: OpenAILike, tmp_path: Path) -> Iterator[Person]:
    provider.faults.clear()
    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="rabat"))
    (home.path / FILE).parent.mkdir()
    key_file = tmp_path / "app.key"
    key_file.write_text(f"{SECRET}\n")
    text = toml({"campus": provider.url})
    with GatewayUnderTest(tmp_path, text, KEY) as gateway:
        (home.path / FILE).write_text(f"port = {gateway.port}\n{text}")
        yield Person(home, gateway, key_file)


def test_one_question(person: Person) -> None:
    result = person.types("chat", "Who built water clocks?")
    (receipt,) = person.gateway.receipts()
    assert result.stdout.startswith(SAID)
    assert f"{receipt.id}: answered by campus" in result.stderr
    assert f"{receipt.usage.completion_tokens} written" in result.stderr
    document: dict[str, Any] = json.loads(person.types("chat", "Who?", "--json").stdout)
    assert document["answer"].startswith(SAID)
    assert document["receipt"]["id"] == person.gateway.receipts()[-1].id


def test_a_conversation_remembers_and_ends_with_its_receipts(person: Person, provider: OpenAILike) -> None:
    result = person.types(lines="Who built water clocks?\n\nAnd when?\n/bye\nnever asked\n")
    first, second = person.gateway.receipts()
    assert "You talk to chat." in result.stdout
    assert result.stdout.count(SAID) == 2
    assert result.stdout.index(first.id) < result.stdout.index(second.id)
    total = (first.charge + second.charge) / 1_000_000
    assert f"2 calls, {total:g} credits." in result.stdout
    asked = provider.counts.calls[-1].document["messages"]
    assert [message["role"] for message in asked] == ["user", "assistant", "user"]
    assert asked[1]["content"].startswith(SAID)


def test_what_fails_is_said_and_forgotten(person: Person, provider: OpenAILike) -> None:
    provider.faults.next(Fault.CUT_MID)
    result = person.types("chat", lines="First?\nSecond?\n/bye\n")
    assert "(gateway." in result.stderr
    asked = provider.counts.calls[-1].document["messages"]
    assert [message["content"] for message in asked] == ["Second?"]
    assert "2 calls" in result.stdout


def test_a_declared_class_reaches_the_gateway(person: Person) -> None:
    told = json.loads(person.types("chat", "Who?", "--class", "secret", "--json", code=ExitCode.REFUSED).stdout)
    assert told["error"]["code"] == "gateway.data-class-too-high"


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (("nothing", "Who?"), "gateway.no-such-route", ExitCode.NOT_FOUND),
        (("vectors", "Who?"), "gateway.wrong-kind", ExitCode.USAGE),
    ],
)
def test_the_gateways_errors_keep_their_codes(person: Person, words: Any, code: str, status: int) -> None:
    assert json.loads(person.types(*words, "--json", code=status).stdout)["error"]["code"] == code


def test_without_a_key_or_a_gateway(person: Person) -> None:
    person.key_file.write_text("jz-wrong\n")
    told = json.loads(person.types("chat", "Who?", "--json", code=ExitCode.REFUSED).stdout)
    assert told["error"]["code"] == "gateway.bad-key"
    person.key_file.write_text("hello\n")
    assert "holds no key" in person.types("chat", "Who?", code=ExitCode.UNAVAILABLE).stderr
    person.key_file.unlink()
    assert "--secret-file" in person.types("chat", "Who?", code=ExitCode.UNAVAILABLE).stderr
    person.key_file.write_text(SECRET)
    (person.home.path / FILE).write_text(f"port = 9\n{toml({'campus': 'http://127.0.0.1:9'})}")
    result = person.types("chat", "Who?", code=ExitCode.UNAVAILABLE)
    assert "start it with `jazari serve`" in result.stderr
