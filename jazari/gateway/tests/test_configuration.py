"""gateway.toml is checked whole when it is read, and a refusal says where and what to do."""

from __future__ import annotations

import contextlib
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.addresses import Reach
from jazari.gateway.configuration import GatewayConfig, default_text, parse_gateway, read_gateway
from jazari.gateway.errors import BadGatewayConfig, GatewayMissing

PROVIDER = """
[provider.campus]
card = "rabat/provider/campus@1"
protocol = "openai"
address = "https://llm.example.ma/v1"
"""
ROUTE = """
[route.chat]
kind = "chat"
targets = [{ provider = "campus", model = "small" }]
"""


def config(text: str) -> GatewayConfig:
    return parse_gateway(text)


def provider(**settings: str) -> str:
    values = {"card": '"rabat/provider/campus@1"', "protocol": '"openai"', "address": '"https://llm.example.ma/v1"'}
    lines = [f"{name} = {value}" for name, value in {**values, **settings}.items() if value]
    return "\n".join(["[provider.campus]", *lines])


def route(**settings: str) -> str:
    values = {"kind": '"chat"', "targets": '[{ provider = "campus", model = "small" }]'}
    return "\n".join(["[route.chat]", *(f"{name} = {value}" for name, value in {**values, **settings}.items())])


def test_the_first_file_is_valid_and_serves_nobody() -> None:
    first = config(default_text())
    assert (first.host, first.port, first.uses_tls, first.provider, first.route) == ("127.0.0.1", 8460, False, {}, {})


def test_its_examples_are_valid_once_uncommented() -> None:
    text = re.sub(r"^# (?=\[|\w+ = |  \{|\]$)", "", default_text(), flags=re.MULTILINE)
    shown = config(text)
    assert list(shown.provider) == ["embedded", "campus", "mistral", "fes"]
    assert shown.offer is not None
    assert (shown.offer.routes, shown.offer.keeps, shown.offer.is_for("fes")) == (("chat",), 0, True)
    assert [target.provider for target in shown.route["chat"].targets] == ["campus", "mistral", "embedded"]
    assert shown.route["chat"].price.weights == {"tifinagh": Decimal("0.3")}
    assert shown.provider["campus"].reach is Reach.PRIVATE_ONLY
    assert shown.provider["mistral"].reach is Reach.PUBLIC


def test_what_is_left_out() -> None:
    chat = config(PROVIDER + ROUTE).route["chat"]
    seconds = (chat.connect_seconds, chat.first_token_seconds, chat.stall_seconds, chat.whole_seconds)
    assert seconds == (3, 30, 20, 600)
    assert (chat.order, chat.attempts, chat.most_output_tokens) == ("ordered", 3, 4096)


def test_models_of_a_provider_are_those_that_routes_ask_for() -> None:
    two = '[{ provider = "campus", model = "small" }, { provider = "campus", model = "large" }]'
    asked = config(PROVIDER + ROUTE + route(targets=two).replace("route.chat", "route.other"))
    assert asked.models_of("campus") == ("small", "large")
    assert asked.models_of("nobody") == ()


