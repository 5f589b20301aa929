"""Which engines a gateway needs, from its settings; and what one engine's process is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from jazari.gateway.configuration import GatewayConfig, ProviderConfig
from jazari.gateway.words import Kind, Protocol

CONTEXT_TOKENS = 4096
"""Of prompt and answer together, for each call; less where the model was trained for less."""
MOST_TOGETHER = 4
"""Calls computed at once; others wait in the engine. Each costs memory for its whole context."""


@dataclass(frozen=True, order=True)
class EngineKey:
    """One engine: llama.cpp either writes or embeds, so that a model used for both has two."""

    model: str
    embeds: bool


@dataclass(frozen=True)
class EngineSettings:
    """How one engine runs. ``threads`` 0: as many as there are processors; ``at_once``: open calls, at most."""

    key: EngineKey
    threads: int = 0
    at_once: int = 16
    context_tokens: int = CONTEXT_TOKENS

    @property
    def together(self) -> int:
        """Calls computed at once."""
        return min(self.at_once, MOST_TOGETHER)

    def document(self) -> dict[str, Any]:
        """For the process, as JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> EngineSettings:
        """What `document` gave."""
        return cls(**{**document, "key": EngineKey(**document["key"])})


def engine_key(model: str, kind: Kind) -> EngineKey:
    """The engine that answers calls of ``kind`` for ``model``."""
    return EngineKey(model, kind is Kind.EMBEDDING)


def wanted_engines(config: GatewayConfig) -> list[EngineSettings]:
    """An engine for every model that routes ask of embedded providers; where two providers share one, the larger."""
    found: dict[EngineKey, EngineSettings] = {}
    for route in config.route.values():
        for target in route.targets:
            provider = config.provider[target.provider]
            if provider.protocol is Protocol.EMBEDDED:
                key = engine_key(target.model, route.kind)
                found[key] = _larger(found.get(key), _settings(key, provider))
    return [found[key] for key in sorted(found)]


def _settings(key: EngineKey, provider: ProviderConfig) -> EngineSettings:
    return EngineSettings(key, provider.threads or 0, provider.most_at_once)


def _larger(one: EngineSettings | None, other: EngineSettings) -> EngineSettings:
    if one is None:
        return other
    return EngineSettings(one.key, max(one.threads, other.threads), max(one.at_once, other.at_once))
