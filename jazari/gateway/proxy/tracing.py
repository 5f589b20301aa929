"""OpenTelemetry traces: a span for each call and each attempt, where gateway.toml says so. Off, nothing is imported.

Attributes are names that the operator chose, numbers and outcomes: nothing of what was asked or answered, and nothing
that a client sent in a header. A client's own trace is not continued, and providers hear of none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from jazari.core.errors import JazariError
from jazari.gateway.operating_errors import TracesMissing
from jazari.gateway.receipts import Receipt

EXPORT_SECONDS = 5.0
"""How long the collector may take for one batch: at a stop, the gateway waits as long."""

_NOTHING = nullcontext()


class Traces:
    """No traces: what a gateway has unless it is asked for more."""

    def call(self, call: str, route: str) -> AbstractContextManager[Any]:
        """The span of one call by ``route``."""
        del call, route
        return _NOTHING

    def attempt(self, provider: str, model: str) -> AbstractContextManager[None]:
        """The span of one attempt, inside that of its call."""
        del provider, model
        return _NOTHING

    def ended(self, span: Any, receipt: Receipt) -> None:
        """What is known of the call of ``span``, now that it has a receipt."""

    def close(self) -> None:
        """Send what waits. Blocks."""


class SentTraces(Traces):
    """Traces sent to the collector at ``address`` (OTLP over HTTP) by a thread, in batches.

    Raises ``TracesMissing`` where OpenTelemetry is not installed. Where the collector is away, spans are lost and
    nothing else.
    """

    def __init__(self, address: str) -> None:
        try:
            import requests
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise TracesMissing(
                "OpenTelemetry is not installed: pip install 'jazari[traces]', or leave `traces` out of gateway.toml."
            ) from error
        session = requests.Session()
        session.trust_env = False
        exporter = OTLPSpanExporter(endpoint=address, timeout=EXPORT_SECONDS, session=session)
        self._provider = TracerProvider(resource=Resource({"service.name": "jazari-gateway"}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("jazari.gateway")
        self._trace = trace

    @contextmanager
    def call(self, call: str, route: str) -> Iterator[Any]:
        """The span of one call by ``route``; it begins a trace of its own."""
        with self._span("call", {"jazari.receipt": call, "jazari.route": route}) as span:
            yield span

    @contextmanager
    def attempt(self, provider: str, model: str) -> Iterator[None]:
        """The span of one attempt; how it failed is told by its code alone."""
        with self._span("attempt", {"jazari.provider": provider, "jazari.model": model}):
            yield

    def ended(self, span: Any, receipt: Receipt) -> None:
        """Add to the call's span what its receipt says."""
        found: dict[str, Any] = {
            "jazari.kind": str(receipt.kind or ""),
            "jazari.data_class": str(receipt.data_class or ""),
            "jazari.provider": receipt.provider,
            "jazari.outcome": receipt.outcome,
            "http.response.status_code": receipt.status,
            "jazari.prompt_tokens": receipt.usage.prompt_tokens,
            "jazari.answer_tokens": receipt.usage.completion_tokens,
            "jazari.microcredits": receipt.charge,
        }
        span.set_attributes(found)

    def close(self) -> None:
        """Send what waits, for at most ``EXPORT_SECONDS`` or so. Blocks."""
        self._provider.shutdown()

    @contextmanager
    def _span(self, name: str, attributes: dict[str, str]) -> Iterator[Any]:
        # Exceptions are not recorded: their sentences may quote what a provider said.
        options: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(name, attributes=attributes, **options) as span:
            try:
                yield span
            except BaseException as error:
                code = error.code if isinstance(error, JazariError) else type(error).__name__
                span.set_attribute("error.type", code)
                span.set_status(self._trace.StatusCode.ERROR)
                raise


def open_traces(address: str | None) -> Traces:
    """Traces as gateway.toml asks for them."""
    return Traces() if address is None else SentTraces(address)
