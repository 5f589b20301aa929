"""Whatever a client sends: the right status, an error that its library reads, nothing charged, nothing leaked."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from jazari.gateway.proxy import http as limits
from jazari.gateway.proxy.questions import MOST_MESSAGES
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.gateway.words import DataClass
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.waiting import until

PROVIDERS_SECRET = "sk-of-the-provider"
SECRET, KEY = key()
NARROW, NARROW_KEY = key("narrow", routes=frozenset({"text"}), highest=DataClass.PERSONAL, may_declassify=True)
EXPIRED, EXPIRED_KEY = key("expired", expires=datetime(2020, 1, 1, tzinfo=UTC))
REVOKED, REVOKED_KEY = key("revoked", revoked=True)
MESSAGES = [{"role": "user", "content": "Who built water clocks?"}]
WEB = httpx.Client(timeout=60)
ASK = {"model": "chat", "messages": MESSAGES}
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAILike]:
    with OpenAILike(secret=PROVIDERS_SECRET) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(provider: OpenAILike, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayUnderTest]:
    keys = (KEY, NARROW_KEY, EXPIRED_KEY, REVOKED_KEY)
    folder: Path = tmp_path_factory.mktemp("gateway")
    with GatewayUnderTest(folder, toml({"campus": provider.url}), *keys, secrets={"campus": PROVIDERS_SECRET}) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_happened(gateway: GatewayUnderTest, provider: OpenAILike) -> Iterator[None]:
    """No test here reaches the provider or costs anything, and the gateway serves on."""
    before = provider.counts.requests, gateway.spent()
    yield
    until(lambda: gateway.live.open_calls == 0, "every call ends")
    assert (provider.counts.requests, gateway.spent()) == before
    assert gateway.live.ledger.balance("plots").reserved == 0
    assert WEB.get(f"{gateway.url}/models", headers=bearer()).status_code == 200


def bearer(secret: str = SECRET) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def post(gateway: GatewayUnderTest, content: Any, path: str = "/chat/completions", **headers: str) -> httpx.Response:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return WEB.post(gateway.url + path, content=data, headers=bearer() | headers)


def raw(gateway: GatewayUnderTest, request: bytes) -> bytes:
    """All that the gateway says to bytes that no HTTP library would send."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def head(path: str = "/v1/chat/completions", method: str = "POST", *lines: str) -> bytes:
    fixed = [f"{method} {path} HTTP/1.1", "host: x", f"authorization: Bearer {SECRET}", "connection: close"]
    return "\r\n".join([*fixed, *lines]).encode("utf-8", "surrogateescape") + b"\r\n\r\n"


def check(response: httpx.Response, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    """The error as every client of this field reads it, without a trace of what is inside."""
    assert (response.status_code, response.json()["error"]["code"]) == (status, f"gateway.{code}"), response.text[:500]
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] == response.json()["message"]
    assert response.json()["object"] == "error"
    assert param is None or error["param"] == param
    assert len(error["message"]) < 500
    for secret in ("Traceback", PROVIDERS_SECRET, SECRET, "campus", "pydantic", "_Part"):
        assert secret not in response.text
    return error


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nothing", b"[]", b"null", b"\xff\xfe", json.dumps(ASK).encode("utf-16"),
        b"\xef\xbb\xbf" + json.dumps(ASK).encode(), DEEP, b'{"messages":' + DEEP + b"}",
        json.dumps({**ASK, "temperature": float("nan")}).encode(),
        json.dumps({**ASK, "temperature": float("-inf")}).encode(),
        b'{"temperature":1e999,' + json.dumps(ASK).encode()[1:],
        b'{"seed":' + b"9" * 5_000 + b"," + json.dumps(ASK).encode()[1:],
        json.dumps({**ASK, "messages": [{"role": "user", "content": "\ud800"}]}).encode(),
        json.dumps({**ASK, "tools": [{"\udfff": 1}]}).encode(),
        {**ASK, "x": [[]] * 50_000}, {**ASK, "x": [0] * 200_000},
        b'{"x":' + b"[" * 100 + b"]" * 100 + b"," + json.dumps(ASK).encode()[1:],
    ],
)  # fmt: skip
def test_what_is_no_request(gateway: GatewayUnderTest, body: Any) -> None:
    check(post(gateway, body), 400, "bad-request")