def test_prices_are_exact() -> None:
    text = PROVIDER + route(price='{ input = 0.1, output = "0.300001", weights = { tifinagh = 0.3 } }')
    price = config(text).route["chat"].price
    assert (price.input, price.output, price.weights) == (
        Decimal("0.1"), Decimal("0.300001"), {"tifinagh": Decimal("0.3")},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("host", "tls", "speaks_tls"),
    [
        ("127.0.0.1", "auto", False), ("127.9.9.9", "auto", False), ("::1", "auto", False),
        ("localhost", "auto", False), ("localhost", "always", True), ("0.0.0.0", "auto", True),
        ("::", "auto", True), ("10.0.0.1", "auto", True), ("::ffff:127.0.0.1", "auto", True),
    ],
)  # fmt: skip
def test_plain_http_stays_on_the_machine(host: str, tls: str, speaks_tls: bool) -> None:
    assert config(f'host = "{host}"\ntls = "{tls}"').uses_tls is speaks_tls


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = 0", "port"),
        ('port = "8460"', "port"),
        ("port = true", "port"),
        ('host = "gateway.example.ma"', "IP address"),
        ('host = "[::1]"', "IP address"),
        ('tls = "off"', "tls"),
        ("day = 2026-11-26", "is a date"),
        ("colour = 1", "colour"),
        ("port = ", "not valid TOML"),
        ("[provider.a]\n[provider.a]", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
        ('[provider."../x"]', "small letters"),
        (PROVIDER.replace("campus]", "C]"), "small letters"),
        (ROUTE, "names the provider campus, which is not declared"),
        (PROVIDER + ROUTE.replace("route.chat", 'route."a/../b"'), "route"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadGatewayConfig, match=words):
        config(text)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"card": '"rabat/dataset/campus@1"'}, "type provider"),
        ({"card": '"rabat/provider/campus"'}, "no record"),
        ({"protocol": '"grpc"'}, "protocol"),
        ({"address": ""}, "address is missing"),
        ({"address": '"http://llm.example.ma"'}, "write https"),
        ({"address": '"http://8.8.8.8"', "private_address": "true"}, "use https"),
        ({"address": '"https://127.0.0.1"'}, "private_address = true"),
        ({"address": '"https://[::1]:8000"'}, "private_address = true"),
        ({"address": '"https://[::ffff:7f00:1]"'}, "private_address = true"),
        ({"address": '"https://169.254.169.254"', "private_address": "true"}, "none that a provider can have"),
        ({"address": '"https://127.1"', "private_address": "true"}, "as a name in small letters or as an IP"),
        ({"address": '"https://2130706433"'}, "as a name"),
        ({"address": '"https://0x7f.0.0.1"'}, "as a name"),
        ({"address": '"https://user:word@llm.example.ma"'}, "as a name"),
        ({"address": '"https://llm.example.ma/../admin"'}, "plain path"),
        ({"address": '"https://llm.example.ma/%2e%2e/x"'}, "plain path"),
        ({"address": '"https://llm.example.ma//x"'}, "plain path"),
        ({"address": '"https://llm.example.ma?key=1"'}, "write https"),
        ({"address": '"https://llm.example.ma:99999"'}, "write https"),
        ({"address": '"ftp://llm.example.ma"'}, "write https"),
        ({"address": '"https://"'}, "as a name"),
        ({"protocol": '"embedded"'}, "no address"),
        ({"protocol": '"embedded"', "address": "", "secret": '"env:X"'}, "no secret"),
        ({"threads": "4"}, "only an embedded"),
        ({"most_at_once": "0"}, "most_at_once"),
        ({"secret": '"sk-123456"'}, "env:NAME"),
        ({"secret": '"file:/etc/passwd"'}, "below the home"),
        ({"secret": '"file:../other/key"'}, "below the home"),
        ({"secret": '"file:"'}, "below the home"),
        ({"secret": '"env:A B"'}, "env:NAME"),
    ],
)
def test_a_provider_that_cannot_be_meant_is_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(BadGatewayConfig, match=words):
        config(provider(**settings))


def test_a_secret_written_in_the_file_by_mistake_is_not_repeated() -> None:
    with pytest.raises(BadGatewayConfig) as caught:
        config(provider(secret='"sk-very-secret-123"'))
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": '"image"'}, "kind"),
        ({"targets": "[]"}, "targets"),
        ({"targets": '[{ provider = "campus", model = "a" }, { provider = "campus", model = "a" }]'}, "listed twice"),
        ({"targets": '[{ provider = "campus", model = "a", weight = 2 }]'}, "weights count only"),
        ({"targets": '[{ provider = "campus", model = "a b" }]'}, "model"),
        ({"order": '"random"'}, "order"),
        ({"order": '"weighted"', "targets": '[{ provider = "campus", model = "a", weight = 0 }]'}, "weight"),
        ({"connect_seconds": "0"}, "connect_seconds"),
        ({"connect_seconds": "inf"}, "connect_seconds|JSON"),
        ({"stall_seconds": "601.5", "first_token_seconds": "30"}, "longer than whole_seconds"),
        ({"attempts": "0"}, "attempts"),
        ({"most_output_tokens": "-1"}, "most_output_tokens"),
        ({"price": "{ input = -0.1 }"}, "input"),
        ({"price": "{ input = 0.0000001 }"}, "input"),
        ({"price": "{ input = nan }"}, "input|JSON"),
        ({"price": "{ weights = { klingon = 1 } }"}, "klingon"),
        ({"price": "{ weights = { arabic = 0 } }"}, "arabic"),
    ],
)
def test_a_route_that_cannot_be_meant_is_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(BadGatewayConfig, match=words):
        config(PROVIDER + route(**settings))


def test_an_embedded_provider_is_reached_on_this_machine_only() -> None:
    embedded = config(provider(protocol='"embedded"', address="", threads="1")).provider["campus"]
    assert (embedded.address, embedded.reach) == (None, Reach.PRIVATE_ONLY)


def test_a_private_provider_with_tls_may_be_public_too() -> None:
    assert config(provider(private_address="true")).provider["campus"].reach is Reach.PRIVATE_TOO


def write(home: Path, data: bytes) -> None:
    (home / "gateway").mkdir()
    (home / "gateway" / "gateway.toml").write_bytes(data)


def test_it_is_read_from_the_home(tmp_path: Path) -> None:
    write(tmp_path, default_text().encode())
    assert read_gateway(tmp_path) == config(default_text())


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(GatewayMissing, match="jazari gateway create"):
        read_gateway(tmp_path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"port = 1\xff", "UTF-8"),
        (b"# " + b"x" * (1 << 20), "larger than 1 MiB"),
        (b"port = 0", r"gateway\.toml: port"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    write(tmp_path, data)
    with pytest.raises(BadGatewayConfig, match=words):
        read_gateway(tmp_path)


@given(st.text(max_size=200) | st.text(max_size=60).map(lambda text: f"[provider.{text}]\n{text} = 1"))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadGatewayConfig):
        assert parse_gateway(text).provider == {}
