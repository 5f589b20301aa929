"""What the gateway counts, for Prometheus. Labels are names that the operator chose, never a client's text."""

from __future__ import annotations

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
M = TypeVar("M", Counter, Gauge, Histogram)


class Metrics:
    """One gateway's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._labelled: dict[tuple[object, ...], Any] = {}
        self.registry = CollectorRegistry(auto_describe=True)
        self.calls = Counter(
            "jazari_gateway_calls_total", "Calls by outcome.", ["route", "outcome"], registry=self.registry
        )
        self.refusals = Counter(
            "jazari_gateway_refusals_total",
            "Requests refused before they became calls.",
            ["code"],
            registry=self.registry,
        )
        self.attempts = Counter(
            "jazari_gateway_attempts_total", "Attempts at a provider.", ["provider", "outcome"], registry=self.registry
        )
        self.tokens = Counter(
            "jazari_gateway_tokens_total", "Tokens by direction.", ["route", "direction"], registry=self.registry
        )
        self.microcredits = Counter(
            "jazari_gateway_microcredits_total", "Microcredits charged.", ["route"], registry=self.registry
        )
        self.energy = Counter(
            "jazari_gateway_energy_watt_hours_total",
            "Estimated energy of answers.",
            ["provider"],
            registry=self.registry,
        )
        self.open_calls = Gauge("jazari_gateway_open_calls", "Calls in hand.", registry=self.registry)
        self.provider_open = Gauge(
            "jazari_gateway_provider_shut",
            "1 while a provider's circuit breaker is open.",
            ["provider"],
            registry=self.registry,
        )
        self.first_byte = Histogram(
            "jazari_gateway_first_byte_seconds",
            "From a call's arrival to the first byte of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.seconds = Histogram(
            "jazari_gateway_call_seconds",
            "From a call's arrival to its end.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def of(self, metric: M, *labels: str) -> M:
        """``metric.labels(*labels)``, remembered: to look it up there takes longer than to count."""
        found: M | None = self._labelled.get((metric, *labels))
        if found is None:
            found = self._labelled[metric, *labels] = metric.labels(*labels)
        return found

    def text(self) -> bytes:
        """Everything in Prometheus's text format, version 0.0.4."""
        return generate_latest(self.registry)