@pytest.mark.parametrize(
    ("param", "changes"),
    [
        ("model", {"model": None}), ("model", {"model": 7}), ("model", {"model": ""}), ("model", {"model": "m" * 201}),
        ("messages", {"messages": None}), ("messages", {"messages": []}), ("messages", {"messages": "hello"}),
        ("messages", {"messages": MESSAGES * (MOST_MESSAGES + 1)}), ("messages", {"messages": MESSAGES * 10_000}),
        ("messages.0", {"messages": ["hello"]}), ("messages.0.role", {"messages": [{"role": "king", "content": ""}]}),
        ("messages.0.content", {"messages": [{"role": "user", "content": 7}]}),
        ("messages.0.content.0", {"messages": [{"role": "user", "content": [{"type": "z" * 1000}]}]}),
        ("messages.0.content.0.text.text", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
        ("messages.0.tool_calls.0", {"messages": [{"role": "assistant", "tool_calls": [7]}]}),
        ("stream", {"stream": "true"}), ("stream", {"stream": 1}), ("stream_options", {"stream_options": 1}),
        ("n", {"n": 0}), ("n", {"n": 17}), ("n", {"n": True}), ("n", {"n": "2"}), ("best_of", {"best_of": 1000}),
        ("max_tokens", {"max_tokens": 0}), ("max_tokens", {"max_tokens": -1}), ("max_tokens", {"max_tokens": True}),
        ("max_tokens", {"max_tokens": 10**30}), ("max_tokens", {"max_tokens": 1.5}),
        ("max_completion_tokens", {"max_completion_tokens": "many"}),
        ("tools", {"tools": {}}), ("tools.0", {"tools": [0] * 1_001}), ("response_format", {"response_format": "x"}),
    ],
)  # fmt: skip
def test_fields_that_are_not_right(gateway: GatewayUnderTest, param: str, changes: dict[str, Any]) -> None:
    check(post(gateway, {**ASK, **changes}), 400, "bad-request", param)


@pytest.mark.parametrize("value", [None, 7, [], [1, 2], [["x"]], {"a": 1}, ["x"] * 2_049])
@pytest.mark.parametrize(
    ("path", "model", "field"), [("completions", "text", "prompt"), ("embeddings", "vectors", "input")]
)
def test_prompts_and_inputs_of_other_types(
    gateway: GatewayUnderTest, path: str, model: str, field: str, value: Any
) -> None:
    error = check(post(gateway, {"model": model, field: value}, f"/{path}"), 400, "bad-request")
    assert error["param"].startswith(field)


def test_what_is_in_a_request_is_not_in_the_error(gateway: GatewayUnderTest) -> None:
    secret = "my patient's name"
    bodies: list[Any] = [
        {**ASK, "messages": [{"role": secret, "content": secret}]},
        {**ASK, "messages": [{"role": "user", "content": [{"type": secret}]}]},
        {**ASK, "n": secret, "tools": [secret]},
    ]
    assert all(secret not in post(gateway, body).text for body in bodies)


@pytest.mark.parametrize("secret", ["x", "jz-0-0", SECRET[:-1], SECRET + "k", SECRET.upper(), "é" * 43, "k" * 8_000])
def test_keys_that_do_not_exist(gateway: GatewayUnderTest, secret: str) -> None:
    response = WEB.post(
        f"{gateway.url}/chat/completions", json=ASK, headers={b"authorization": b"Bearer " + secret.encode()}
    )
    check(response, 401, "bad-key")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("secret", "code"), [(EXPIRED, "expired-key"), (REVOKED, "revoked-key")])
def test_keys_that_open_no_longer(gateway: GatewayUnderTest, secret: str, code: str) -> None:
    check(post(gateway, ASK, authorization=f"Bearer {secret}"), 401, code)


