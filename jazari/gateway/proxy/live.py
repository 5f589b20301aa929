"""What the gateway knows while it runs: providers with their health, keys, policy, credits; and every decision on them.

One event loop owns all of it. What comes from the database is read elsewhere and swapped in whole.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from fractions import Fraction

from jazari.core import clock
from jazari.gateway.authorization import EMPTY, KeyFacts, KeySnapshot, find_key, may_use, require_route
from jazari.gateway.breaker import Breaker, Health
from jazari.gateway.configuration import GatewayConfig, PriceText, ProviderConfig, RouteConfig, Target
from jazari.gateway.credits import CREDIT, MOST, Price
from jazari.gateway.embedded.supervisor import Engines
from jazari.gateway.errors import (
    Draining,
    JournalUnwritable,
    NoSuchRoute,
    NotReady,
    PolicyRefuses,
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    WrongKind,
)
from jazari.gateway.fair import FairLimiter
from jazari.gateway.guests import Arrival, Guest, Guests, Node
from jazari.gateway.knowledge import Knowledge
from jazari.gateway.ledger import Ledger
from jazari.gateway.limits import Limiter
from jazari.gateway.metrics import Metrics
from jazari.gateway.node_errors import ProviderDeclined
from jazari.gateway.policy import Decision, decide
from jazari.gateway.proxy.errors import ConnectionClosed
from jazari.gateway.proxy.holding import Bodies
from jazari.gateway.proxy.questions import Question
from jazari.gateway.proxy.tracing import Traces
from jazari.gateway.proxy.upstream import Label, Patience, Upstream
from jazari.gateway.receipts import LONGEST_WORD, Receipt
from jazari.gateway.routing import Explanation, ProviderState, candidates, explain
from jazari.gateway.scripts import Script
from jazari.gateway.words import DataClass, Kind, Usage
from jazari.trust.directory import Directory

NOBODY = Node()
STALE_SECONDS = 60.0
"""What was read longer ago decides nothing: a key may have been revoked since."""


class Provider:
    """One provider as this gateway meets it."""

    def __init__(self, name: str, config: ProviderConfig, upstream: Upstream) -> None:
        self.name, self.config, self.upstream = name, config, upstream
        self.breaker = Breaker()
        self.places = FairLimiter(config.most_at_once)

    def state(self, now: float) -> ProviderState:
        """How it stands, for routing and for people."""
        at = self.breaker.retry_at()
        waits = None if at is None or at <= now else at - now
        most, busy, waiting = self.config.most_at_once, self.places.busy, self.places.waiting
        health, ready = self.breaker.health(now), self.breaker.ready(now)
        return ProviderState(health, ready, waits, busy, waiting, most, self.config.takes_image_addresses)


class Route:
    """A route with its prices in whole microcredits."""

    def __init__(self, alias: str, config: RouteConfig) -> None:
        self.alias, self.config = alias, config
        self.price = price_of(config.price)
        self.patience = Patience(
            config.connect_seconds, config.first_token_seconds, config.stall_seconds, config.whole_seconds
        )


def price_of(text: PriceText) -> Price:
    """A price in credits with up to six decimals, exactly, in microcredits."""
    weights = {Script(name): Fraction(weight) for name, weight in text.weights.items()}
    return Price(int(text.input * CREDIT), int(text.output * CREDIT), weights)


class Live:
    """The gateway's whole state."""

    def __init__(
        self,
        config: GatewayConfig,
        providers: dict[str, Provider],
        ledger: Ledger,
        metrics: Metrics,
        *,
        node: Node = NOBODY,
        traces: Traces | None = None,
        engines: Engines | None = None,
    ) -> None:
        self.config, self.providers, self.ledger, self.metrics = config, providers, ledger, metrics
        self.traces = traces or Traces()
        self._engines = engines
        self.routes = {alias: Route(alias, route) for alias, route in config.route.items()}
        self.knowledge = Knowledge()
        self.keys: KeySnapshot = EMPTY
        self.limiter = Limiter()
        self.bodies = Bodies()
        self.guests = Guests(node, config.offer, clock.now())
        self.draining = False
        self.open_calls = 0
        self.owed: list[Receipt] = []
        """Receipts that could not be written when their calls ended; what they charge stays reserved until then."""
        self._read_at = float("-inf")
        self._decided: dict[tuple[str, DataClass], Decision] = {}
        self._decided_on = clock.now().date()
        self._rng = random.Random()  # noqa: S311  spreads load, keeps no secret

    def swap_in(self, knowledge: Knowledge, keys: KeySnapshot, directory: Directory | None = None) -> None:
        """From now on decide by what was just read."""
        self.knowledge = knowledge
        self._decided = {}
        self.guests.know(directory, knowledge.offer)
        if keys is not self.keys:
            self.keys = keys
            self.ledger.set_grants(keys.grants)
        self._read_at = time.monotonic()

    @property
    def problems(self) -> dict[str, str]:
        """What keeps providers, the policy or embedded models from being used, by name, in sentences."""
        states = self._engines.states() if self._engines else []
        idle = {
            f"engine {'embedding ' if state.key.embeds else ''}{state.key.model}": state.problem or "It is loading."
            for state in states
            if not state.ready
        }
        return {**self.knowledge.problems, **idle}

    @property
    def is_current(self) -> bool:
        """Whether keys and policy were read lately enough to decide by them."""
        return time.monotonic() - self._read_at < STALE_SECONDS

    def admit(self, authorization: str) -> KeyFacts:
        """The key in an ``Authorization`` header; raises what a client is told."""
        self._refuse_when_stale()
        return find_key(self.keys, authorization, clock.now())

    def arrive(self, authorization: str, path: str, data_class: str, relayed_for: str) -> Arrival:
        """Another institute's call, before its body is there; raises what its gateway is told."""
        self._refuse_when_stale()
        return self.guests.arrive(authorization, path, data_class, relayed_for, clock.now())

    def admit_guest(self, arrival: Arrival, body: bytes) -> tuple[KeyFacts, Guest]:
        """What stands in for the key of another institute, whose account for this month is open from now on."""
        key, guest = self.guests.admit(arrival, body, clock.now(), time.monotonic())
        self.ledger.set_grant(key.project, self.guests.credits)
        return key, guest

    def _refuse_when_stale(self) -> None:
        if not self.is_current:
            raise NotReady("The gateway could not read its keys and its policy lately: try again in a while.", 5)

    def refuse_when_draining(self) -> None:
        """Raise ``Draining`` once the gateway has been asked to stop."""
        if self.draining:
            raise Draining("This gateway is about to stop: send the request again, it goes to its successor.")

    def route_of(self, key: KeyFacts, alias: str) -> Route:
        """The route ``alias``; raises ``RouteNotAllowed`` before it says whether there is one."""
        require_route(key, alias)
        route = self.routes.get(alias)
        if route is None:
            raise NoSuchRoute(f"There is no model {alias[:80]!r} here: GET /v1/models lists what your key may use.")
        return route

    def route_for(self, key: KeyFacts, alias: str, kind: Kind) -> Route:
        """``route_of``, for calls of one kind; raises ``WrongKind`` for a route of another."""
        route = self.route_of(key, alias)
        if route.config.kind is not kind:
            raise WrongKind(f"The model {alias} is for {route.config.kind}, not for {kind}: use another, or its path.")
        return route

    def decide(self, target: Target, data_class: DataClass, guest: Guest | None = None) -> Decision:
        """Whether data of that class may go to that target now, in a call of ``guest`` if one is given."""
        decision = self._decide(target.provider, data_class)
        if guest is None:
            return decision
        facts = self.knowledge.facts.get(target.provider)
        return self.guests.judge(decision, guest, self.config.provider[target.provider].protocol, facts)

    def _decide(self, provider: str, data_class: DataClass) -> Decision:
        """By policy alone. Of the same policy, facts and day it is the same: kept until one of them is another."""
        known, today = self.knowledge, clock.now().date()
        if today != self._decided_on:
            self._decided, self._decided_on = {}, today
        found = self._decided.get((provider, data_class))
        if found is None:
            found = decide(known.residency, data_class, known.facts.get(provider), today)
            self._decided[provider, data_class] = found
        return found

    def may_go(self, route: Route, data_class: DataClass, guest: Guest | None) -> bool:
        """Whether data of that class may go to any target of ``route`` now."""
        return any(self.decide(target, data_class, guest).allowed for target in route.config.targets)

    def explain(self, route: Route, data_class: DataClass, guest: Guest | None = None) -> Explanation:
        """Every target of ``route``, and what speaks for or against it now."""
        return explain(route.alias, route.config, self._states(route), self._decisions(route, data_class, guest))

    def next_target(
        self,
        route: Route,
        data_class: DataClass,
        question: Question,
        tried: Collection[Target],
        guest: Guest | None = None,
    ) -> Target | None:
        """The best target not tried yet that can take ``question``; None if there is none."""
        usable = candidates(route.config, self._states(route), self._decisions(route, data_class, guest), self._rng)
        return next((t for t in usable if t not in tried and self.takes(t, question)), None)

    def takes(self, target: Target, question: Question) -> bool:
        """Whether ``question`` may go to that model: it fits, and lets nobody fetch from inside the own network."""
        return self.fits(target, question) and self.may_fetch_for(target, question)

    def may_fetch_for(self, target: Target, question: Question) -> bool:
        """Whether the provider may be told where the images of ``question`` are, if they are not in it."""
        return not question.image_addresses or self.config.provider[target.provider].takes_image_addresses

    def fits(self, target: Target, question: Question) -> bool:
        """Whether the model is declared to take images and tools, where the question has them."""
        card = self.knowledge.cards.get(target.provider)
        model = card.model(target.model) if card else None
        if model is None or question.kind not in model.kinds:
            return False
        return (model.images or not question.images) and (model.tools or not question.tools)

    def label(self, target: Target, data_class: DataClass, guest: Guest | None) -> Label:
        """What another institute's gateway is told of a call besides its body, and how it is known to be that one."""
        facts, card = self.knowledge.facts.get(target.provider), self.knowledge.cards.get(target.provider)
        to, certificate = facts.issuer if facts else "", card.certificate if card else None
        return Label(data_class, to, guest.institute if guest else "", certificate)

    def _decisions(self, route: Route, data_class: DataClass, guest: Guest | None) -> dict[Target, Decision]:
        return {target: self.decide(target, data_class, guest) for target in route.config.targets}

    def _states(self, route: Route) -> dict[str, ProviderState]:
        now = time.monotonic()
        return {t.provider: self.providers[t.provider].state(now) for t in route.config.targets}

    @asynccontextmanager
    async def at(
        self, target: Target, project: str, data_class: DataClass, wait: float, guest: Guest | None = None
    ) -> AsyncIterator[tuple[Provider, Decision]]:
        """A place at a provider for one attempt, whose end its breaker hears of, and what lets the call go there.

        Policy is decided once more when the place is there: it may have changed while the call waited for it.
        """
        provider = self.providers[target.provider]
        async with provider.places.place(project, wait):
            decision = self.decide(target, data_class, guest)
            if not decision.allowed:
                raise PolicyRefuses(decision.sentence)
            given = provider.breaker.start(time.monotonic())
            if given is None:
                raise ProviderBusy(f"{provider.name} failed lately and is left alone.")
            try:
                yield provider, decision
            except (ProviderDeclined, ProviderRefused):
                provider.breaker.succeeded(given, time.monotonic())
                raise
            except ConnectionClosed:
                provider.breaker.abandoned(given)
                raise
            except ProviderFailed as error:
                asked = error.retry_after_seconds if isinstance(error, ProviderBusy) else None
                provider.breaker.failed(given, time.monotonic(), asked)
                raise
            except BaseException:
                provider.breaker.abandoned(given)
                raise
            provider.breaker.succeeded(given, time.monotonic())

    def energy_of(self, target: Target | None, usage: Usage) -> tuple[int | None, str]:
        """Microwatt-hours of ``usage`` by the figure on the provider's card, and that figure's source."""
        card = self.knowledge.cards.get(target.provider) if target else None
        model = card.model(target.model) if card and target else None
        if model is None or model.energy_wh_per_1000_tokens is None:
            return None, ""
        tokens = usage.prompt_tokens + usage.completion_tokens
        energy = min(round(model.energy_wh_per_1000_tokens * tokens * 1000), MOST)
        # A card's line may be longer than a receipt's word, and a receipt that cannot be written frees no credits.
        return energy, (model.energy_source or "")[:LONGEST_WORD]

    def pay_owed(self) -> None:
        """Write the receipts that could not be written before; what still cannot be waits on."""
        waiting, self.owed = self.owed, []
        for receipt in waiting:
            try:
                self.ledger.settle(receipt.id, receipt)
            except JournalUnwritable:
                self.owed.append(receipt)

    def models_for(self, key: KeyFacts) -> list[str]:
        """The aliases that a key may use, in order."""
        return sorted(alias for alias in self.routes if may_use(key, alias))

    def show_metrics(self) -> None:
        """Bring the gauges up to date, which nobody looks at between two scrapes."""
        now = time.monotonic()
        self.metrics.open_calls.set(self.open_calls)
        for name, provider in self.providers.items():
            self.metrics.provider_open.labels(name).set(provider.breaker.health(now) is Health.OPEN)


def now_ms(since: float) -> int:
    """Whole milliseconds since a moment of ``time.monotonic``."""
    return int((time.monotonic() - since) * 1000)
