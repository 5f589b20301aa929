"""What a provider is sent: the client's own JSON, with the provider's model, a reserved limit, and usage asked for.

Everything else passes as it came. The limit is set even where the client gave none: credits are reserved for it.
"""

from __future__ import annotations

from typing import Any

from jazari.gateway.proxy.questions import Question
from jazari.gateway.words import Kind, Protocol

# The last three are other names of the same limit: llama.cpp lets `n_predict` go before `max_tokens`.
_OURS = ("max_tokens", "max_completion_tokens", "stream_options", "n_predict", "max_new_tokens", "max_length")


def body_for(question: Question, model: str, protocol: Protocol, most_output: int) -> dict[str, Any]:
    """The body for a provider that speaks ``protocol``; ``most_output`` tokens for each answer."""
    if question.kind is Kind.EMBEDDING:
        return question.body | {"model": model}
    body = {name: value for name, value in question.body.items() if name not in _OURS} | {"model": model}
    # Mistral knows only the one name, and gives usage with a stream's last event without being asked.
    newer = "max_completion_tokens" in question.body and protocol is not Protocol.MISTRAL
    body["max_completion_tokens" if newer else "max_tokens"] = most_output
    if question.stream and protocol is not Protocol.MISTRAL:
        body["stream_options"] = {"include_usage": True}
    return body
