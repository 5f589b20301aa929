"""The OpenAI-like stand-in, driven by the real client."""


import openai
import pytest

from jazari.testing.providers.openai_like import OpenAILike

ASK = [{"role": "user", "content": "How did the water clock work?"}]


@pytest.fixture
def provider():
    with OpenAILike(secret="s3cret") as served:
        yield served


@pytest.fixture
def client(provider):
    with openai.OpenAI(base_url=provider.url, api_key="s3cret", max_retries=0, timeout=10) as made:
        yield made


def test_plain_answer_and_its_usage(client):
    answer = client.chat.completions.create(model="stand-in", messages=ASK)
    assert len(answer.choices[0].message.content.split()) == 16
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 16)


def test_stream_joins_to_the_plain_answer(client):
    plain = client.chat.completions.create(model="stand-in", messages=ASK).choices[0].message.content
    events = list(
        client.chat.completions.create(
            model="stand-in", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(e.choices[0].delta.content or "" for e in events if e.choices) == plain
    assert events[-1].usage.completion_tokens == 16


def test_limit_of_tokens(client):
    answer = client.chat.completions.create(model="stand-in", messages=ASK, max_tokens=3)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 3)
