"""Many calls at once, providers that fail at random and clients that leave: nothing out of policy, nothing unaccounted.

The seed fixes what clients do and which faults are drawn; how they interleave is the machine's.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jazari.gateway.credits import CREDIT
from jazari.gateway.journal import Journal
from jazari.gateway.ledger import Ledger
from jazari.gateway.proxy.tests.serving import RULES, GatewayUnderTest, key, knowledge, toml
from jazari.gateway.receipt_files import check_journal
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.words import DataClass
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.wire import Answer, Behaviour
from jazari.testing.waiting import until

AT_ONCE = 48
SMALL_CREDITS = 8
PAUSE_SECONDS = 0.3
OUTSIDE = {"operator": {"name": "Far Away Inc.", "jurisdiction": "US"}, "hosting": ["US"]}
POLICY = [build.rule("public", operators=["any"], hosting=["any"]), *RULES[1:]]
KEYS = {
    name: key(name, project=project, highest=highest, may_declassify=name == "rights", streams=20)
    for name, project, highest in (
        ("rights", "large", DataClass.PERSONAL),
        ("internal", "large", DataClass.INTERNAL),
        ("personal", "other", DataClass.PERSONAL),
        ("small", "small", DataClass.INTERNAL),
    )
}
FAULTS = [one for one in Fault if one not in {Fault.HUGE, Fault.SLOW_DRIP, Fault.REDIRECT}]
SLOW = {Fault.NEVER, Fault.STALL_FIRST, Fault.STALL_MID}
SHORT = {fault: 0.003 if fault in SLOW else 0.006 for fault in FAULTS}
LONG = dict.fromkeys(FAULTS, 0.0025)


class Watched(OpenAILike):
    """Remembers the class that each prompt names."""

    def __init__(self, seed: int, shares: dict[Fault, float]) -> None:
        super().__init__(behaviour=Behaviour(huge_bytes=2 << 20, pace_seconds=0.002))
        self.classes: set[str] = set()
        self.faults.at_random(shares, seed)

    def _chat(self, document: dict[str, Any]) -> Answer:
        self.classes.add(document["messages"][0]["content"].split()[0])
        return super()._chat(document)


@dataclass
class Seen:
    """What the clients saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    receipts: list[str] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    left: int = 0


@contextmanager
def providers_with(shares: dict[Fault, float]) -> Iterator[dict[str, Watched]]:
    """One outside and two inside, each with its own sequence of faults."""
    with ExitStack() as stack:
        made = enumerate(("far", "near", "next"), 7)
        yield {name: stack.enter_context(Watched(seed, shares)) for seed, name in made}


def gateway_over(folder: Path, providers: dict[str, Watched]) -> GatewayUnderTest:
    text = toml({name: one.url for name, one in providers.items()})
    text = text.replace("whole_seconds = 20", "whole_seconds = 3").replace("most_at_once = 1000", "most_at_once = 12")
    keys = [one for _secret, one in KEYS.values()]
    made = GatewayUnderTest(folder, text, *keys, credits=1_000_000)
    made.known = knowledge(made.config, *POLICY, far=OUTSIDE)
    return made


def limit_the_small(gateway: GatewayUnderTest) -> None:
    async def grant() -> None:
        grants = dict.fromkeys(("large", "other"), 1_000_000 * CREDIT)
        gateway.live.ledger.set_grants({**grants, "small": SMALL_CREDITS * CREDIT})

    gateway.do(grant())


async def calls(gateway: GatewayUnderTest, number: int, seed: int) -> Seen:
    """``number`` calls, ``AT_ONCE`` at once."""
    rng, seen, gate = random.Random(seed), Seen(), asyncio.Semaphore(AT_ONCE)
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as web:

        async def one(plan: random.Random) -> None:
            async with gate:
                await call(gateway, web, plan, seen)

        await asyncio.gather(*(one(random.Random(rng.random())) for _ in range(number)))
    return seen


async def call(gateway: GatewayUnderTest, web: aiohttp.ClientSession, plan: random.Random, seen: Seen) -> None:
    """One client: any key and class, whole or streamed; one in five leaves early."""
    name = plan.choice(list(KEYS))
    data_class = plan.choice(list(DataClass)) if name == "rights" else KEYS[name][1].highest
    headers = {"authorization": f"Bearer {KEYS[name][0]}"}
    if name == "rights":
        headers["jazari-data-class"] = str(data_class)
    prompt = f"class={data_class} " + "ⴰⵣⵓⵍ مرحبا salut " * plan.randrange(20)
    body: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": prompt}]}
    body["stream"] = stream = plan.random() < 0.5
    leaves = plan.random() < 0.2
    try:
        async with asyncio.timeout(plan.random() * 0.05 if leaves and not stream else 60):
            async with web.post(f"{gateway.url}/chat/completions", json=body, headers=headers) as answer:
                await _read(answer, stream and leaves, plan, seen)
    except TimeoutError:
        assert leaves
        seen.left += 1
    except aiohttp.ClientPayloadError:
        # A stream that the gateway itself tears down: never.
        raise AssertionError("an answer ended in the middle of HTTP") from None