def test_a_key_is_looked_at_before_anything_else(gateway: GatewayUnderTest) -> None:
    check(WEB.post(f"{gateway.url}/chat/completions", content=b"{"), 401, "bad-key")
    check(WEB.get(f"{gateway.url}/models"), 401, "bad-key")
    check(WEB.get(f"{gateway.url}/models/chat"), 401, "bad-key")
    check(WEB.post(f"{gateway.url}/explain", json={"model": "chat"}), 401, "bad-key")


def test_the_same_header_twice_has_two_readers(gateway: GatewayUnderTest) -> None:
    twice = [("authorization", f"Bearer {SECRET}"), ("authorization", f"Bearer {NARROW}")]
    check(WEB.post(f"{gateway.url}/chat/completions", json=ASK, headers=twice), 401, "bad-key")


def test_a_key_for_other_routes_does_not_learn_which_there_are(gateway: GatewayUnderTest) -> None:
    answers = [post(gateway, {**ASK, "model": name}, authorization=f"Bearer {NARROW}") for name in ("chat", "nothing")]
    sentences = [check(answer, 403, "route-not-allowed")["message"] for answer in answers]
    assert sentences[0].replace("chat", "nothing") == sentences[1]
    models = [WEB.get(f"{gateway.url}/models/{name}", headers=bearer(NARROW)) for name in ("chat", "nothing")]
    assert [check(one, 404, "no-such-path")["code"] for one in models]


def test_models_that_are_not_there(gateway: GatewayUnderTest) -> None:
    check(post(gateway, {**ASK, "model": "gpt-5"}), 404, "no-such-route")
    check(post(gateway, {**ASK, "model": "vectors"}), 400, "wrong-kind")


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ("personal", 403, "data-class-too-high"), ("secret", 403, "data-class-too-high"),
        ("public", 403, "may-not-declassify"), ("", 400, "unknown-data-class"), ("Internal", 400, "unknown-data-class"),
        ("internal, public", 400, "unknown-data-class"), ("internal;q=1", 400, "unknown-data-class"),
        ("x" * 5_000, 400, "unknown-data-class"), ("é", 400, "unknown-data-class"),
    ],
)  # fmt: skip
def test_data_classes_that_cannot_be(gateway: GatewayUnderTest, value: str, status: int, code: str) -> None:
    headers = {b"authorization": f"Bearer {SECRET}".encode(), b"jazari-data-class": value.encode()}
    check(WEB.post(f"{gateway.url}/chat/completions", json=ASK, headers=headers), status, code)


@pytest.mark.parametrize("second", ["internal", "secret"])
def test_a_data_class_said_twice_is_not_one_left_out(gateway: GatewayUnderTest, second: str) -> None:
    twice = [("authorization", f"Bearer {SECRET}"), ("jazari-data-class", "internal"), ("Jazari-Data-Class", second)]
    check(WEB.post(f"{gateway.url}/chat/completions", json=ASK, headers=twice), 400, "unknown-data-class")


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "//v1/chat/completions", "/v1/chat/completions/", "/v1/chat/../chat/completions", "/v2/models",
     "/v1/chat%2fcompletions/", "/v1/%2e%2e/v1/models", "/v1/chat/completions%00", "/V1/models", "/v1/models%0d%0a"],
)  # fmt: skip
def test_paths_that_lead_nowhere(gateway: GatewayUnderTest, path: str) -> None:
    data = json.dumps(ASK).encode()
    said = raw(gateway, head(path, "POST", f"content-length: {len(data)}") + data)
    assert said.startswith(b"HTTP/1.1 404 ")
    assert b"gateway.no-such-path" in said


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/chat/completions"), ("PUT", "/chat/completions"), ("DELETE", "/models"), ("POST", "/models"),
     ("POST", "/models/chat"), ("DELETE", "/models/chat"), ("GET", "/explain"), ("OPTIONS", "/embeddings")],
)  # fmt: skip
def test_wrong_methods(gateway: GatewayUnderTest, method: str, path: str) -> None:
    response = WEB.request(method, gateway.url + path, headers=bearer())
    check(response, 405, "wrong-method")
    assert response.headers["allow"] in {"GET", "POST"}


