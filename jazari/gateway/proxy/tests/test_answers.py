"""Clients of this field, unchanged, through the gateway to a provider: whole answers, streams, embeddings, models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.testing.providers.openai_like import OpenAILike

SECRET, KEY = key()
MESSAGES = [{"role": "user", "content": "Who built water clocks?"}]


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAILike]:
    with OpenAILike(secret="sk-of-the-provider") as made:
        yield made


@pytest.fixture(scope="module")
def gateway(provider: OpenAILike, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayUnderTest]:
    text = toml({"campus": provider.url})
    folder: Path = tmp_path_factory.mktemp("gateway")
    with GatewayUnderTest(folder, text, KEY, secrets={"campus": "sk-of-the-provider"}) as made:
        yield made


@pytest.fixture
def client(gateway: GatewayUnderTest) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key=SECRET, max_retries=0)


def test_a_whole_answer(client: openai.OpenAI, gateway: GatewayUnderTest) -> None:
    answer = client.chat.completions.create(model="chat", messages=MESSAGES)
    assert "Al-Jazari" in answer.choices[0].message.content
    receipt = gateway.receipts()[-1]
    assert (receipt.outcome, receipt.status, receipt.provider) == ("answered", 200, "campus")
    assert (receipt.usage.prompt_tokens, receipt.usage.completion_tokens) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )
    assert receipt.charge == answer.usage.prompt_tokens * 1000 + answer.usage.completion_tokens * 2000
    assert not receipt.usage.estimated


def test_a_stream_ends_as_it_should_and_costs_the_same(client: openai.OpenAI, gateway: GatewayUnderTest) -> None:
    whole = client.chat.completions.create(model="chat", messages=MESSAGES)
    chunks = list(client.chat.completions.create(model="chat", messages=MESSAGES, stream=True))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content
    assert all(chunk.usage is None for chunk in chunks)
    before, after = gateway.receipts()[-2:]
    assert (before.charge, before.usage) == (after.charge, after.usage)


def test_usage_in_a_stream_for_who_asks(client: openai.OpenAI) -> None:
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="chat", messages=MESSAGES, stream=True, stream_options=options))
    assert chunks[-1].usage.total_tokens > 0
    assert chunks[-1].choices == []


def test_the_limit_that_credits_were_reserved_for_reaches_the_provider(
    client: openai.OpenAI, provider: OpenAILike
) -> None:
    client.chat.completions.create(model="chat", messages=MESSAGES)
    assert provider.counts.calls[-1].document["max_tokens"] == 200
    client.chat.completions.create(model="chat", messages=MESSAGES, max_completion_tokens=5)
    assert provider.counts.calls[-1].document["max_completion_tokens"] == 5
    client.chat.completions.create(model="chat", messages=MESSAGES, max_tokens=5000)
    assert provider.counts.calls[-1].document["max_tokens"] == 200


def test_everything_else_passes_as_it_came(client: openai.OpenAI, provider: OpenAILike) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "ما هذا؟"}, image]}]
    client.chat.completions.create(
        model="chat", messages=messages, tools=tools, temperature=0.3, seed=7, extra_body={"top_k": 3}
    )
    sent = provider.counts.calls[-1]
    assert sent.document == {
        "model": "stand-in", "messages": messages, "tools": tools, "temperature": 0.3, "seed": 7, "top_k": 3,
        "max_tokens": 200,
    }  # fmt: skip
    assert sent.headers["authorization"] == "Bearer sk-of-the-provider"
    assert SECRET not in str(sent.headers)


def test_tool_calls_and_schemas_come_back(client: openai.OpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    answer = client.chat.completions.create(model="chat", messages=MESSAGES, tools=tools, tool_choice="required")
    assert answer.choices[0].message.tool_calls[0].function.name == "look"


def test_completions_and_embeddings(client: openai.OpenAI, gateway: GatewayUnderTest) -> None:
    assert client.completions.create(model="text", prompt="Water").choices[0].text
    found = client.embeddings.create(model="vectors", input=["un", "deux"])
    assert len(found.data) == 2
    assert gateway.receipts()[-1].usage.completion_tokens == 0


def test_models_are_the_routes_that_the_key_is_for(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["chat", "text", "vectors"]
    assert client.models.retrieve("chat").id == "chat"


def test_every_answer_names_its_receipt_and_who_computed(client: openai.OpenAI, gateway: GatewayUnderTest) -> None:
    raw = client.chat.completions.with_raw_response.create(model="chat", messages=MESSAGES)
    assert raw.headers["jazari-receipt"] == gateway.receipts()[-1].id
    assert raw.headers["jazari-provider"] == "campus"