async def _read(answer: aiohttp.ClientResponse, leaves: bool, plan: random.Random, seen: Seen) -> None:
    seen.statuses[answer.status] += 1
    if receipt := answer.headers.get("jazari-receipt"):
        seen.receipts.append(receipt)
    elif answer.status == 200:
        raise AssertionError("an answer without a receipt")
    if leaves and answer.status == 200:
        for _ in range(plan.randrange(6)):
            await answer.content.readany()
        seen.left += 1
        answer.close()
        return
    data = await answer.read()
    if answer.status == 503:
        await asyncio.sleep(PAUSE_SECONDS)  # as clients do; refusals alone would use up all calls
    if answer.status == 200 and (b"[DONE]" in data or answer.content_type == "application/json"):
        seen.whole.add(receipt)


def check_policy(gateway: GatewayUnderTest, providers: dict[str, Watched]) -> None:
    """No class was where it may not be, by the stand-ins' word and by the receipts'."""
    assert providers["far"].classes == {"class=public"}
    assert providers["near"].classes <= {"class=public", "class=internal", "class=personal"}
    assert providers["next"].classes <= {"class=public", "class=internal", "class=personal"}
    for receipt in gateway.receipts():
        answered = [one.provider for one in receipt.tried if one.outcome == "answered"]
        assert receipt.data_class is DataClass.PUBLIC or "far" not in [receipt.provider, *answered]
        assert receipt.data_class is not DataClass.SECRET or (receipt.outcome, receipt.charge) == ("refused", 0)


def check_books(gateway: GatewayUnderTest, seen: Seen, number: int) -> dict[str, int]:
    """Every call is accounted for once and exactly; returns what each project spent, in microcredits."""
    receipts = gateway.receipts()
    by_id = {receipt.id: receipt for receipt in receipts}
    assert len(by_id) == len(receipts) <= number
    assert len(set(seen.receipts)) == len(seen.receipts)
    assert set(seen.receipts) <= set(by_id)
    assert {by_id[one].outcome for one in seen.whole} == {"answered"}
    spent = {}
    for project in ("large", "other", "small"):
        balance = gateway.live.ledger.balance(project)
        spent[project] = sum(receipt.charge for receipt in receipts if receipt.project == project)
        assert (balance.reserved, balance.spent) == (0, spent[project])
        assert balance.available >= 0
    reserved = [line.body["amount"] for line in gateway.lines() if line.kind == "reserve"]
    assert sum(receipt.charge > 0 for receipt in receipts) <= len(reserved)
    return spent


def run_chaos(folder: Path, providers: dict[str, Watched], number: int, seed: int) -> Seen:
    """All of it, to the journal on disk and a ledger opened again."""
    with gateway_over(folder, providers) as gateway:
        limit_the_small(gateway)
        seen = asyncio.run(calls(gateway, number, seed))
        until(lambda: gateway.live.open_calls == 0, "every call has ended")
        check_policy(gateway, providers)
        spent = check_books(gateway, seen, number)
        live = gateway.live
        assert not live.owed
        assert {(one.places.busy, one.places.waiting) for one in live.providers.values()} == {(0, 0)}
        assert not live.limiter._streams
    checked = check_journal(folder / "journal")
    assert checked.spent == {project: amount for project, amount in spent.items() if amount}
    journal = Journal.open(folder / "journal")
    ledger = Ledger(journal)
    assert {project: ledger.balance(project).spent for project in spent} == spent
    assert all(ledger.balance(project).reserved == 0 for project in spent)
    journal.close()
    return seen


def check_variety(seen: Seen, providers: dict[str, Watched]) -> None:
    """That there was chaos at all."""
    assert seen.statuses[200] > sum(seen.statuses.values()) / 10
    assert {402, 403} <= set(seen.statuses) <= {200, 402, 403, 429, 503}
    assert seen.left > 0
    assert sum(sum(one.counts.faults.values()) for one in providers.values()) > 10


def test_chaos(tmp_path: Path) -> None:
    with providers_with(SHORT) as providers:
        check_variety(run_chaos(tmp_path, providers, 600, seed=1), providers)


@pytest.mark.slow
def test_long_chaos(tmp_path: Path) -> None:
    with providers_with(LONG) as providers:
        check_variety(run_chaos(tmp_path, providers, 10_000, seed=2), providers)
        assert {fault for one in providers.values() for fault in one.counts.faults} == set(FAULTS)
