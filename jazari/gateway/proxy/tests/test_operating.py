"""What operators and clients see beside the answers: receipts, metrics, readiness, the log, traces."""

from __future__ import annotations

import http.server
import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from jazari.gateway.proxy.app import Gateway
from jazari.gateway.proxy.logs import log_to
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.gateway.proxy.tracing import SentTraces
from jazari.gateway.receipt_files import Kept
from jazari.gateway.receipts import new_call_id, verify
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.openai_like import OpenAILike

SECRET, KEY = key()
OTHER_SECRET, OTHER_KEY = key(project="others")
MESSAGES: Any = [{"role": "user", "content": "Who built the zanfar clock?"}]


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture
def gateway(provider: OpenAILike, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    provider.faults.clear()
    with GatewayUnderTest(tmp_path, toml({"campus": provider.url}), KEY, OTHER_KEY) as made:
        yield made


def ask(gateway: GatewayUnderTest, **options: Any) -> Any:
    client = openai.OpenAI(base_url=gateway.url, api_key=SECRET, max_retries=0, default_headers={"x-trace": "mine"})
    return client.chat.completions.create(model="chat", messages=MESSAGES, **options)


def get(gateway: GatewayUnderTest, call: str, secret: str = SECRET) -> httpx.Response:
    return httpx.get(f"{gateway.url}/receipts/{call}", headers={"authorization": f"Bearer {secret}"})


def test_a_client_gets_its_receipt_and_can_prove_it(gateway: GatewayUnderTest) -> None:
    ask(gateway)
    (receipt,) = gateway.receipts()
    kept = Kept.read(get(gateway, receipt.id).content)
    assert (kept.receipt, kept.proof) == (receipt, None)

    async def anchor() -> None:
        gateway.live.ledger.anchor()

    gateway.do(anchor())
    kept = Kept.read(get(gateway, receipt.id).content)
    assert kept.proof is not None
    assert kept.anchor is not None
    verify(kept.receipt, kept.proof, kept.anchor)


def test_the_receipts_of_others_are_not_there(gateway: GatewayUnderTest) -> None:
    ask(gateway)
    call = gateway.receipts()[0].id
    unknown = new_call_id()
    others, nobodys = get(gateway, call, OTHER_SECRET), get(gateway, unknown, OTHER_SECRET)
    assert others.status_code == nobodys.status_code == 404
    assert others.text == nobodys.text.replace(unknown, call)
    assert sorted(others.headers.items()) == sorted(nobodys.headers.items())
    assert get(gateway, "../../keys").status_code == 404
    assert get(gateway, call, "jz-nothing").status_code == 401
    assert httpx.post(f"{gateway.url}/receipts/{call}").status_code in (401, 405)


def told(gateway: GatewayUnderTest, path: str, client: str) -> tuple[int, Any]:
    """What ``client``, an address, is told at ``path``."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "client": (client, 1)}
    gateway.do(Gateway(gateway.live)(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body.decode() if path == "/metrics" else json.loads(body)


@pytest.mark.parametrize("client", ["10.0.0.5", "41.140.0.1", "2001:db8::1", "::ffff:10.0.0.5", ""])
def test_others_than_this_machine_see_only_whether_it_is_ready(gateway: GatewayUnderTest, client: str) -> None:
    assert told(gateway, "/readyz", client) == (200, {"ready": True})
    assert told(gateway, "/metrics", client)[0] == 404


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_sees_it_all(gateway: GatewayUnderTest, client: str) -> None:
    assert set(told(gateway, "/readyz", client)[1]) == {"ready", "draining", "open_calls", "problems"}
    status, text = told(gateway, "/metrics", client)
    assert status == 200
    assert "jazari_gateway_open_calls 0.0" in text


def test_all_may_look_where_the_settings_say_so(provider: OpenAILike, tmp_path: Path) -> None:
    text = f'metrics = "all"\n{toml({"campus": provider.url})}'
    with GatewayUnderTest(tmp_path, text, KEY) as gateway:
        assert told(gateway, "/metrics", "10.0.0.5")[0] == 200
        assert "problems" in told(gateway, "/readyz", "10.0.0.5")[1]


@contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """The lines of the log, once the block has ended."""
    stream, lines = io.StringIO(), []
    handler = log_to(stream)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)
    lines += [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_for_every_call_and_nothing_of_what_was_said(gateway: GatewayUnderTest, provider: OpenAILike) -> None:
    with logged() as lines:
        ask(gateway)
        provider.faults.next(Fault.ERROR_500)
        with pytest.raises(openai.APIStatusError):
            ask(gateway)
    calls = [line for line in lines if line["message"] == "call"]
    answered, failed = gateway.receipts()
    assert [line["id"] for line in calls] == [answered.id, failed.id]
    assert calls[0] == {
        "moment": calls[0]["moment"], "level": "info", "message": "call", "id": answered.id, "project": "plots",
        "key": KEY.id, "route": "chat", "provider": "campus", "outcome": "answered", "status": 200,
        "first_byte_ms": answered.first_byte_ms, "ms": answered.total_ms, "microcredits": answered.charge,
        "prompt_tokens": answered.usage.prompt_tokens, "answer_tokens": answered.usage.completion_tokens,
    }  # fmt: skip
    assert (calls[1]["outcome"], calls[1]["status"]) == ("failed", failed.status)
    assert any(line["level"] == "warning" and "campus" in line["message"] for line in lines)
    assert not {"zanfar", "Al-Jazari", SECRET} & set(json.dumps(lines).replace('"', " ").split())
    assert "zanfar" not in json.dumps(lines)


def test_an_exception_is_logged_without_its_words() -> None:
    with logged() as lines:
        try:
            raise ValueError("zanfar")
        except ValueError:
            logging.getLogger("jazari.gateway").exception("A request met a defect")
    (line,) = lines
    assert (line["level"], line["exception"]) == ("error", "ValueError")
    assert "test_operating.py" in line["trace"]
    assert "zanfar" not in line["trace"].replace('raise ValueError("zanfar")', "")


class Collector(http.server.ThreadingHTTPServer):
    """A collector of OpenTelemetry, which keeps what is sent to ``/v1/traces``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Collecting)
        self.bodies: list[bytes] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    def spans(self) -> dict[str, Any]:
        """The spans by name; attributes as a dictionary."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found = {}
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    found[f"{span.name}{len([n for n in found if n.startswith(span.name)]) or ''}"] = span
        return found


class _Collecting(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_traces_have_a_span_for_the_call_and_each_attempt_and_no_content(provider: OpenAILike, tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.sdk")
    collector = Collector()
    with OpenAILike() as second:
        text = toml({"first": provider.url, "second": second.url})
        with GatewayUnderTest(tmp_path, text, KEY) as gateway:
            gateway.live.traces = SentTraces(collector.url)
            provider.faults.next(Fault.ERROR_500)
            list(ask(gateway, stream=True))
            gateway.live.traces.close()
    collector.shutdown()
    spans, (receipt,) = collector.spans(), gateway.receipts()
    call, failed, good = spans["call"], spans["attempt"], spans["attempt1"]
    assert not call.parent_span_id
    assert {failed.parent_span_id, good.parent_span_id} == {call.span_id}
    assert attributes(call) == {
        "jazari.receipt": receipt.id, "jazari.route": "chat", "jazari.kind": "chat", "jazari.data_class": "internal",
        "jazari.provider": "second", "jazari.outcome": "answered", "http.response.status_code": 200,
        "jazari.prompt_tokens": receipt.usage.prompt_tokens, "jazari.microcredits": receipt.charge,
        "jazari.answer_tokens": receipt.usage.completion_tokens,
    }  # fmt: skip
    assert attributes(failed) == {
        "jazari.provider": "first", "jazari.model": "stand-in", "error.type": "gateway.provider-failed"
    }  # fmt: skip
    assert attributes(good) == {"jazari.provider": "second", "jazari.model": "stand-in"}
    sent = b"".join(collector.bodies)
    assert not [word for word in (b"zanfar", b"Al-Jazari", b"mine", SECRET.encode(), b"plots") if word in sent]


def test_a_collector_that_is_away_costs_no_call(gateway: GatewayUnderTest) -> None:
    pytest.importorskip("opentelemetry.sdk")
    gateway.live.traces = SentTraces("http://127.0.0.1:9/v1/traces")
    assert ask(gateway).choices
