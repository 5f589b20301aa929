"""A gateway that runs: made from its home, looked after while it serves, and emptied before it stops."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from jazari.catalog.queries import catalogue_version
from jazari.core.errors import JazariError
from jazari.federation import blocking
from jazari.gateway.addresses import Reach
from jazari.gateway.authorization import KeySnapshot
from jazari.gateway.configuration import GatewayConfig, ProviderConfig
from jazari.gateway.drills.control import control
from jazari.gateway.embedded.settings import wanted_engines
from jazari.gateway.embedded.supervisor import Engines
from jazari.gateway.guests import Node
from jazari.gateway.journal import Journal
from jazari.gateway.knowledge import Knowledge, read_knowledge
from jazari.gateway.ledger import Ledger
from jazari.gateway.metrics import Metrics
from jazari.gateway.mirrored import known_directory
from jazari.gateway.proxy.connections import Connections
from jazari.gateway.proxy.embedded import EmbeddedUpstream
from jazari.gateway.proxy.identity import OwnIdentity, own_identity
from jazari.gateway.proxy.live import Live, Provider
from jazari.gateway.proxy.node_upstream import NodeUpstream
from jazari.gateway.proxy.tracing import open_traces
from jazari.gateway.proxy.upstream import Upstream
from jazari.gateway.queries import newer_snapshot
from jazari.gateway.receipt_files import journal_folder
from jazari.gateway.secrets import read_secret
from jazari.gateway.words import Protocol
from jazari.governance.spool import write_event
from jazari.settings.home import Home
from jazari.trust.directory import Directory

LOOK_SECONDS = 1.0
"""How soon a revoked key or a new policy is heard of."""
SYNC_SECONDS = 0.1
"""What a loss of power can take back at most: the receipts of so long."""
ANCHOR_SECONDS = 60.0
_log = logging.getLogger("jazari.gateway")
Chore = Callable[[Live, Home], Awaitable[None]]


@asynccontextmanager
async def running(home: Home, config: GatewayConfig) -> AsyncIterator[Live]:
    """The gateway of ``home``, with its chores done in the background until the block ends."""
    async with AsyncExitStack() as stack:
        journal = Journal.open(journal_folder(home.path))
        stack.callback(journal.close)
        traces = open_traces(config.traces)
        stack.push_async_callback(asyncio.to_thread, traces.close)
        sessions = {reach: await stack.enter_async_context(Connections(reach)) for reach in Reach}
        engines = await stack.enter_async_context(Engines(home.path, wanted_engines(config)))
        identity = own_identity(home, config)
        providers = {
            name: _provider(home, name, one, sessions, engines, identity) for name, one in config.provider.items()
        }
        node = Node(home.namespace, home.is_root)
        live = Live(config, providers, Ledger(journal), Metrics(), node=node, traces=traces, engines=engines)
        look = Look()
        await look(live, home)
        chores = ((LOOK_SECONDS, look), (LOOK_SECONDS, _renewal(identity)), (SYNC_SECONDS, _sync),
                  (ANCHOR_SECONDS, _anchor))  # fmt: skip
        for seconds, chore in chores:
            task = asyncio.create_task(_repeat(seconds, chore, live, home))
            stack.push_async_callback(_ended, task)
        await stack.enter_async_context(control(live, home))
        yield live
        live.draining = True
        live.pay_owed()
        await _anchor(live, home)


def _provider(
    home: Home,
    name: str,
    config: ProviderConfig,
    sessions: dict[Reach, Connections],
    engines: Engines,
    identity: OwnIdentity | None,
) -> Provider:
    session = sessions[config.reach]
    if config.protocol is Protocol.EMBEDDED:
        return Provider(name, config, EmbeddedUpstream(name, engines, session))
    if config.protocol is Protocol.JAZARI and identity is not None:
        return Provider(name, config, NodeUpstream(name, config.address or "", identity.headers, session))
    headers = {"authorization": f"Bearer {read_secret(home.path, config.secret)}"} if config.secret else {}
    return Provider(name, config, Upstream(name, config.address or "", headers, session))


async def _repeat(seconds: float, chore: Chore, live: Live, home: Home) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await chore(live, home)
        except JazariError as error:
            _log.warning("%s: %s", error.code, error)
        except Exception:
            _log.exception("A chore of the gateway failed")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Look:
    """What the gateway decides by, read beside the event loop; what has not changed is not read again."""

    def __init__(self) -> None:
        self._seen: tuple[str, Directory | None] | None = None
        self._knowledge = Knowledge()

    async def __call__(self, live: Live, home: Home) -> None:
        """Read keys and policy again."""
        live.swap_in(*await blocking.run(blocking.QUICK, self.read, home, live))
        live.limiter.prune(time.monotonic())

    def read(self, home: Home, live: Live) -> tuple[Knowledge, KeySnapshot, Directory | None]:
        """What is known now; the same objects as before where nothing has changed. Asks the database."""
        keys, directory = newer_snapshot(live.keys), _directory(home)
        # The version first: a change while the rest is read shows at the next look.
        now = (catalogue_version(), directory)
        if self._seen != now:
            self._knowledge = read_knowledge(live.config, home.namespace, directory)
            self._seen = now
        return self._knowledge, keys, directory


def _directory(home: Home) -> Directory | None:
    """The network as known here, for calls between institutes; without it, all other calls still go on."""
    try:
        return known_directory(home.mirror)
    except JazariError as error:
        _log.warning("No call from or to another institute: %s (%s)", error, error.code)
        return None


def _renewal(identity: OwnIdentity | None) -> Chore:
    async def renew(_live: Live, _home: Home) -> None:
        if identity is not None and await asyncio.to_thread(identity.renew):
            _log.info("The publishing key has changed: calls to other institutes are signed with %s", identity.key_id)

    return renew


async def _sync(live: Live, _home: Home) -> None:
    live.pay_owed()
    await asyncio.to_thread(live.ledger.sync)


async def _anchor(live: Live, home: Home) -> None:
    """Close a batch of receipts, and give its root to the node's audit trail."""
    live.ledger.anchor()
    for event in live.ledger.undelivered_events():
        await asyncio.to_thread(write_event, home.spool, event)
        live.ledger.delivered(event)
