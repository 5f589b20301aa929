"""What a provider is sent: the client's own JSON, with the provider's model, a reserved limit, and usage asked for.

Everything else passes as it came. The limit is set even where the client gave none: credits are reserved for it.
Mistral's API refuses fields that it does not know, so for it OpenAI's names become its own.
"""

from __future__ import annotations

import json
from typing import Any

from jazari.gateway.proxy.questions import Question
from jazari.gateway.proxy.upstream import Event
from jazari.gateway.words import Kind, Protocol

# The last three are other names of the same limit: llama.cpp lets `n_predict` go before `max_tokens`.
_OURS = ("max_tokens", "max_completion_tokens", "stream_options", "n_predict", "max_new_tokens", "max_length")
_MISTRAL_NAMES = {"seed": "random_seed"}
_NOT_FOR_MISTRAL = ("user", "store", "metadata", "service_tier", "logprobs", "top_logprobs", "logit_bias")


def body_for(question: Question, model: str, protocol: Protocol, most_output: int) -> dict[str, Any]:
    """The body for a provider that speaks ``protocol``; ``most_output`` tokens for each answer."""
    if question.kind is Kind.EMBEDDING:
        return question.body | {"model": model}
    body = {name: value for name, value in question.body.items() if name not in _OURS} | {"model": model}
    if protocol is Protocol.MISTRAL:
        return _in_mistrals_words(body) | {"max_tokens": most_output}
    newer = "max_completion_tokens" in question.body
    body["max_completion_tokens" if newer else "max_tokens"] = most_output
    if question.stream:
        body["stream_options"] = {"include_usage": True}
    return body


def answer_for(kind: Kind, answer: Event, call: str) -> bytes:
    """What the client is given of a whole answer: the provider's own bytes.

    Vectors get the call's id where they have none, as OpenAI's have: Mistral's client reads no others.
    """
    if kind is not Kind.EMBEDDING or answer.chunk is None or "id" in answer.chunk:
        return answer.raw
    return b'{"id":' + json.dumps(call).encode() + b"," + answer.raw.lstrip().removeprefix(b"{")


def _in_mistrals_words(body: dict[str, Any]) -> dict[str, Any]:
    """Fields that only OpenAI has are renamed, or left out where they change nothing of the answer's content."""
    found = {_MISTRAL_NAMES.get(name, name): value for name, value in body.items() if name not in _NOT_FOR_MISTRAL}
    if isinstance(found.get("messages"), list):
        found["messages"] = [_message(one) for one in found["messages"]]
    return found


def _message(message: dict[str, Any]) -> dict[str, Any]:
    # `developer` is OpenAI's newer word for the same role; a participant's name is not known there.
    plain = {name: value for name, value in message.items() if name != "name"}
    return plain | {"role": "system"} if plain.get("role") == "developer" else plain
