"""What a provider is sent: the client's own JSON, with the provider's model, a reserved limit, and usage asked for.

Most else passes as it came. The limit is set even where the client gave none: credits are reserved for it. What would
buy more answers than were reserved for, or make a provider keep what the policy counts on it not to keep, is left out.
Mistral's API refuses fields that it does not know, so for it OpenAI's names become its own. The embedded engine, which
all projects share, is sent what is known here: among its other fields are some that tell what it computed for others.
"""

from __future__ import annotations

import json
from typing import Any

from jazari.gateway.configuration import ProviderConfig
from jazari.gateway.proxy.questions import Question
from jazari.gateway.proxy.upstream import Event
from jazari.gateway.words import Kind, Protocol

# Other names of the same limit (llama.cpp lets `n_predict` go before `max_tokens`) and of `n`; what is kept for later.
_OURS = frozenset({
    "max_tokens", "max_completion_tokens", "stream_options", "n_predict", "max_new_tokens", "max_length",
    "n_cmpl", "use_beam_search", "store", "prompt_cache_retention",
})  # fmt: skip
_EMBEDDED = frozenset({
    "messages", "prompt", "stream", "n", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "presence_penalty",
    "frequency_penalty", "logprobs", "top_logprobs", "logit_bias", "response_format", "tools", "tool_choice",
    "parallel_tool_calls",
})  # fmt: skip
_VECTORS = frozenset({"input", "encoding_format", "dimensions", "user", "output_dimension", "output_dtype"})
_MISTRAL_NAMES = {"seed": "random_seed"}
_NOT_FOR_MISTRAL = ("user", "metadata", "service_tier", "logprobs", "top_logprobs", "logit_bias")


def body_for(question: Question, model: str, provider: ProviderConfig, most_output: int) -> dict[str, Any]:
    """The body for ``provider``; ``most_output`` tokens for each answer."""
    if question.kind is Kind.EMBEDDING:
        # What else there may be is neither measured nor looked into.
        return _only(_VECTORS, question.body) | {"model": model}
    body = {name: value for name, value in question.body.items() if name not in _OURS} | {"model": model}
    if provider.protocol is Protocol.MISTRAL:
        return _in_mistrals_words(body) | {"max_tokens": most_output}
    if provider.protocol is Protocol.EMBEDDED:
        body = _only(_EMBEDDED, body) | {"model": model, "cache_prompt": False}
    body |= dict.fromkeys(_limit_names(question, provider), most_output)
    if question.stream:
        body["stream_options"] = {"include_usage": True}
    return body


def _only(known: frozenset[str], body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name in known}


def _limit_names(question: Question, provider: ProviderConfig) -> tuple[str, ...]:
    """OpenAI's newer models know only the longer name, many machines only the shorter; completions have no other."""
    newer = question.kind is Kind.CHAT and question.body.get("max_completion_tokens") is not None
    if not newer or provider.protocol is Protocol.EMBEDDED:
        return ("max_tokens",)
    return ("max_tokens", "max_completion_tokens") if provider.private_address else ("max_completion_tokens",)


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
