"""A provider that a drill cuts off: what runs is torn, what comes goes elsewhere, and all is as before afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from jazari.gateway.proxy.severing import Mode
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.waiting import until

SECRET, KEY = key()
MESSAGES = [{"role": "user", "content": "Who built water clocks?"}]


@pytest.fixture
def first() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture
def second() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture
def gateway(first: OpenAILike, second: OpenAILike, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    with GatewayUnderTest(tmp_path, toml({"first": first.url, "second": second.url}), KEY) as made:
        yield made


@pytest.fixture
def client(gateway: GatewayUnderTest) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key=SECRET, max_retries=0)


def sever(gateway: GatewayUnderTest, mode: Mode | None) -> None:
    async def act() -> None:
        way = gateway.live.providers["first"].upstream.way
        way.mend() if mode is None else way.sever(mode)

    gateway.do(act())


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_cut_provider_gets_nothing_and_another_answers(
    client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike, mode: Mode, stream: bool
) -> None:
    sever(gateway, mode)
    answer = client.chat.completions.create(model="chat", messages=MESSAGES, stream=stream)
    said = "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
    assert "Al-Jazari" in said
    receipt = gateway.receipts()[-1]
    assert [(one.provider, one.outcome) for one in receipt.tried] == [
        ("first", "cut by a drill"),
        ("second", "answered"),
    ]
    # Patience in these settings: 1 s to connect and 1 s to the first token.
    assert (receipt.total_ms >= 2000) is (mode is Mode.BLACKHOLE)
    assert first.counts.requests == 0
    sever(gateway, None)
    client.chat.completions.create(model="chat", messages=MESSAGES)
    assert gateway.receipts()[-1].provider == "first"


@pytest.mark.parametrize("mode", list(Mode))
def test_a_stream_that_runs_is_torn_and_its_client_told(
    client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike, mode: Mode
) -> None:
    first.behaviour.pace_seconds = 0.1
    stream = client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    assert any(event.choices[0].delta.content for event in stream)  # reads up to the first words
    sever(gateway, mode)
    with pytest.raises(openai.APIError) as torn:
        list(stream)
    assert torn.value.code == "gateway.provider-cut"
    receipt = gateway.receipts()[-1]
    assert (receipt.outcome, receipt.tried[-1].outcome) == ("broken off", "cut by a drill")
    assert gateway.spent() == receipt.charge > 0
    until(lambda: first.counts.cancelled == 1, "the provider sees its client go")


def test_a_whole_answer_that_is_awaited_is_torn_and_asked_of_another(
    client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike
) -> None:
    first.behaviour.first_seconds = 15  # it is torn long before
    answers: list[str] = []

    def ask() -> None:
        answers.append(client.chat.completions.create(model="chat", messages=MESSAGES).choices[0].message.content)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: first.counts.requests == 1, "the provider is asked")
    sever(gateway, Mode.REFUSE)
    asking.join(10)
    assert len(answers) == 1
    assert [one.outcome for one in gateway.receipts()[-1].tried] == ["cut by a drill", "answered"]
