"""One drill from its first call to its last: before, cut off, mended, and what the receipts say of it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from jazari.core import clock
from jazari.core.identifiers import token
from jazari.gateway.drills.evaluation import Evaluation
from jazari.gateway.drills.load import Client, Load
from jazari.gateway.drills.measures import Call, Measured, Outcome, PhaseName, Plan, QualityAnswer
from jazari.gateway.drills.operator import Operator
from jazari.gateway.errors import DrillError
from jazari.gateway.receipt_files import receipts_since
from jazari.gateway.receipts import Receipt
from jazari.gateway.words import Kind

PROJECT = "drills"
KNOWN_SECONDS = 15.0
"""A gateway hears of a new key within a second."""
SAFETY_SECONDS = 10.0
"""The gateway mends by itself so long after we should have."""
_AT_ONCE = 4
_OUTCOMES = {
    "answered": Outcome.ANSWERED,
    "refused": Outcome.REFUSED,
    "failed": Outcome.LOST,
    "broken off": Outcome.LOST,
    "interrupted": Outcome.LOST,
}


@dataclass(frozen=True)
class Place:
    """The gateway under drill: its API with a key of the project ``drills``, its control socket, its journal."""

    url: str
    secret: str
    control: Path
    journal: Path
    tls: ssl.SSLContext | None = None


def run_drill(
    place: Place,
    plan: Plan,
    kinds: Mapping[str, Kind],
    evaluation: Evaluation | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> Measured:
    """Run ``plan`` and measure it. ``kinds`` by route. Blocks for ``plan.whole_seconds`` and the last answers.

    However it ends, nothing stays cut. Raises ``GatewayNotRunning``, what the gateway refuses the cut with, or
    ``DrillError`` if the gateway does not take the key.
    """
    with Operator(place.control) as operator:
        return asyncio.run(_Drill(place, plan, kinds, evaluation, operator, say).run())


class _Drill:
    def __init__(
        self,
        place: Place,
        plan: Plan,
        kinds: Mapping[str, Kind],
        evaluation: Evaluation | None,
        operator: Operator,
        say: Callable[[str], None],
    ) -> None:
        self._place, self._plan, self._kinds = place, plan, kinds
        self._evaluation, self._operator, self._say = evaluation, operator, say
        self._answers: list[QualityAnswer] = []
        self._began = 0.0

    async def run(self) -> Measured:
        """All phases."""
        async with self._client() as client:
            await _until_known(client)
            began, self._began = clock.now(), time.monotonic()
            load = Load(client, self._kinds, self._plan.rate, self._began)
            try:
                async with load.running():
                    marks = await self._phases(client)
            finally:
                await load.abandon()
        return self._measured(began, marks, load)

    async def _phases(self, client: Client) -> tuple[int, int, int, int]:
        plan = self._plan
        self._say("Measuring as usual")
        await self._phase(client, PhaseName.BEFORE, plan.around)
        ordered = self._now()
        await asyncio.to_thread(self._operator.cut, plan.what, plan.mode, plan.seconds + SAFETY_SECONDS)
        cut = self._now()
        self._say(f"{plan.what} is cut off")
        await self._phase(client, PhaseName.DURING, plan.seconds)
        if (await asyncio.to_thread(self._operator.state))["cut"] is None:
            raise DrillError("The cut ended before its time: see the gateway's log, and run the drill again.")
        mended = self._now()
        await asyncio.to_thread(self._operator.mend)
        self._say(f"{plan.what} is there again")
        await self._phase(client, PhaseName.AFTER, plan.around)
        return ordered, cut, mended, self._now()

    async def _phase(self, client: Client, name: PhaseName, seconds: float) -> None:
        """Let the load run for so long, and ask the evaluation's questions as far as the time goes."""
        asking = asyncio.create_task(self._evaluate(client, name))
        try:
            await asyncio.sleep(seconds)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _evaluate(self, client: Client, name: PhaseName) -> None:
        if self._evaluation is None:
            return
        routes = [route for route, kind in self._kinds.items() if kind is Kind.CHAT]
        places = asyncio.Semaphore(_AT_ONCE)

        async def judge(route: str, number: int) -> None:
            item = self._evaluation.items[number - 1] if self._evaluation else None
            place, answer = len(self._answers), QualityAnswer(phase=name, route=route, item=number)
            self._answers.append(answer)
            async with places:
                said = await client.ask(Kind.CHAT, item.body(route)) if item else None
            if said and item and said.outcome is Outcome.ANSWERED:
                right = {"provider": said.provider, "matched": item.matches(said.text)}
                self._answers[place] = answer.model_copy(update=right)

        count = len(self._evaluation.items)
        await asyncio.gather(*(judge(route, number + 1) for route in routes for number in range(count)))

    def _now(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"authorization": f"Bearer {self._place.secret}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers, trust_env=False) as session:
            yield Client(session, self._place.url, self._place.tls)

    def _measured(self, began: datetime, marks: tuple[int, int, int, int], load: Load) -> Measured:
        receipts = receipts_since(self._place.journal, clock.timestamp(began))
        by_id = {receipt.id: receipt for receipt in receipts}
        calls = [_with_receipt(call, by_id.get(call.receipt)) for call in load.calls]
        ordered, cut, mended, end = marks
        return Measured(
            id=token(8),
            began=clock.timestamp(began),
            plan=self._plan,
            ordered_ms=ordered,
            cut_ms=cut,
            mended_ms=mended,
            end_ms=end,
            calls=tuple(sorted(calls, key=lambda call: call.at_ms)),
            unsent=load.unsent,
            real=tuple(_real(receipts, began, end)) if self._plan.real else None,
            evaluation=self._evaluation.file if self._evaluation else None,
            answers=tuple(self._answers),
        )


async def _until_known(client: Client) -> None:
    deadline = time.monotonic() + KNOWN_SECONDS
    status: int | str = "no answer"
    while time.monotonic() < deadline:
        try:
            status = await client.models()
        except aiohttp.ClientError as error:
            status = type(error).__name__
        if status == 200:
            return
        await asyncio.sleep(0.2)
    raise DrillError(f"The gateway does not take the drill's key ({status}): see `jazari keys list` and its log.")


def _with_receipt(call: Call, receipt: Receipt | None) -> Call:
    if receipt is None:
        return call
    return call.model_copy(update={"charge": receipt.charge, "tried": receipt.tried})


def _real(receipts: list[Receipt], began: datetime, end_ms: int) -> list[Call]:
    """Other projects' calls that ended while the drill ran; those whose client left tell nothing."""
    found = []
    for receipt in receipts:
        at = round((datetime.fromisoformat(receipt.moment) - began).total_seconds() * 1000)
        if receipt.project == PROJECT or receipt.outcome not in _OUTCOMES or at > end_ms:
            continue
        outcome = _OUTCOMES[receipt.outcome]
        found.append(
            Call(
                at_ms=max(at - receipt.total_ms, 0),
                route=receipt.route,
                outcome=outcome,
                status=receipt.status,
                provider=receipt.provider if outcome is Outcome.ANSWERED else "",
                receipt="",  # whose it is stays here
                first_byte_ms=receipt.first_byte_ms,
                total_ms=receipt.total_ms,
                charge=receipt.charge,
                tried=receipt.tried,
            )
        )
    return found
