"""Nobody has a provider inside our network fetch what he likes: there, images come in the request itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.gateway.configuration import parse_gateway
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.testing.providers.openai_like import OpenAILike

SECRET, KEY = key()
HEADERS = {"authorization": f"Bearer {SECRET}"}
DATA = "data:image/png;base64,aGVsbG8="
INSIDE = "http://169.254.169.254/latest/meta-data/"


@pytest.fixture(scope="module")
def inside() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@contextmanager
def gateway_at(folder: Path, addresses: dict[str, str], may_be_told: str = "") -> Iterator[GatewayUnderTest]:
    text = toml(addresses)
    for name, address in addresses.items():
        line = f'address = "{address}"\nprivate_address = true\n'
        if address.startswith("https"):
            text = text.replace(line, f'address = "{address}"\n')
        elif name == may_be_told:
            text = text.replace(line, f"{line}image_addresses = true\n", 1)
    with GatewayUnderTest(folder, text, KEY) as made:
        yield made


def ask(gateway: GatewayUnderTest, *images: Any) -> httpx.Response:
    parts = [{"type": "image_url", "image_url": image} for image in images]
    content = [{"type": "text", "text": "What is this?"}, *parts]
    body = {"model": "chat", "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": content}]}
    return httpx.post(f"{gateway.url}/chat/completions", json=body, headers=HEADERS, timeout=60)


def tried(gateway: GatewayUnderTest) -> list[tuple[str, str, str]]:
    return [(one.provider, one.outcome, one.decision) for one in gateway.receipts()[-1].tried]


ADDRESSES = [
    (INSIDE,),
    ({"url": INSIDE},),
    ({"url": "https://example.org/cat.png", "detail": "low"},),
    ("file:///etc/passwd",),
    ("//example.org/cat.png",),
    (f" {DATA}",),
    ("",),
    (DATA, {"url": DATA}, INSIDE),
]


@pytest.mark.parametrize("images", ADDRESSES, ids=str)
def test_a_private_provider_is_told_no_address(inside: OpenAILike, tmp_path: Path, images: tuple[Any, ...]) -> None:
    inside.counts.calls.clear()
    with gateway_at(tmp_path, {"campus": inside.url}) as gateway:
        refused = ask(gateway, *images)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["param"]) == (400, "gateway.image-address", "messages")
        assert tried(gateway) == [("campus", "refused", "image-address")]
        assert gateway.spent() == 0
        assert refused.headers["jazari-receipt"] == gateway.receipts()[-1].id
    assert not inside.counts.calls


def test_images_in_the_request_go_there_as_they_came(inside: OpenAILike, tmp_path: Path) -> None:
    inside.counts.calls.clear()
    with gateway_at(tmp_path, {"campus": inside.url}) as gateway:
        assert ask(gateway, DATA, {"url": DATA}).status_code == 200
    sent = [part["image_url"] for part in inside.counts.calls[0].document["messages"][1]["content"][1:]]
    assert sent == [DATA, {"url": DATA}]


def test_the_operator_may_let_it(inside: OpenAILike, tmp_path: Path) -> None:
    inside.counts.calls.clear()
    with gateway_at(tmp_path, {"campus": inside.url}, "campus") as gateway:
        assert ask(gateway, {"url": INSIDE}).status_code == 200
    assert inside.counts.calls[0].document["messages"][1]["content"][1]["image_url"] == {"url": INSIDE}


def test_a_route_over_both_asks_who_may_be_told(inside: OpenAILike, tmp_path: Path) -> None:
    inside.counts.calls.clear()
    with OpenAILike() as other, gateway_at(tmp_path, {"campus": inside.url, "other": other.url}, "other") as gateway:
        assert ask(gateway, INSIDE).status_code == 200
        assert tried(gateway) == [("other", "answered", "allowed")]
        assert not inside.counts.calls
        assert ask(gateway, DATA).status_code == 200
        assert tried(gateway) == [("campus", "answered", "allowed")]


def test_where_a_public_provider_fails_no_private_one_is_told(inside: OpenAILike, tmp_path: Path) -> None:
    inside.counts.calls.clear()
    # A name that never has an address (RFC 6761): the attempt fails, and shows that it was made.
    with gateway_at(tmp_path, {"public": "https://models.invalid/v1", "campus": inside.url}) as gateway:
        assert ask(gateway, INSIDE).status_code == 503
        assert [name for name, _outcome, _code in tried(gateway)] == ["public"]
        assert not inside.counts.calls
        assert ask(gateway, DATA).status_code == 200
        assert tried(gateway)[-1] == ("campus", "answered", "allowed")


def test_explaining_names_who_may_be_told(inside: OpenAILike, tmp_path: Path) -> None:
    addresses = {"public": "https://models.invalid/v1", "campus": inside.url, "other": "http://127.0.0.1:9/v1"}
    with gateway_at(tmp_path, addresses, "other") as gateway:
        answer = httpx.post(f"{gateway.url}/explain", json={"model": "chat"}, headers=HEADERS).json()
    told = {one["provider"]: one["state"]["image_addresses"] for one in answer["targets"]}
    assert told == {"public": True, "campus": False, "other": True}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('protocol = "openai"\naddress = "https://models.example/v1"', True),
        ('protocol = "openai"\naddress = "https://models.example/v1"\nprivate_address = true', False),
        ('protocol = "openai"\naddress = "http://10.0.0.5/v1"\nprivate_address = true', False),
        ('protocol = "openai"\naddress = "http://10.0.0.5/v1"\nprivate_address = true\nimage_addresses = true', True),
        ('protocol = "embedded"', False),
        ('protocol = "embedded"\nimage_addresses = true', True),
    ],
    ids=str,
)
def test_private_and_embedded_are_told_only_if_the_operator_says_so(settings: str, told: bool) -> None:
    config = parse_gateway(f'[provider.one]\ncard = "rabat/provider/one@1"\n{settings}\n')
    assert config.provider["one"].takes_image_addresses is told
