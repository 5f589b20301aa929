"""Mistral's own client through the gateway to a provider that speaks Mistral's protocol and judges strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from jsonschema import validate
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from jazari.gateway.configuration import parse_gateway
from jazari.gateway.proxy.tests.serving import EMBEDDING, MODEL, GatewayUnderTest, key, knowledge, toml
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.mistral_like import SECRET as PROVIDERS_SECRET
from jazari.testing.providers.mistral_like import MistralLike
from jazari.testing.providers.openai_like import OpenAILike

SECRET, KEY = key()
MESSAGES = [{"role": "user", "content": "Comment fonctionnait l'horloge à eau ?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}


@pytest.fixture(scope="module")
def mistral() -> Iterator[MistralLike]:
    with MistralLike() as made:
        yield made


@pytest.fixture(scope="module")
def second() -> Iterator[OpenAILike]:
    with OpenAILike(models=("mistral-stand-in", "mistral-stand-in-embedding")) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(
    mistral: MistralLike, second: OpenAILike, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayUnderTest]:
    text = toml({"mistral": mistral.url, "second": second.url})
    text = text.replace('protocol = "openai"', 'protocol = "mistral"', 1).replace("stand-in", "mistral-stand-in")
    models = [{**one, "name": f"mistral-{one['name']}"} for one in (MODEL, EMBEDDING)]
    known = knowledge(parse_gateway(text), mistral={"models": models}, second={"models": models})
    folder: Path = tmp_path_factory.mktemp("gateway")
    with GatewayUnderTest(folder, text, KEY, known=known, secrets={"mistral": PROVIDERS_SECRET}) as made:
        yield made


@pytest.fixture
def client(gateway: GatewayUnderTest, mistral: MistralLike) -> Iterator[Mistral]:
    mistral.faults.clear()
    with Mistral(api_key=SECRET, server_url=gateway.url.removesuffix("/v1"), timeout_ms=20_000) as made:
        yield made


def receipt(gateway: GatewayUnderTest) -> Any:
    """The newest, of a call that the first provider was asked for."""
    return gateway.receipts()[-1]


def test_an_answer_costs_what_the_provider_counted(client: Mistral, gateway: GatewayUnderTest) -> None:
    answer = client.chat.complete(model="chat", messages=MESSAGES)
    written = receipt(gateway)
    assert "Al-Jazari" in str(answer.choices[0].message.content)
    assert (written.provider, written.outcome, written.usage.estimated) == ("mistral", "answered", False)
    assert written.usage.prompt_tokens == answer.usage.prompt_tokens
    assert written.charge == answer.usage.prompt_tokens * 1000 + answer.usage.completion_tokens * 2000


def test_a_stream_says_and_costs_the_same(client: Mistral, gateway: GatewayUnderTest) -> None:
    whole = client.chat.complete(model="chat", messages=MESSAGES)
    before = receipt(gateway)
    events = [event.data for event in client.chat.stream(model="chat", messages=MESSAGES)]
    assert "".join(event.choices[0].delta.content for event in events) == whole.choices[0].message.content
    assert events[-1].usage == whole.usage
    assert (receipt(gateway).charge, receipt(gateway).usage) == (before.charge, before.usage)


def test_embeddings(client: Mistral, gateway: GatewayUnderTest) -> None:
    answer = client.embeddings.create(model="vectors", inputs=["eau", "ماء"])
    assert len(answer.data) == 2
    assert receipt(gateway).usage.prompt_tokens == answer.usage.prompt_tokens


def test_embeddings_of_a_provider_in_openais_form_can_be_read(
    client: Mistral, mistral: MistralLike, gateway: GatewayUnderTest
) -> None:
    mistral.faults.next(Fault.ERROR_503)
    answer = client.embeddings.create(model="vectors", inputs=["eau", "ماء"])
    written = receipt(gateway)
    assert (written.provider, written.id) == ("second", answer.id)
    assert len(answer.data) == 2


def test_a_tool_and_its_answer(client: Mistral) -> None:
    first = client.chat.complete(model="chat", messages=MESSAGES, tools=[TOOL], tool_choice="any")
    message = first.choices[0].message
    call = message.tool_calls[0]
    validate(json.loads(str(call.function.arguments)), SCHEMA)
    told = {"role": "tool", "tool_call_id": call.id, "name": "weather", "content": "sunny"}
    second = client.chat.complete(model="chat", messages=[*MESSAGES, message, told], tools=[TOOL])
    assert second.choices[0].finish_reason == "stop"


def test_a_tool_in_a_stream_is_charged_for(client: Mistral, gateway: GatewayUnderTest) -> None:
    events = list(client.chat.stream(model="chat", messages=MESSAGES, tools=[TOOL], tool_choice="any"))
    calls = [event.data.choices[0].delta.tool_calls for event in events if event.data.choices[0].delta.tool_calls]
    assert calls[0][0].function.name == "weather"
    assert receipt(gateway).usage.completion_tokens > 0


def test_an_answer_by_a_schema(client: Mistral) -> None:
    answer = client.chat.complete(model="chat", messages=MESSAGES, response_format=FORMAT)
    validate(json.loads(str(answer.choices[0].message.content)), SCHEMA)


def test_models_and_their_limits(client: Mistral, mistral: MistralLike) -> None:
    assert [card.id for card in client.models.list().data] == ["chat", "text", "vectors"]
    assert client.models.retrieve(model_id="chat").id == "chat"
    client.chat.complete(model="chat", messages=MESSAGES, max_tokens=3)
    assert mistral.counts.calls[-1].document["max_tokens"] == 3


def test_openais_client_reaches_the_same_provider(gateway: GatewayUnderTest, client: Mistral) -> None:
    ours = openai.OpenAI(base_url=gateway.url, api_key=SECRET, max_retries=0)
    chunks = list(ours.chat.completions.create(model="chat", messages=MESSAGES, stream=True, max_completion_tokens=4))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert receipt(gateway).provider == "mistral"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"extra_body": {"min_p": 0.1}}, "body.min_p: Extra inputs are not permitted"),
        ({"temperature": 7.0}, "temperature"),
        ({"messages": [*MESSAGES, {"role": "assistant", "content": "x"}]}, "last role"),
    ],
)
def test_what_the_provider_refuses_is_the_clients_to_correct(
    gateway: GatewayUnderTest,
    client: Mistral,
    second: OpenAILike,
    changes: dict[str, Any],
    said: str,
    stream: bool,
) -> None:
    before, spent = second.counts.requests, gateway.spent()
    ours = openai.OpenAI(base_url=gateway.url, api_key=SECRET, max_retries=0)
    asked = {"model": "chat", "messages": MESSAGES, **changes}
    with pytest.raises(openai.BadRequestError, match=said) as refused:
        ours.chat.completions.create(**asked, stream=stream)
    assert refused.value.code == "gateway.provider-refused"
    assert (second.counts.requests, gateway.spent()) == (before, spent)
    written = receipt(gateway)
    assert (written.outcome, written.status, written.charge) == ("refused", 400, 0)
    assert gateway.live.ledger.balance("plots").reserved == 0


def test_a_refusal_as_mistrals_client_reads_it(client: Mistral) -> None:
    with pytest.raises(SDKError) as refused:
        client.chat.complete(model="chat", messages=[{"role": "assistant", "content": "x"}])
    assert refused.value.status_code == 400
    assert json.loads(refused.value.body)["code"] == "gateway.provider-refused"


def test_a_provider_that_fails_is_replaced(client: Mistral, gateway: GatewayUnderTest, mistral: MistralLike) -> None:
    mistral.faults.next(Fault.ERROR_503)
    events = [event.data for event in client.chat.stream(model="chat", messages=MESSAGES)]
    assert "Al-Jazari" in "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert [one.provider for one in receipt(gateway).tried] == ["mistral", "second"]
