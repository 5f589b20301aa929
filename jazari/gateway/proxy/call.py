"""One call, from the question of a known key to its receipt.

The order is the guarantee: the key's limits, policy, credits reserved, then attempts, policy decided again before each;
and every way out after the limits passes ``_settle``, which writes the receipt and charges what was delivered. A
provider is asked again, or another one instead, only while the client has not been sent a byte.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from jazari.core import clock
from jazari.gateway.authorization import KeyFacts
from jazari.gateway.balances import About
from jazari.gateway.configuration import Target
from jazari.gateway.credits import Seen, believed, charge, estimate, upper_bound
from jazari.gateway.errors import (
    BadQuestion,
    GatewayError,
    JournalUnwritable,
    NoProviderReady,
    OutOfCredits,
    PolicyRefuses,
    ProviderFailed,
    ProviderRefused,
)
from jazari.gateway.guests import Guest
from jazari.gateway.limits import KeyLimits
from jazari.gateway.policy import Decision
from jazari.gateway.proxy.bodies import answer_for, body_for
from jazari.gateway.proxy.deadlines import Deadline
from jazari.gateway.proxy.errors import ConnectionClosed, ImageAddressRefused
from jazari.gateway.proxy.events import Heard
from jazari.gateway.proxy.http import ClientLeft, Headers, Message, Send, error_document, send_bytes
from jazari.gateway.proxy.live import Live, Provider, Route, now_ms
from jazari.gateway.proxy.logs import log_call
from jazari.gateway.proxy.questions import Question
from jazari.gateway.proxy.upstream import Event
from jazari.gateway.receipts import Receipt, Tried, new_call_id
from jazari.gateway.routing import refusal
from jazari.gateway.words import DataClass, Kind, Usage

ANSWERED, REFUSED, FAILED, LEFT, BROKEN = "answered", "refused", "failed", "client left", "broken off"
RECEIPT_HEADER, PROVIDER_HEADER = b"jazari-receipt", b"jazari-provider"
IMAGE_ADDRESS = "image-address"
"""On receipts, in place of a policy's decision: the provider may not be told to fetch an image."""
CLIENT_LEFT = 499
"""Of no standard, but known from web servers' logs: there was nobody to send a status to."""
_STREAM_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
_REFUSALS = (PolicyRefuses, ProviderRefused, OutOfCredits, BadQuestion)
T = TypeVar("T")
Attempt = Callable[[Provider, Target, bool], Awaitable[T]]
"""Asks a provider for its model's answer; the last says whether on a fresh connection."""
_log = logging.getLogger("jazari.gateway")


