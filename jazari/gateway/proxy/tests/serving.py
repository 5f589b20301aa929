"""A real gateway for tests: uvicorn on loopback in a thread, a real journal, real connections to stand-ins."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import uvicorn

from jazari.gateway.authorization import KeyFacts, KeySnapshot, ProjectFacts
from jazari.gateway.configuration import GatewayConfig, parse_gateway
from jazari.gateway.credits import CREDIT
from jazari.gateway.facts import facts_of, provider_card
from jazari.gateway.guests import Node
from jazari.gateway.journal import Journal, segments
from jazari.gateway.journal_lines import Line, parse_line
from jazari.gateway.knowledge import Knowledge
from jazari.gateway.ledger import Ledger
from jazari.gateway.metrics import Metrics
from jazari.gateway.node_calls import NodeIdentity
from jazari.gateway.proxy.app import Gateway
from jazari.gateway.proxy.connections import MOST_CONNECTIONS, Connections
from jazari.gateway.proxy.live import NOBODY, STALE_SECONDS, Live, Provider
from jazari.gateway.proxy.node_upstream import NodeUpstream
from jazari.gateway.proxy.protocol import HEADER_SECONDS, READING_SECONDS, bounded
from jazari.gateway.proxy.upstream import Upstream
from jazari.gateway.receipts import Receipt
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.words import DataClass, Protocol
from jazari.trust.directory import Directory

START_SECONDS = 10.0
RULES = [build.rule(one, operators=["MA", "FR"], hosting=["MA", "FR"]) for one in ("public", "internal", "personal")]
MODEL = {"name": "stand-in", "kinds": ["chat", "completion"], "context_tokens": 8192, "images": True, "tools": True}
EMBEDDING = {"name": "stand-in-embedding", "kinds": ["embedding"], "context_tokens": 8192}


def key(name: str = "app", project: str = "plots", **changes: Any) -> tuple[str, KeyFacts]:
    """A key's secret, and what the gateway knows of it."""
    number = hashlib.sha256(f"{project}/{name}".encode()).hexdigest()[:16]
    secret = f"jz-{number}-{'k' * 43}"
    values: dict[str, Any] = {
        "id": number,
        "project": project,
        "name": name,
        "digest": hashlib.sha256(secret.encode()).digest(),
        "routes": frozenset({"*"}),
        "highest": DataClass.INTERNAL,
        "may_declassify": False,
        "requests_a_minute": 1_000_000,
        "tokens_a_minute": 1_000_000_000,
        "streams": 1000,
        "expires": datetime(2099, 1, 1, tzinfo=UTC),
    }
    return secret, KeyFacts(**{**values, **changes})


def toml(addresses: dict[str, str], route: str = "") -> str:
    """Settings with a provider for each address, and routes over all of them in order."""
    parts = []
    for name, address in addresses.items():
        parts.append(
            f'[provider.{name}]\ncard = "rabat/provider/{name}@1"\nprotocol = "openai"\naddress = "{address}"\n'
            "private_address = true\nmost_at_once = 1000\n"
        )
    for alias, kind, model in (
        ("chat", "chat", "stand-in"),
        ("text", "completion", "stand-in"),
        ("vectors", "embedding", "stand-in-embedding"),
    ):
        targets = ", ".join(f'{{ provider = "{name}", model = "{model}" }}' for name in addresses)
        parts.append(
            f'[route.{alias}]\nkind = "{kind}"\ntargets = [{targets}]\nmost_output_tokens = 200\n'
            f"first_token_seconds = 1\nstall_seconds = 1\nwhole_seconds = 20\nconnect_seconds = 1\n{route}\n"
            f"[route.{alias}.price]\ninput = 1\noutput = 2\nweights = {{ tifinagh = 0.3 }}\n"
        )
    return "\n".join(parts)


def knowledge(config: GatewayConfig, *rules: dict[str, Any], **changes: Any) -> Knowledge:
    """Cards of rabat for every provider (``changes`` by provider), and a policy with these rules."""
    facts, cards = {}, {}
    for name, provider in config.provider.items():
        given = {"models": [MODEL, EMBEDDING], "protocol": str(provider.protocol), **changes.get(name, {})}
        record = build.record("provider", build.provider_card(**given), name=name)
        facts[name], cards[name] = facts_of(name, record), provider_card(record)
    return Knowledge(build.policy(*(rules or RULES)), facts, cards)


@dataclass(frozen=True)
class Membership:
    """A node in a network: who it is, how it signs, whom it knows; ``tls``: files of its certificate and key."""

    node: Node
    identity: NodeIdentity | None = None
    directory: Directory | None = None
    tls: tuple[Path, Path] | None = None


