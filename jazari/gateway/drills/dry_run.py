"""Which routes would stop or go elsewhere, by data class, if something were cut off: from policy alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from jazari.federation.cut_off import REGISTRY, ROOT
from jazari.gateway.authorization import KeySnapshot, may_use
from jazari.gateway.configuration import GatewayConfig, RouteConfig
from jazari.gateway.drills.errors import check_cut
from jazari.gateway.policy import Facts
from jazari.gateway.routing import Explanation, ProviderState, explain
from jazari.gateway.words import DataClass

if TYPE_CHECKING:
    from jazari.gateway.knowledge import Knowledge


class Effect(StrEnum):
    """What would become of calls of one route and class."""

    UNCHANGED = "unchanged"
    ELSEWHERE = "goes elsewhere"
    FEWER = "has fewer to go to"
    STOPS = "stops"
    REFUSED = "refused as now"


@dataclass(frozen=True)
class Line:
    """One route and data class: who answers first now, who would, and everybody left."""

    route: str
    data_class: DataClass
    effect: Effect
    now: str
    then: str
    left: tuple[str, ...]


@dataclass(frozen=True)
class Forecast:
    """What a cut would do. ``projects``: those with a key for a route and class that stops.

    ``holds_until``: the day after which nothing is sent any more although all providers are well, for the policy
    or all facts have ended by then and no news of them come.
    """

    what: str
    lines: tuple[Line, ...]
    projects: tuple[str, ...]
    says: str
    holds_until: date | None = None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        until = self.holds_until.isoformat() if self.holds_until else None
        return {**asdict(self), "lines": [asdict(line) for line in self.lines], "holds_until": until}


_SAYS = {
    REGISTRY: "The node's worker reads nothing new: calls go on by the policy and facts read before.",
    ROOT: (
        "Nothing is sent to the Root's gateway and nothing new is read: other calls go on by policy and facts as they "
        "were. Sync, publishing and what this node asks about runs of studies wait until the Root is there again. "
        "A study engine's own connection is not cut, nor are calls that the Root's gateway makes here."
    ),
}


def forecast(
    config: GatewayConfig,
    known: Knowledge,
    keys: KeySnapshot,
    what: str,
    away: Collection[str],
    today: date,
    routes: Iterable[str] = (),
) -> Forecast:
    """What cutting ``what`` would do to ``routes`` (all by default), as if all other providers were well.

    ``away``: the providers that go with it (``GatewayConfig.cut_with``).

    Raises ``NothingToCut`` for a name that is neither a provider, ``registry`` nor ``root``.
    """
    check_cut(what, config.provider)
    chosen = {alias: config.route[alias] for alias in (tuple(routes) or config.route)}
    lines = tuple(
        _line(alias, route, data_class, known, away, today)
        for alias, route in chosen.items()
        for data_class in DataClass
    )
    says = _SAYS.get(what, f"Nothing would be sent to {what}, by any project.")
    until = _holds_until(known) if what in _SAYS else None
    return Forecast(what, lines, _projects(keys, lines), says, until)


def _line(
    alias: str, route: RouteConfig, data_class: DataClass, known: Knowledge, away: Collection[str], today: date
) -> Line:
    decisions = known.decisions(route, data_class, today)
    now = explain(alias, route, {}, decisions)
    then = explain(alias, route, dict.fromkeys(away, ProviderState(ready=False)), decisions)
    left = tuple(dict.fromkeys(report.provider for report in then.usable))
    return Line(alias, data_class, _effect(now, then), _first(now), _first(then), left)


def _first(explanation: Explanation) -> str:
    return next((report.provider for report in explanation.usable), "")


def _effect(now: Explanation, then: Explanation) -> Effect:
    if not now.usable:
        return Effect.REFUSED
    if not then.usable:
        return Effect.STOPS
    if len(now.usable) == len(then.usable):
        return Effect.UNCHANGED
    moves = now.order == "weighted" or _first(now) != _first(then)
    return Effect.ELSEWHERE if moves else Effect.FEWER


def _projects(keys: KeySnapshot, lines: Iterable[Line]) -> tuple[str, ...]:
    stopped = [line for line in lines if line.effect is Effect.STOPS]
    hit = {
        key.project
        for key in keys.keys.values()
        for line in stopped
        if not key.revoked
        and may_use(key, line.route)
        and line.data_class.rank <= key.highest.rank
        and (key.may_declassify or line.data_class is key.highest)
    }
    return tuple(sorted(hit))


def _holds_until(known: Knowledge) -> date | None:
    facts: Mapping[str, Facts] = known.facts
    if known.residency is None or not facts:
        return None
    policy = date.fromisoformat(known.residency.card.valid_until)
    return min(policy, max(one.valid_until for one in facts.values()))
