"""A client of this node's gateway, for its operator to try it: one conversation, streamed, with its receipts.

It speaks HTTP like every other client, and knows nothing that the gateway does not tell it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from jazari.core.errors import known_errors
from jazari.core.files import plain_os_errors
from jazari.gateway.client_tls import client_tls
from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.errors import GatewayError, NoSuchRoute, SecretUnusable
from jazari.gateway.operating_errors import GatewayAway
from jazari.gateway.words import Kind
from jazari.settings.home import Home

CONNECT_SECONDS = 5.0
SILENT_SECONDS = 120.0
"""More than a gateway lets a provider be silent: it says what is wrong before."""
LARGEST_KEY = 1_000


def read_key(path: Path) -> str:
    """The key in the file ``path``; ``SecretUnusable`` where there is none."""
    if not path.is_file():
        raise SecretUnusable(f"There is no file {path}: make one with `jazari keys create ... --secret-file {path}`.")
    with plain_os_errors(path), path.open("rb") as file:
        found = file.read(LARGEST_KEY).decode("ascii", "replace").strip()
    if not found.startswith("jz-") or not found.isprintable():
        raise SecretUnusable(f"{path} holds no key of a gateway: it begins with jz- and is one line.")
    return found


@contextmanager
def client_of(home: Home, config: GatewayConfig, key: str) -> Iterator[httpx.Client]:
    """A client of the gateway of ``home``; with TLS, only the holder of the node's own certificate is believed."""
    verify = client_tls(home, config) or True
    timeout = httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(
        base_url=config.address, headers=headers, timeout=timeout, verify=verify, trust_env=False
    ) as made:
        yield made


def first_route(client: httpx.Client, config: GatewayConfig) -> str:
    """The first chat route of gateway.toml that the key may use; ``NoSuchRoute`` if there is none."""
    with _plain_errors(client):
        answer = client.get("/models")
    _check(answer)
    allowed = {one["id"] for one in answer.json()["data"]}
    for alias, route in config.route.items():
        if route.kind is Kind.CHAT and alias in allowed:
            return alias
    raise NoSuchRoute(
        "This key may use no chat route of this gateway: see `jazari routes list` and `jazari keys list`."
    )


@dataclass
class Conversation:
    """What was said so far by ``route``, and the ids of the receipts. ``data_class`` "": as the key says."""

    client: httpx.Client
    route: str
    data_class: str = ""
    messages: list[dict[str, str]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)

    def ask(self, question: str) -> Iterator[str]:
        """The answer, piece by piece. What fails is not part of the conversation, but may have a receipt."""
        asked = [*self.messages, {"role": "user", "content": question}]
        answer = ""
        for piece in self._stream({"model": self.route, "messages": asked, "stream": True}):
            answer += piece
            yield piece
        self.messages = [*asked, {"role": "assistant", "content": answer}]

    def receipt(self, call: str) -> dict[str, Any]:
        """The receipt of one of its calls."""
        with _plain_errors(self.client):
            answer = self.client.get(f"/receipts/{call}")
        _check(answer)
        found: dict[str, Any] = answer.json()["receipt"]
        return found

    def _stream(self, body: dict[str, Any]) -> Iterator[str]:
        headers = {"jazari-data-class": self.data_class} if self.data_class else {}
        with (
            _plain_errors(self.client),
            self.client.stream("POST", "/chat/completions", json=body, headers=headers) as answer,
        ):
            if call := answer.headers.get("jazari-receipt"):
                self.receipts.append(call)
            if answer.status_code != 200:
                answer.read()
            _check(answer)
            yield from _pieces(answer.iter_lines())


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            return
        if line.startswith("data: "):
            event = json.loads(data)
            if "error" in event:
                raise told_error(event["error"])
            for choice in event.get("choices", []):
                yield choice.get("delta", {}).get("content") or ""
    raise GatewayAway("The gateway broke off before the end of its answer: ask again.")


@contextmanager
def _plain_errors(client: httpx.Client) -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise GatewayAway(f"No gateway answers at {client.base_url}: start it with `jazari serve`.") from error
    except (httpx.HTTPError, ValueError) as error:
        raise GatewayAway(f"The gateway at {client.base_url} broke off ({type(error).__name__}): ask again.") from error


def _check(answer: httpx.Response) -> None:
    if answer.status_code != 200:
        try:
            told = answer.json()["error"]
        except (ValueError, KeyError, TypeError):
            told = {}
        raise told_error(told)


def told_error(error: dict[str, Any]) -> GatewayError:
    """The gateway's own error, as if it had been raised here: its sentence, its code, its exit code."""
    kind = known_errors().get(str(error.get("code", "")), GatewayAway)
    sentence = str(error.get("message", "")) or "What answers here is no gateway: see the port in gateway.toml."
    # Not called: some take more than a sentence.
    made = kind.__new__(kind, sentence)
    return made if isinstance(made, GatewayError) else GatewayAway(sentence)