class GatewayUnderTest:
    """Serves from ``__enter__`` to ``__exit__``. A test may look at ``live`` while nothing runs."""

    def __init__(
        self,
        folder: Path,
        text: str,
        *keys: KeyFacts,
        known: Knowledge | None = None,
        credits: float = 1000.0,  # noqa: A002
        secrets: dict[str, str] | None = None,
        member: Membership | None = None,
        header_seconds: float = HEADER_SECONDS,
        reading_seconds: float = READING_SECONDS,
    ) -> None:
        self._protocol = bounded(header_seconds, reading_seconds)
        self.member = member or Membership(NOBODY)
        self.folder, self.config = folder, parse_gateway(text)
        self.known = known or knowledge(self.config)
        self.keys, self._credits, self._secrets = keys, credits, secrets or {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._stack = AsyncExitStack()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.live: Live

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT/v1``, with https where it has a certificate."""
        return f"{'https' if self.member.tls else 'http'}://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def do(self, work: Any) -> Any:
        """The result of a coroutine in the gateway's own event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    def swap_in(self, known: Knowledge, *keys: KeyFacts) -> None:
        """Other keys or another policy, as the gateway would read them within a second."""

        async def swap() -> None:
            self.live.swap_in(known, self._snapshot(keys or self.keys), self.member.directory)

        self.do(swap())

    def join(self, **changes: Any) -> None:
        """Another directory, say, as the gateway would read it within a second."""
        self.member = replace(self.member, **changes)
        self.swap_in(self.known)

    def receipts(self) -> list[Receipt]:
        """All receipts in the journal, in order."""
        return [Receipt.model_validate_json(json.dumps(line.body)) for line in self.lines() if line.kind == "receipt"]

    def lines(self) -> list[Line]:
        """All lines of the journal."""
        texts = (line for path in segments(self.folder / "journal") for line in path.read_bytes().splitlines())
        return [parse_line(text) for text in texts]

    def spent(self, project: str = "plots") -> int:
        """Microcredits."""
        return self.live.ledger.balance(project).spent

    def _snapshot(self, keys: tuple[KeyFacts, ...]) -> KeySnapshot:
        projects = {k.project: ProjectFacts(k.project, k.project, int(self._credits * CREDIT)) for k in keys}
        return KeySnapshot(id(keys), {k.id: k for k in keys}, projects)

    @property
    def connections(self) -> int:
        """How many clients it has."""
        return len(self._server.server_state.connections)

    async def _start(self) -> None:
        journal = Journal.open(self.folder / "journal")
        self._stack.callback(journal.close)
        providers = {}
        for name, one in self.config.provider.items():
            session: Connections = await self._stack.enter_async_context(Connections(one.reach))
            secret = self._secrets.get(name)
            headers = {"authorization": f"Bearer {secret}"} if secret else {}
            upstream = Upstream(name, one.address or "", headers, session)
            if one.protocol is Protocol.JAZARI and self.member.identity is not None:
                upstream = NodeUpstream(name, one.address or "", self.member.identity.headers, session)
            providers[name] = Provider(name, one, upstream)
        self.live = Live(self.config, providers, Ledger(journal), Metrics(), node=self.member.node)
        self.live.swap_in(self.known, self._snapshot(self.keys), self.member.directory)
        reading = asyncio.ensure_future(self._read_again())
        self._stack.callback(reading.cancel)
        certificate, private = self.member.tls or (None, None)
        settings = uvicorn.Config(
            Gateway(self.live), http=self._protocol, lifespan="off", log_level="warning",
            access_log=False, limit_concurrency=MOST_CONNECTIONS, timeout_keep_alive=75, ws="none",
            ssl_certfile=certificate, ssl_keyfile=private,
        )  # fmt: skip
        self._server = uvicorn.Server(settings)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._serving = asyncio.ensure_future(self._server._serve([self._listener]))
        while not self._server.started:
            await asyncio.sleep(0.01)

    async def _read_again(self) -> None:
        """As the running gateway does, or it would refuse all calls after ``STALE_SECONDS``."""
        while True:
            await asyncio.sleep(STALE_SECONDS / 4)
            self.live.swap_in(self.live.knowledge, self.live.keys, self.member.directory)

    async def shut(self) -> None:
        """Answer nobody any more; what it wrote can still be read."""
        self._server.should_exit = self._server.force_exit = True
        await self._serving

    async def _stop(self) -> None:
        await self.shut()
        await self._stack.aclose()
