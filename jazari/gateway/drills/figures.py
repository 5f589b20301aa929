"""Every figure of a drill, computed from what was measured and from nothing else. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from jazari.catalog.texts import Language
from jazari.gateway.drills.card import DrillCard, Evaluation, Matched, Percentiles, Phase, Quality, Recovery
from jazari.gateway.drills.measures import Call, Measured, Outcome, PhaseName, QualityAnswer

STEADY_SHARE = 0.95
FEWEST_STEADY = 5
"""Calls: fewer in a row say nothing about a share."""


def percentiles(values: Iterable[int]) -> Percentiles | None:
    """By nearest rank, so that each is a value that was measured; None of no values."""
    ranked = sorted(values)
    if not ranked:
        return None
    p50, p95, p99 = (ranked[math.ceil(share * len(ranked) / 100) - 1] for share in (50, 95, 99))
    return Percentiles(p50=p50, p95=p95, p99=p99)


def phases_of(measured: Measured, calls: Sequence[Call]) -> list[Phase]:
    """The three phases of ``calls``."""
    parts = {name: [call for call in calls if measured.phase_of(call) is name] for name in PhaseName}
    usual = usual_providers(parts[PhaseName.BEFORE])
    marks = (0, measured.ordered_ms, measured.mended_ms, measured.end_ms)
    return [
        _phase(measured, name, parts[name], usual, (marks[place + 1] - marks[place]) / 1000)
        for place, name in enumerate(PhaseName)
    ]


def usual_providers(before: Iterable[Call]) -> dict[str, str]:
    """By route, who answered most of its calls."""
    counts: dict[str, Counter[str]] = {}
    for call in _answered(before):
        counts.setdefault(call.route, Counter())[call.provider] += 1
    return {route: found.most_common(1)[0][0] for route, found in counts.items()}


def _answered(calls: Iterable[Call]) -> list[Call]:
    return [call for call in calls if call.outcome is Outcome.ANSWERED]


def _phase(measured: Measured, name: PhaseName, calls: list[Call], usual: dict[str, str], seconds: float) -> Phase:
    answered = _answered(calls)
    counts = Counter(call.outcome for call in calls)
    rerouted = Counter(call.provider for call in answered if _is_rerouted(measured, call, usual))
    return Phase(
        phase=name,
        seconds=seconds,
        calls=len(calls),
        answered=counts[Outcome.ANSWERED],
        refused=counts[Outcome.REFUSED],
        lost=counts[Outcome.LOST],
        retried=sum(_is_retried(call) for call in answered),
        rerouted=dict(rerouted),
        answered_by=dict(Counter(call.provider for call in answered if call.provider)),
        total_ms=percentiles(call.total_ms for call in answered if call.total_ms is not None),
        first_byte_ms=percentiles(call.first_byte_ms for call in answered if call.first_byte_ms is not None),
        microcredits=sum(call.charge or 0 for call in calls),
        receipts=sum(call.charge is not None for call in calls),
    )


def _is_retried(call: Call) -> bool:
    return len(call.tried) > 1


def _is_rerouted(measured: Measured, call: Call, usual: dict[str, str]) -> bool:
    if not call.provider:
        return False
    if measured.plan.routes.get(call.route) == "weighted":
        return _is_retried(call)
    return call.route in usual and call.provider != usual[call.route]


def recovery_of(measured: Measured) -> Recovery:
    """How fast the load was answered again."""
    calls = sorted(measured.calls, key=lambda call: call.at_ms)
    within = [call for call in calls if measured.is_within_cut(call)]
    after = [call for call in calls if measured.phase_of(call) is PhaseName.AFTER]
    cut = measured.plan.provider
    return Recovery(
        first_answer_ms=_first_answer(within, measured.ordered_ms),
        steady_ms=_steady(within, measured.ordered_ms, _usual_share(measured)),
        steady_share=STEADY_SHARE,
        returned_ms=_first_answer([c for c in after if c.provider == cut], measured.mended_ms) if cut else None,
    )


def _first_answer(calls: Iterable[Call], since_ms: int) -> int | None:
    ends = [call.at_ms + call.total_ms for call in _answered(calls) if call.total_ms is not None]
    return min(ends) - since_ms if ends else None


def _usual_share(measured: Measured) -> float:
    before = [call for call in measured.calls if measured.phase_of(call) is PhaseName.BEFORE]
    return len(_answered(before)) / len(before) if before else 0.0


def _steady(within: Sequence[Call], since_ms: int, usual_share: float) -> int | None:
    """Until the first answer from which on, to the end of the cut, the share is (nearly) as usual."""
    if usual_share == 0:
        return None
    found: Call | None = None
    answered = 0
    for count, call in enumerate(reversed(within), start=1):
        answered += call.outcome is Outcome.ANSWERED
        steady = answered >= STEADY_SHARE * usual_share * count
        if steady and count >= FEWEST_STEADY and call.outcome is Outcome.ANSWERED:
            found = call
    return None if found is None or found.total_ms is None else found.at_ms + found.total_ms - since_ms


def quality_of(answers: Sequence[QualityAnswer], name: PhaseName) -> Quality:
    """The score of one phase, and whose answers they are."""
    asked = [answer for answer in answers if answer.phase is name]
    by_provider: dict[str, Matched] = {}
    for provider in sorted({answer.provider for answer in asked if answer.matched is not None and answer.provider}):
        said = [answer.matched for answer in asked if answer.provider == provider and answer.matched is not None]
        by_provider[provider] = Matched(answered=len(said), matched=sum(said))
    judged = [answer.matched for answer in asked if answer.matched is not None]
    return Quality(phase=name, asked=len(asked), answered=len(judged), matched=sum(judged), by_provider=by_provider)


def card_of(measured: Measured, plots: Sequence[str] = (), note: str | None = None) -> DrillCard:
    """The whole card."""
    plan, evaluation = measured.plan, None
    if measured.evaluation is not None:
        phases = [quality_of(measured.answers, name) for name in PhaseName]
        asked = measured.evaluation
        evaluation = Evaluation(sha256=asked.sha256, items=asked.items, phases=phases)
    return DrillCard(
        title=_title(plan.what, plan.seconds),
        id=measured.id,
        what=plan.what,
        mode=plan.mode,
        began=measured.began,
        routes=list(plan.routes),
        rate=plan.rate,
        data_class=plan.data_class,
        unsent=measured.unsent,
        phases=phases_of(measured, measured.calls),
        recovery=recovery_of(measured),
        real=None if measured.real is None else phases_of(measured, measured.real),
        evaluation=evaluation,
        plots=list(plots),
        note=note,
    )


def _title(what: str, seconds: float) -> dict[Language, str]:
    return {
        "fr": f"Exercice : {what} coupé pendant {seconds:g} s",
        "ar": f"تمرين: قطع {what} لمدة {seconds:g} ثانية",
        "en": f"Drill: {what} cut off for {seconds:g} s",
    }
