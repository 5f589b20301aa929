"""The gateway's words as types: what a call is about, and what a provider says that it used."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DataClass(StrEnum):
    """How sensitive the content of a call is, from least to most."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    SECRET = "secret"  # noqa: S105  a class of data

    @property
    def rank(self) -> int:
        """0 for the least sensitive."""
        return list(DataClass).index(self)


class Kind(StrEnum):
    """What a route does."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


PATHS = {Kind.CHAT: "/chat/completions", Kind.COMPLETION: "/completions", Kind.EMBEDDING: "/embeddings"}
"""Where each kind is asked for, below the base of an API."""


class Protocol(StrEnum):
    """How a provider is spoken to.

    ``embedded`` is llama.cpp beside this gateway; ``jazari`` another institute's gateway, called as a node.
    """

    OPENAI = "openai"
    MISTRAL = "mistral"
    EMBEDDED = "embedded"
    JAZARI = "jazari"


@dataclass(frozen=True)
class Usage:
    """Tokens of one call; ``estimated`` where the provider did not say, or said what cannot be."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False
