"""What a provider is sent of what a client wrote: never what buys more, keeps more, or tells about others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jazari.gateway.configuration import ProviderConfig
from jazari.gateway.proxy.bodies import body_for
from jazari.gateway.proxy.questions import read_question
from jazari.gateway.words import Kind, Protocol

CARD = "rabat/provider/one@1"
PUBLIC = ProviderConfig(card=CARD, protocol=Protocol.OPENAI, address="https://models.example/v1")
PRIVATE = ProviderConfig(card=CARD, protocol=Protocol.OPENAI, address="https://10.0.0.5/v1", private_address=True)
MISTRAL = ProviderConfig(card=CARD, protocol=Protocol.MISTRAL, address="https://mistral.example/v1")
EMBEDDED = ProviderConfig(card=CARD, protocol=Protocol.EMBEDDED)
EVERYBODY = pytest.mark.parametrize("provider", [PUBLIC, PRIVATE, MISTRAL, EMBEDDED], ids=lambda one: one.protocol)


def sent(provider: ProviderConfig, kind: Kind = Kind.CHAT, **fields: Any) -> dict[str, Any]:
    asked = {
        Kind.CHAT: {"messages": [{"role": "user", "content": "x"}]},
        Kind.COMPLETION: {"prompt": "x"},
        Kind.EMBEDDING: {"input": "x"},
    }
    question = read_question(kind, json.dumps({"model": "route", **asked[kind], **fields}).encode())
    return body_for(question, "theirs", provider, 7)


@EVERYBODY
def test_no_other_name_buys_more_answers(provider: ProviderConfig) -> None:
    assert not {"n_cmpl", "use_beam_search", "n_predict"} & set(sent(provider, n_cmpl=4, use_beam_search=True))


@EVERYBODY
def test_nobody_is_asked_to_keep_what_policy_counts_on_them_not_to_keep(provider: ProviderConfig) -> None:
    assert not {"store", "prompt_cache_retention"} & set(sent(provider, store=True, prompt_cache_retention="24h"))


def test_the_shared_engine_is_not_asked_what_it_remembers_of_others() -> None:
    body = sent(EMBEDDED, cache_prompt=True, id_slot=0, n_cache_reuse=1, timings_per_token=True, temperature=0)
    assert body == {
        "model": "theirs", "messages": [{"role": "user", "content": "x"}], "temperature": 0,
        "max_tokens": 7, "cache_prompt": False,
    }  # fmt: skip


@EVERYBODY
def test_of_a_request_for_vectors_only_what_was_measured_goes_on(provider: ProviderConfig) -> None:
    image = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}
    body = sent(provider, Kind.EMBEDDING, dimensions=8, messages=[{"role": "user", "content": [image]}], prompt="y")
    assert body == {"model": "theirs", "input": "x", "dimensions": 8}


@pytest.mark.parametrize(
    ("provider", "kind", "fields", "names"),
    [
        (PUBLIC, Kind.CHAT, {}, {"max_tokens"}),
        (PUBLIC, Kind.CHAT, {"max_completion_tokens": None}, {"max_tokens"}),
        (PUBLIC, Kind.CHAT, {"max_completion_tokens": 5}, {"max_completion_tokens"}),
        (PRIVATE, Kind.CHAT, {"max_completion_tokens": 5}, {"max_tokens", "max_completion_tokens"}),
        (PUBLIC, Kind.COMPLETION, {"max_completion_tokens": 5}, {"max_tokens"}),
        (EMBEDDED, Kind.CHAT, {"max_completion_tokens": 5}, {"max_tokens"}),
        (MISTRAL, Kind.CHAT, {"max_completion_tokens": 5}, {"max_tokens"}),
    ],
)
def test_the_limit_goes_by_a_name_that_the_provider_knows(
    provider: ProviderConfig, kind: Kind, fields: dict[str, Any], names: set[str]
) -> None:
    body = sent(provider, kind, **fields)
    assert {name for name in body if name.startswith("max_")} == names
    assert {body[name] for name in names} == {7}
