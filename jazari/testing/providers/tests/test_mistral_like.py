"""The Mistral-like stand-in, driven by Mistral's own client; and what it refuses from others."""

import json

import httpx
import pytest
from jsonschema import validate
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

from jazari.testing.providers.answers import IMAGE_TOKENS
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.mistral_like import MistralLike
from jazari.testing.providers.wire import Behaviour

MODEL = "mistral-stand-in"
ASK = [{"role": "user", "content": "Comment fonctionnait l'horloge à eau ?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


@pytest.fixture(scope="module")
def served():
    with MistralLike(behaviour=Behaviour(huge_bytes=1 << 20, stall_seconds=0.1)) as made:
        yield made


@pytest.fixture
def provider(served):
    served.faults.clear()
    return served


@pytest.fixture
def client(provider):
    with Mistral(api_key="mistral-secret", server_url=provider.origin, timeout_ms=10_000) as made:
        yield made


def post(provider, **document):
    body = {"model": MODEL, "messages": ASK, **document}
    return httpx.post(f"{provider.url}/chat/completions", json=body, headers={"Authorization": "Bearer mistral-secret"})


def test_plain_answer_and_stream_agree(client):
    plain = client.chat.complete(model=MODEL, messages=ASK)
    events = [event.data for event in client.chat.stream(model=MODEL, messages=ASK)]
    text = plain.choices[0].message.content
    assert "".join(event.choices[0].delta.content for event in events) == text
    assert events[-1].usage == plain.usage
    assert [event.usage for event in events[:-1]] == [None] * (len(events) - 1)


def test_usage_counts_tokens_of_the_model_and_not_words(client):
    usage = client.chat.complete(model=MODEL, messages=[{"role": "user", "content": "ⴰⵣⵓⵍ ⴰⵡⴰⵍ"}]).usage
    # Two words, whose letters the tokenizer has no tokens for: bytes.
    assert usage.prompt_tokens > 20
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_limit_of_tokens(client):
    answer = client.chat.complete(model=MODEL, messages=ASK, max_tokens=4)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 4)


def test_tool_and_its_answer_go_back_in_the_same_conversation(client):
    first = client.chat.complete(model=MODEL, messages=ASK, tools=[TOOL], tool_choice="any")
    message = first.choices[0].message
    call = message.tool_calls[0]
    validate(json.loads(call.function.arguments), SCHEMA)
    told = {"role": "tool", "tool_call_id": call.id, "name": "weather", "content": "sunny"}
    second = client.chat.complete(model=MODEL, messages=[*ASK, message, told], tools=[TOOL])
    assert second.choices[0].finish_reason == "stop"
    assert second.usage.prompt_tokens > first.usage.prompt_tokens


def test_streamed_tool_call_is_one_event(client):
    events = list(client.chat.stream(model=MODEL, messages=ASK, tools=[TOOL], tool_choice="any"))
    calls = [event.data.choices[0].delta.tool_calls for event in events if event.data.choices[0].delta.tool_calls]
    assert len(calls) == 1
    validate(json.loads(calls[0][0].function.arguments), SCHEMA)


def test_json_schema(client):
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    answer = client.chat.complete(model=MODEL, messages=ASK, response_format=wanted)
    validate(json.loads(answer.choices[0].message.content), SCHEMA)


def test_images_count(client):
    parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": "data:image/png;base64,AA"}]
    plain = client.chat.complete(model=MODEL, messages=[{"role": "user", "content": "what is this?"}])
    seen = client.chat.complete(model=MODEL, messages=[{"role": "user", "content": parts}])
    assert seen.usage.prompt_tokens >= plain.usage.prompt_tokens + IMAGE_TOKENS


def test_embeddings(client):
    answer = client.embeddings.create(model="mistral-stand-in-embedding", inputs=["eau", "ماء"], output_dimension=16)
    assert [len(row.embedding) for row in answer.data] == [16, 16]


def test_models(client):
    found = {card.id: card.capabilities.completion_chat for card in client.models.list().data}
    assert found == {"mistral-stand-in": True, "mistral-stand-in-embedding": False}


@pytest.mark.parametrize(
    "extra", [{"stream_options": {"include_usage": True}}, {"max_completion_tokens": 5}, {"seed": 1}, {"user": "x"}]
)
def test_fields_of_openai_are_refused_as_mistral_does(provider, extra):
    response = post(provider, **extra)
    (mistake,) = response.json()["message"]["detail"]
    assert response.status_code == 422
    assert (mistake["type"], mistake["loc"]) == ("extra_forbidden", ["body", *extra])


def test_unknown_field_of_a_message(provider):
    response = post(provider, messages=[{**ASK[0], "name": "Amina"}])
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"][-1] == "name"


@pytest.mark.parametrize("asked", [{"temperature": 7.0}, {"messages": [{"role": "user", "content": None}]}])
def test_values_that_its_own_client_lets_through(client, asked):
    with pytest.raises(HTTPValidationError) as caught:
        client.chat.complete(**{"model": MODEL, "messages": ASK, **asked})
    assert caught.value.data.detail


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([], "at least one message"),
        ([*ASK, {"role": "assistant", "content": "x"}], "last role"),
        ([{"role": "assistant", "content": "x"}], "start with a user message"),
    ],
)
def test_conversations_that_make_no_sense(client, messages, sentence):
    with pytest.raises(SDKError, match=sentence) as caught:
        client.chat.complete(model=MODEL, messages=messages)
    assert caught.value.status_code == 400


def test_id_of_a_tool_call_has_nine_characters(provider):
    call = {"id": "call_abcdef0123456789", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    said = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    told = [{"role": "tool", "tool_call_id": call["id"], "name": "weather", "content": "sunny"}]
    response = post(provider, messages=[*ASK, *said, *told])
    assert (response.status_code, "length of 9" in response.text) == (400, True)


def test_unknown_model(client):
    with pytest.raises(SDKError, match="Invalid model: gone"):
        client.chat.complete(model="gone", messages=ASK)


def test_prompt_that_is_too_long(client):
    with pytest.raises(SDKError, match="too large for model"):
        client.chat.complete(model=MODEL, messages=[{"role": "user", "content": "eau " * 40_000}])


def test_wrong_secret(provider):
    with Mistral(api_key="other", server_url=provider.origin) as stranger:
        with pytest.raises(SDKError) as caught:
            stranger.chat.complete(model=MODEL, messages=ASK)
        with pytest.raises(SDKError):
            stranger.models.list()
    assert caught.value.status_code == 401


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.ERROR_500, Fault.ERROR_502, Fault.ERROR_503])
def test_faults_are_shared(provider, client, fault):
    provider.faults.next(fault)
    with pytest.raises(SDKError):
        client.chat.complete(model=MODEL, messages=ASK)
    assert client.chat.complete(model=MODEL, messages=ASK).choices


def test_error_has_mistrals_shape(provider):
    provider.faults.next(Fault.RATE_LIMITED)
    response = post(provider)
    assert (response.status_code, response.json()["object"]) == (429, "error")
