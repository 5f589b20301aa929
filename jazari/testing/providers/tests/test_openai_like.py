"""The OpenAI-like stand-in as the real client sees it: what it answers, and what it refuses."""

import base64
import json
import struct

import openai
import pytest
from jsonschema import validate

from jazari.testing.providers.answers import IMAGE_TOKENS
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.wire import Behaviour

ASK = [{"role": "user", "content": "How did the water clock work?"}]
CLOCK = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 6},
        "year": {"type": "integer", "minimum": 1100},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "minItems": 2},
    },
    "required": ["name", "year", "parts"],
    "$defs": {"part": {"anyOf": [{"enum": ["float", "valve"]}, {"type": "null"}]}},
}
TOOL = {"type": "function", "function": {"name": "wind_clock", "parameters": CLOCK}}


@pytest.fixture(scope="module")
def provider():
    with OpenAILike(secret="s3cret") as served:
        yield served


@pytest.fixture(scope="module")
def client(provider):
    with openai.OpenAI(base_url=provider.url, api_key="s3cret", max_retries=0, timeout=10) as made:
        yield made


def test_plain_answer_and_its_usage(client):
    answer = client.chat.completions.create(model="stand-in", messages=ASK)
    assert len(answer.choices[0].message.content.split()) == 16
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 16)


def test_stream_joins_to_the_plain_answer(client):
    plain = client.chat.completions.create(model="stand-in", messages=ASK).choices[0].message.content
    wanted = {"include_usage": True}
    events = list(client.chat.completions.create(model="stand-in", messages=ASK, stream=True, stream_options=wanted))
    assert "".join(e.choices[0].delta.content or "" for e in events if e.choices) == plain
    assert events[-1].usage.completion_tokens == 16


def test_stream_has_no_usage_that_was_not_asked_for(client):
    events = list(client.chat.completions.create(model="stand-in", messages=ASK, stream=True))
    assert all(event.choices and event.usage is None for event in events)


def test_limit_of_tokens(client):
    answer = client.chat.completions.create(model="stand-in", messages=ASK, max_tokens=3)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 3)


def test_json_schema_is_kept(client):
    wanted = {"type": "json_schema", "json_schema": {"name": "clock", "schema": CLOCK}}
    answer = client.chat.completions.create(model="stand-in", messages=ASK, response_format=wanted)
    validate(json.loads(answer.choices[0].message.content), CLOCK)


@pytest.mark.parametrize(
    ("choice", "text", "called"),
    [
        ("auto", "hello", False),
        ("auto", "use wind_clock", True),
        ("required", "hello", True),
        ("none", "use wind_clock", False),
        ({"type": "function", "function": {"name": "wind_clock"}}, "hello", True),
    ],
)
def test_tool_is_called_when_asked_for(client, choice, text, called):
    ask = [{"role": "user", "content": text}]
    answer = client.chat.completions.create(model="stand-in", messages=ask, tools=[TOOL], tool_choice=choice)
    calls = answer.choices[0].message.tool_calls or []
    assert bool(calls) is called
    for call in calls:
        validate(json.loads(call.function.arguments), CLOCK)


def test_streamed_tool_call_joins_to_arguments_of_the_schema(client):
    with client.chat.completions.stream(model="stand-in", messages=ASK, tools=[TOOL], tool_choice="required") as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls[0].function.name == "wind_clock"
    validate(json.loads(message.tool_calls[0].function.arguments), CLOCK)


def test_images_count(client):
    parts = [
        {"type": "text", "text": "two words"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}},
    ]
    answer = client.chat.completions.create(model="stand-in", messages=[{"role": "user", "content": parts}])
    assert answer.usage.prompt_tokens == 2 + IMAGE_TOKENS


def test_completions(client):
    answer = client.completions.create(model="stand-in", prompt="Once upon a time")
    events = list(client.completions.create(model="stand-in", prompt="Once upon a time", stream=True))
    assert "".join(event.choices[0].text for event in events) == answer.choices[0].text
    assert answer.usage.prompt_tokens == 4


def test_embeddings_as_floats_and_packed(client):
    texts = ["ⴰⵣⵓⵍ", "مرحبا"]
    floats = client.embeddings.create(model="stand-in-embedding", input=texts, encoding_format="float")
    packed = client.embeddings.with_raw_response.create(
        model="stand-in-embedding", input=texts, encoding_format="base64", dimensions=8
    )
    for row, text in zip(floats.data, json.loads(packed.text)["data"], strict=True):
        assert list(struct.unpack("<8f", base64.b64decode(text["embedding"]))) == pytest.approx(row.embedding)
        assert sum(value * value for value in row.embedding) == pytest.approx(1)
    assert floats.data[0].embedding != floats.data[1].embedding


def test_models(client):
    assert [model.id for model in client.models.list()] == ["stand-in", "stand-in-embedding"]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"model": "gone"}, openai.NotFoundError),
        ({"messages": []}, openai.BadRequestError),
        ({"messages": "hello"}, openai.BadRequestError),
        ({"messages": [{"role": "king", "content": ""}]}, openai.BadRequestError),
        ({"max_tokens": -1}, openai.BadRequestError),
        ({"n": 3}, openai.BadRequestError),
    ],
)
def test_bad_requests(client, asked, error):
    with pytest.raises(error):
        client.chat.completions.create(**{"model": "stand-in", "messages": ASK, **asked})


def test_wrong_secret(provider):
    with (
        openai.OpenAI(base_url=provider.url, api_key="other", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model="stand-in", messages=ASK)


def test_what_it_was_asked_is_kept():
    with OpenAILike(behaviour=Behaviour(words=2)) as served, openai.OpenAI(base_url=served.url, api_key="x") as asker:
        asker.chat.completions.create(model="stand-in", messages=ASK, extra_headers={"X-Project": "water"})
        call = served.counts.calls[-1]
        assert (call.path, call.headers["x-project"], call.document["messages"]) == (
            "/v1/chat/completions",
            "water",
            ASK,
        )
        assert served.counts.numbers() == {
            "requests": 1,
            "bytes_in": len(call.body),
            "finished": 1,
            "cancelled": 0,
            "open": 0,
            "most_open": 1,
            "faults": {},
        }