@pytest.mark.parametrize(
    "request_bytes",
    [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", head("/v1/\udcff\udcfe", "GET"),
     head("/v1/models", "GET", "a b: c"), head("/v1/chat/completions", "POST", "content-length: -1"),
     head("/v1/chat/completions", "POST", "content-length: 5", "transfer-encoding: chunked") + b"0\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http(gateway: GatewayUnderTest, request_bytes: bytes) -> None:
    said = raw(gateway, request_bytes)
    assert said.split(b" ")[1] in {b"400", b"404"}
    assert b"Traceback" not in said


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_bodies_that_are_too_large(gateway: GatewayUnderTest, chunked: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            yield bytes(1_000_000)

    content = pieces() if chunked else bytes(50_000_000)
    response = WEB.post(f"{gateway.url}/chat/completions", content=content, headers=bearer())
    check(response, 413, "body-too-large")


def test_a_length_that_no_machine_has(gateway: GatewayUnderTest) -> None:
    said = raw(gateway, head("/v1/chat/completions", "POST", f"content-length: {'9' * 18}"))
    assert said.startswith(b"HTTP/1.1 413 ")


def test_a_body_that_comes_too_slowly(gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SLOWEST_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(head("/v1/chat/completions", "POST", "content-length: 100") + b'{"model"')
        said = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"gateway.body-too-slow" in said


def test_a_body_that_never_ends_because_its_client_left(gateway: GatewayUnderTest) -> None:
    assert raw(gateway, head("/v1/chat/completions", "POST", "content-length: 100") + b'{"model"') == b""


@pytest.mark.parametrize(
    "body", [b"{", {}, {"model": 7}, {"model": "chat", "data_class": 7}, {"model": "chat", "x": 1}, b"[" * 8_000]
)
def test_questions_to_explain(gateway: GatewayUnderTest, body: Any) -> None:
    check(post(gateway, body, "/explain"), 400, "bad-request")


def test_a_question_to_explain_is_short(gateway: GatewayUnderTest) -> None:
    check(post(gateway, DEEP, "/explain"), 413, "body-too-large")


def test_questions_to_explain_about_what_is_not_there(gateway: GatewayUnderTest) -> None:
    check(post(gateway, b'{"model":"\\ud800"}', "/explain"), 404, "no-such-route")
    check(post(gateway, {"model": "chat", "data_class": "secret"}, "/explain"), 403, "data-class-too-high")


OPENAI = [
    ({"model": "chat", "messages": []}, SECRET, openai.BadRequestError, "gateway.bad-request"),
    ({"model": "gpt-5", "messages": MESSAGES}, SECRET, openai.NotFoundError, "gateway.no-such-route"),
    ({"model": "chat", "messages": MESSAGES}, NARROW, openai.PermissionDeniedError, "gateway.route-not-allowed"),
    ({"model": "chat", "messages": MESSAGES}, EXPIRED, openai.AuthenticationError, "gateway.expired-key"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("asked", "secret", "kind", "code"), OPENAI)
def test_the_openai_client_reads_our_errors(
    gateway: GatewayUnderTest, asked: Any, secret: str, kind: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    client = openai.OpenAI(base_url=gateway.url, api_key=secret, max_retries=0)
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**asked, stream=stream)
    assert caught.value.code == code
    assert caught.value.body["message"] in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("asked", "secret", "kind", "code"), OPENAI)
def test_the_mistral_client_reads_our_errors(
    gateway: GatewayUnderTest, asked: Any, secret: str, kind: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    with Mistral(api_key=secret, server_url=gateway.url.removesuffix("/v1")) as client:
        ask = client.chat.stream if stream else client.chat.complete
        with pytest.raises(SDKError) as caught:
            ask(**asked)
    assert caught.value.status_code == kind.status_code
    assert json.loads(caught.value.body)["code"] == code
