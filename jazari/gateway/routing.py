"""Which targets of a route may be tried for a call, in which order, and why the others may not. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from jazari.gateway.breaker import Health
from jazari.gateway.configuration import RouteConfig, Target
from jazari.gateway.errors import GatewayError, NoProviderReady, PolicyRefuses
from jazari.gateway.policy import Decision, Reason


@dataclass(frozen=True)
class ProviderState:
    """How a provider stands: its breaker, and calls running and waiting.

    ``ready``: whether the breaker lets a call start now. ``retry_in``: seconds until it does, None if it does now or
    nobody can say. ``image_addresses``: whether it may be given images by address, which it then fetches itself.
    """

    health: Health = Health.CLOSED
    ready: bool = True
    retry_in: float | None = None
    running: int = 0
    waiting: int = 0
    most_at_once: int = 1
    image_addresses: bool = False


@dataclass(frozen=True)
class TargetReport:
    """One target and everything that decides about it. ``share`` is of calls in a weighted route, among the usable."""

    provider: str
    model: str
    usable: bool
    decision: Decision
    state: ProviderState
    share: float | None
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """Why a call by this route would go where: targets in the order of gateway.toml."""

    route: str
    order: str
    targets: tuple[TargetReport, ...]

    @property
    def usable(self) -> tuple[TargetReport, ...]:
        """Those that may be tried now."""
        return tuple(target for target in self.targets if target.usable)


UNDECIDED = Decision(False, Reason.NO_FACTS, "Nobody decided on this target, so nothing may be sent to it.")
_UNSEEN = ProviderState()


def candidates(
    route: RouteConfig,
    states: Mapping[str, ProviderState],
    decisions: Mapping[Target, Decision],
    rng: random.Random,
) -> list[Target]:
    """The targets to try, best first: allowed by policy and not left alone by the breaker.

    ``states`` by provider (one not yet called is closed); a target without a decision is refused. Ordered: as written.
    Weighted: drawn without replacement, each next one with the chance of its weight among those left.
    """
    usable = [target for target in route.targets if _usable(target, states, decisions)]
    if route.order == "weighted":
        # The largest of u^(1/w): Efraimidis and Spirakis, Weighted random sampling with a reservoir (2006).
        drawn = {target: rng.random() ** (1 / target.weight) for target in usable}
        usable.sort(key=lambda target: drawn[target], reverse=True)
    return usable


def explain(
    alias: str, route: RouteConfig, states: Mapping[str, ProviderState], decisions: Mapping[Target, Decision]
) -> Explanation:
    """Every target of ``route`` with what ``candidates`` would make of it."""
    usable = {target for target in route.targets if _usable(target, states, decisions)}
    whole = sum(target.weight for target in usable)
    reports = []
    for target in route.targets:
        decision, state = decisions.get(target, UNDECIDED), states.get(target.provider, _UNSEEN)
        weighted = route.order == "weighted" and target in usable
        share = target.weight / whole if weighted else None
        sentence = _sentence(decision, state)
        reports.append(TargetReport(target.provider, target.model, target in usable, decision, state, share, sentence))
    return Explanation(alias, route.order, tuple(reports))


def refusal(explanation: Explanation) -> GatewayError:
    """The error of a call for which no target is usable: a refusal by policy if nothing else stands in the way."""
    if not any(target.decision.allowed for target in explanation.targets):
        why = "; ".join(f"{target.provider}: {target.decision.code}" for target in explanation.targets)
        return PolicyRefuses(
            f"The policy lets this call go to no provider of {explanation.route} ({why}): use another route, or a key "
            "that may declare less sensitive data."
        )
    allowed = [target for target in explanation.targets if target.decision.allowed]
    why = " ".join(f"{target.provider}: {target.sentence}" for target in allowed)
    error = NoProviderReady(f"No allowed provider of {explanation.route} answers now: try again soon. {why}")
    error.retry_after_seconds = min((t.state.retry_in for t in allowed if t.state.retry_in is not None), default=None)
    return error


def _usable(target: Target, states: Mapping[str, ProviderState], decisions: Mapping[Target, Decision]) -> bool:
    return decisions.get(target, UNDECIDED).allowed and states.get(target.provider, _UNSEEN).ready


def _sentence(decision: Decision, state: ProviderState) -> str:
    if not decision.allowed:
        return decision.sentence
    if not state.ready:
        when = "soon" if not state.retry_in else f"in {state.retry_in:.0f} s"
        return f"It failed lately, so it is left alone and tried again {when}."
    busy = f"{state.running} of {state.most_at_once} calls are running"
    if state.running >= state.most_at_once:
        return f"{decision.sentence} A call would wait: {busy}, {state.waiting} wait before it."
    return f"{decision.sentence} It is ready: {busy}."