@dataclass
class Call:
    """What is known of one call while it runs."""

    live: Live
    key: KeyFacts
    question: Question
    route: Route
    data_class: DataClass
    declassified: bool
    guest: Guest | None = None
    began: float = field(default_factory=time.monotonic)
    id: str = field(default_factory=new_call_id)
    tried: list[Tried] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)
    deadline: Deadline = field(default_factory=Deadline)
    target: Target | None = None
    decision: Decision | None = None
    first_byte_ms: int | None = None
    reserved: int | None = None
    status: int = 200
    span: Any = None
    has_receipt: bool = False
    _settled: bool = False
    _asked: bool = False
    _used: Usage | None = None

    async def run(self, send: Send) -> None:
        """Answer the client; raises what it is told instead, once it is settled."""
        with self.live.traces.call(self.id, self.route.alias) as self.span:
            await self._run(send)

    async def _run(self, send: Send) -> None:
        tokens = self._pass_limits()
        try:
            self._refuse_by_policy()
            self._refuse_what_no_model_takes()
            self._reserve()
            await (self._stream(send) if self.question.stream else self._whole(send))
        except (asyncio.CancelledError, ClientLeft):
            self.status = CLIENT_LEFT
            self._settle(LEFT)
            raise
        except GatewayError as error:
            self.status = error.status
            self._settle(REFUSED if isinstance(error, _REFUSALS) else FAILED)
            raise
        finally:
            self.deadline.close()
            self._settle(BROKEN)  # does nothing if the call was settled
            self._free_limits(tokens)

    @property
    def headers(self) -> Headers:
        """What the client gets besides the answer."""
        receipt = (RECEIPT_HEADER, self.id.encode())
        return [receipt, (PROVIDER_HEADER, self.target.provider.encode())] if self.target else [receipt]

    def _pass_limits(self) -> int:
        """Raises ``LimitReached``; else the tokens that were counted against the key's limit."""
        asked, key = self.question, self.key
        tokens = estimate(asked.prompt_bytes, asked.script) + self._most_output
        limits = KeyLimits(key.requests_a_minute, key.tokens_a_minute, key.streams)
        self.live.limiter.begin(key.id, limits, tokens, time.monotonic(), stream=asked.stream)
        return tokens

    def _free_limits(self, tokens: int) -> None:
        used = self._used or self._usage()
        total = used.prompt_tokens + used.completion_tokens
        self.live.limiter.end(self.key.id, tokens, total, time.monotonic(), stream=self.question.stream)

    def _refuse_by_policy(self) -> None:
        if self.live.may_go(self.route, self.data_class, self.guest):
            return
        explanation = self.live.explain(self.route, self.data_class, self.guest)
        self.decision = explanation.targets[0].decision
        for report in explanation.targets:
            self.tried.append(Tried(provider=report.provider, outcome=REFUSED, decision=report.decision.code))
        raise refusal(explanation)

    def _refuse_what_no_model_takes(self) -> None:
        allowed = [
            one for one in self.route.config.targets if self.live.decide(one, self.data_class, self.guest).allowed
        ]
        fitting = [target for target in allowed if self.live.fits(target, self.question)]
        if not fitting:
            raise BadQuestion(
                f"No model of {self.route.alias} that the policy allows takes such a request, with images or tools: "
                "leave them out, or use another model."
            )
        if not any(self.live.may_fetch_for(target, self.question) for target in fitting):
            self.tried += [Tried(provider=one.provider, outcome=REFUSED, decision=IMAGE_ADDRESS) for one in fitting]
            raise ImageAddressRefused(
                f"The providers of {self.route.alias} fetch no images from addresses: send each image in the request "
                "itself, as a data: URL.",
                param="messages",
            )

    def _reserve(self) -> None:
        asked = self.question
        bound = upper_bound(self.route.price, asked.prompt_bytes, asked.items, self._most_output, asked.images)
        about = About(self.key.id, self.route.alias, asked.kind, self.data_class, self.declassified)
        self.live.ledger.reserve(self.id, self.key.project, bound, about)
        self.reserved = bound

    @cached_property
    def _most_of_one(self) -> int:
        """Tokens of one answer, at most: what the client asks for, within what the route allows."""
        if self.question.kind is Kind.EMBEDDING:
            return 0
        most = self.route.config.most_output_tokens
        return min(self.question.most_output or most, most)

    @property
    def _most_output(self) -> int:
        return self._most_of_one * self.question.choices

    async def _try_each(self, attempt: Attempt[T]) -> T:
        """What the first provider gives that does not fail; nobody else is asked once the client was sent a byte."""
        tried: list[Target] = []
        while len(tried) < self.route.config.attempts and (target := self._next(tried)):
            tried.append(target)
            try:
                return await self._try_on_a_line(target, attempt)
            except (ProviderFailed, PolicyRefuses):
                if self.first_byte_ms is not None:
                    raise
        raise self._nobody(tried)

    async def _try_on_a_line(self, target: Target, attempt: Attempt[T]) -> T:
        """Once; and once more where a kept connection was closed just then, on a fresh one."""
        try:
            return await self._try(target, attempt, fresh=False)
        except ConnectionClosed:
            return await self._try(target, attempt, fresh=True)

    async def _try(self, target: Target, attempt: Attempt[T], fresh: bool) -> T:
        """One attempt, noted for the receipt if it fails."""
        self.target, self.decision = target, self.live.decide(target, self.data_class, self.guest)
        wait = self.route.config.first_token_seconds
        try:
            place = self.live.at(target, self.key.project, self.data_class, wait, self.guest)
            # Again: a place may have taken long to come free, and the receipt names what let the call go.
            async with place as (provider, self.decision):
                self._asked = True
                with self.live.traces.attempt(target.provider, target.model):
                    return await attempt(provider, target, fresh)
        except (ProviderFailed, PolicyRefuses) as error:
            if isinstance(error, PolicyRefuses):
                self.decision = self.live.decide(target, self.data_class, self.guest)
            self._asked = self.first_byte_ms is not None
            self._note(target, error.outcome if isinstance(error, ProviderFailed) else REFUSED)
            _log.warning("%s: %s (%s)", self.id, error, error.code)
            raise
        except ProviderRefused:
            self._note(target, REFUSED)
            raise

    def _next(self, tried: list[Target]) -> Target | None:
        return self.live.next_target(self.route, self.data_class, self.question, tried, self.guest)

    def _nobody(self, tried: list[Target]) -> GatewayError:
        self.target = None
        explanation = self.live.explain(self.route, self.data_class, self.guest)
        if not tried or not any(report.decision.allowed for report in explanation.targets):
            return refusal(explanation)
        why = "; ".join(f"{one.provider}: {one.outcome}" for one in self.tried)
        return NoProviderReady(f"No provider of {self.route.alias} could answer ({why}): try again soon.")

    def _note(self, target: Target, outcome: str) -> None:
        code = self.decision.code if self.decision else ""
        self.tried.append(Tried(provider=target.provider, outcome=outcome, decision=code))
        counts = self.live.metrics
        counts.of(counts.attempts, target.provider, outcome).inc()

    async def _whole(self, send: Send) -> None:
        answer = await self._try_each(self._ask)
        self.first_byte_ms = now_ms(self.began)
        self._settle(ANSWERED)

        async def within_the_call(message: Message) -> None:
            await self._hand(send, message, self.route.patience.whole)

        data = answer_for(self.question.kind, answer, self.id)
        await send_bytes(within_the_call, data, headers=self.headers)

    async def _ask(self, provider: Provider, target: Target, fresh: bool) -> Event:
        body = body_for(self.question, target.model, provider.config, self._most_of_one)
        label = self.live.label(target, self.data_class, self.guest)
        answer = await provider.upstream.ask(self.question.kind, body, self.route.patience, label, fresh=fresh)
        self.heard.take(answer.chunk or {})
        self._note(target, ANSWERED)
        return answer

    async def _stream(self, send: Send) -> None:
        async def attempt(provider: Provider, target: Target, fresh: bool) -> None:
            body = body_for(self.question, target.model, provider.config, self._most_of_one)
            label = self.live.label(target, self.data_class, self.guest)
            patience, kind = self.route.patience, self.question.kind
            async with provider.upstream.stream(kind, body, patience, label, fresh=fresh) as events:
                await self._pass_on(await anext(events), events, target, send)

        try:
            await self._try_each(attempt)
        except ProviderFailed as error:
            # Only after the first byte (see _try_each): the client is told inside the stream that no end will come.
            self.status = error.status
            self._settle(BROKEN)
            document = json.dumps(error_document(error), ensure_ascii=False).encode()
            await self._hand(send, {"type": "http.response.body", "body": b"data: " + document + b"\n\n"})

    async def _pass_on(self, first: list[Event], rest: AsyncIterator[list[Event]], target: Target, send: Send) -> None:
        self.first_byte_ms = now_ms(self.began)
        headers = [*_STREAM_HEADERS, *self.headers]
        await self._hand(send, {"type": "http.response.start", "status": 200, "headers": headers})
        events: list[Event] | None = first
        while events is not None:
            for event in events:
                self._hear(event, target)
            if shown := b"".join(event.raw + b"\n\n" for event in events if not self._hides(event)):
                await self._hand(send, {"type": "http.response.body", "body": shown, "more_body": True})
            events = await anext(rest, None)
        await self._hand(send, {"type": "http.response.body", "body": b""})

    def _hear(self, event: Event, target: Target) -> None:
        if event.chunk is None:
            self._note(target, ANSWERED)
            self._settle(ANSWERED)  # before the client sees the end, so that it finds its receipt
        else:
            self.heard.take(event.chunk)

    async def _hand(self, send: Send, message: Message, seconds: float | None = None) -> None:
        """Give the client a piece; one that reads no more has left, and its place is another's."""
        try:
            with self.deadline.within(seconds or self.route.patience.stall):
                await send(message)
        except TimeoutError:
            raise ClientLeft from None

    def _hides(self, event: Event) -> bool:
        """Whether it is the event with usage alone, which we asked for and the client did not."""
        if self.question.wants_usage or event.chunk is None:
            return False
        return "usage" in event.chunk and not event.chunk.get("choices")

    def _usage(self) -> Usage:
        """What is charged: the provider's word where it can be true, else an estimate of what was delivered."""
        asked, heard = self.question, self.heard
        delivered = heard.claimed is not None or heard.answer_bytes > 0
        if not self._asked or not (delivered or self.status == CLIENT_LEFT):
            return Usage(0, 0)
        seen = Seen(
            prompt_bytes=asked.prompt_bytes,
            answer_bytes=heard.answer_bytes,
            messages=asked.items,
            most_output=self._most_output,
            prompt_script=asked.script,
            answer_script=heard.scripts.script,
            images=asked.images,
        )
        return believed(heard.claimed, seen)

    def _settle(self, outcome: str) -> None:
        """Write the receipt, once."""
        if self._settled:
            return
        self._settled = True
        receipt = self._receipt(outcome)
        try:
            if self.reserved is None:
                self.live.ledger.record(receipt)
            else:
                self.live.ledger.settle(self.id, receipt)
            self.has_receipt = True
        except JournalUnwritable:
            # A call that reserved nothing owes nothing; and while none can be reserved for, such calls are endless.
            self.has_receipt = self.reserved is not None
            if self.has_receipt:
                self.live.owed.append(receipt)
        self._count(receipt)
        self.live.traces.ended(self.span, receipt)
        log_call(receipt)

    def _receipt(self, outcome: str) -> Receipt:
        usage, asked, target, decision = self._usage(), self.question, self.target, self.decision
        self._used = usage
        cost = charge(self.route.price, usage, asked.script, self.heard.scripts.script, self.reserved or 0)
        energy, source = self.live.energy_of(target, usage)
        return Receipt(
            id=self.id,
            project=self.key.project,
            key=self.key.id,
            route=self.route.alias,
            kind=asked.kind,
            data_class=self.data_class,
            declassified=self.declassified,
            provider=target.provider if target else "",
            model=target.model if target else "",
            tried=tuple(self.tried),
            policy=decision.policy if decision else "",
            rule=str(decision.rule or "") if decision else "",
            usage=usage,
            charge=cost.amount,
            capped=cost.capped,
            energy_microwatt_hours=energy,
            energy_source=source,
            first_byte_ms=self.first_byte_ms,
            total_ms=now_ms(self.began),
            outcome=outcome,
            status=self.status,
            moment=clock.timestamp(),
        )

    def _count(self, receipt: Receipt) -> None:
        counts, route = self.live.metrics, receipt.route
        counts.of(counts.calls, route, receipt.outcome).inc()
        counts.of(counts.tokens, route, "prompt").inc(receipt.usage.prompt_tokens)
        counts.of(counts.tokens, route, "answer").inc(receipt.usage.completion_tokens)
        counts.of(counts.microcredits, route).inc(receipt.charge)
        counts.of(counts.seconds, route).observe(receipt.total_ms / 1000)
        if receipt.first_byte_ms is not None:
            counts.of(counts.first_byte, route).observe(receipt.first_byte_ms / 1000)
        if receipt.energy_wh is not None:
            counts.of(counts.energy, receipt.provider).inc(receipt.energy_wh)
