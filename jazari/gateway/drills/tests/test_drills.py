"""Whole drills at a real gateway with providers that stand in: figures that follow from calls and receipts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.catalog.registry import check_form
from jazari.gateway import card_types
from jazari.gateway.breaker import Breaker, BreakerRules
from jazari.gateway.drills.card import DrillCard
from jazari.gateway.drills.errors import BadDrillReport, CutAlready, DrillError, NothingToCut
from jazari.gateway.drills.evaluation import Evaluation, read_evaluation
from jazari.gateway.drills.figures import card_of
from jazari.gateway.drills.measures import Measured, make_plan
from jazari.gateway.drills.operator import Operator
from jazari.gateway.drills.plots import LATENCY_FILE, OUTCOMES_FILE, can_plot
from jazari.gateway.drills.reports import draft_of, read_report, write_report
from jazari.gateway.drills.running import Place, run_drill
from jazari.gateway.drills.tests.homes import Controlled, new_home
from jazari.gateway.proxy.severing import Mode
from jazari.gateway.proxy.tests.serving import key, toml
from jazari.gateway.receipts import Receipt
from jazari.gateway.words import Kind
from jazari.settings.home import Home
from jazari.testing.providers.openai_like import OpenAILike

SECRET, KEY = key(project="drills")
OTHER_SECRET, OTHER_KEY = key(project="plots")
KINDS = {"chat": Kind.CHAT, "text": Kind.COMPLETION, "vectors": Kind.EMBEDDING}
EVERY = dict.fromkeys(KINDS, "ordered")
QUICK = BreakerRules(first_open_seconds=0.2, longest_open_seconds=0.3)
"""So that who was cut off is back within the short time that a test looks."""


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[OpenAILike, OpenAILike]]:
    with OpenAILike() as first, OpenAILike() as second:
        yield first, second


@contextmanager
def serving(home: Home, *addresses: str) -> Iterator[Controlled]:
    names = ("first", "second")
    text = toml(dict(zip(names, addresses, strict=False)))
    with Controlled(home, text, KEY, OTHER_KEY) as made, made.controlled():
        for provider in made.live.providers.values():
            provider.breaker = Breaker(QUICK)
        yield made


@pytest.fixture
def gateway(providers: tuple[OpenAILike, OpenAILike], tmp_path: Path) -> Iterator[Controlled]:
    with serving(new_home(tmp_path / "home"), providers[0].url, providers[1].url) as made:
        yield made


@pytest.fixture
def alone(providers: tuple[OpenAILike, OpenAILike], tmp_path: Path) -> Iterator[Controlled]:
    with serving(new_home(tmp_path / "home"), providers[0].url) as made:
        yield made


def drill(
    gateway: Controlled,
    evaluation: Evaluation | None = None,
    say: Callable[[str], None] = lambda _text: None,
    **changes: Any,
) -> Measured:
    values = {"what": "first", "seconds": 1.5, "around": 1.0, "rate": 20.0, "routes": EVERY, **changes}
    plan = make_plan(values)
    place = Place(gateway.url, SECRET, gateway.socket, gateway.folder / "journal")
    return run_drill(place, plan, {route: KINDS[route] for route in plan.routes}, evaluation, say)


@dataclass
class Drilled:
    """A drill over two providers, with another project's call in each phase, and what the gateway has of it."""

    measured: Measured
    receipts: list[Receipt]
    spent: dict[str, int]
    file: Path


@pytest.fixture(scope="module")
def drilled(providers: tuple[OpenAILike, OpenAILike], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    folder = tmp_path_factory.mktemp("drilled")
    file = folder / "questions.jsonl"
    asked = [{"role": "user", "content": "Who built water clocks?"}]
    items = [{"messages": asked, "pattern": "Al-Jazari"}, {"messages": asked, "expected": "Nobody"}]
    file.write_text("\n".join(map(json.dumps, items)))
    with serving(new_home(folder / "home"), providers[0].url, providers[1].url) as gateway:

        def call(_text: str) -> None:
            headers, body = {"authorization": f"Bearer {OTHER_SECRET}"}, {"model": "chat", "messages": asked}
            httpx.post(f"{gateway.url}/chat/completions", json=body, headers=headers).raise_for_status()

        measured = drill(gateway, read_evaluation(file), call, real=True, around=2.0, seconds=2.0)
        assert gateway.cutter.current is None
        spent = {project: gateway.spent(project) for project in ("drills", "plots")}
        yield Drilled(measured, gateway.receipts(), spent, file)


def test_a_drill_over_two_providers_shows_who_took_over(drilled: Drilled) -> None:
    card = card_of(drilled.measured)
    before, during, after = card.phases
    assert before.answered == before.calls > 20
    assert before.answered_by == {"first": before.calls}
    assert before.rerouted == {}
    # Only what was under way when it fell may be lost.
    assert during.lost <= 3
    assert during.refused == 0
    assert during.rerouted["second"] >= during.calls - 3
    assert during.answered_by["second"] == during.rerouted["second"]
    assert during.retried > 0
    assert after.answered == after.calls
    assert after.answered_by["first"] > 0
    assert None not in (card.recovery.first_answer_ms, card.recovery.steady_ms, card.recovery.returned_ms)
    assert before.total_ms is not None
    assert before.first_byte_ms is not None


def test_every_figure_is_that_of_the_receipts(drilled: Drilled) -> None:
    receipts = {receipt.id: receipt for receipt in drilled.receipts if receipt.project == "drills"}
    calls = drilled.measured.calls
    assert {call.receipt for call in calls} <= set(receipts)
    for call in calls:
        assert (call.charge, call.tried) == (receipts[call.receipt].charge, receipts[call.receipt].tried)
        assert call.outcome != "answered" or call.provider == receipts[call.receipt].provider
    judged = len(drilled.measured.answers)
    assert len(receipts) == len(calls) + judged
    assert sum(phase.receipts for phase in card_of(drilled.measured).phases) == len(calls)
    assert sum(receipt.charge for receipt in receipts.values()) == drilled.spent["drills"]


def test_a_drill_over_a_single_provider_shows_what_is_lost(alone: Controlled) -> None:
    card = card_of(drill(alone))
    before, during, after = card.phases
    assert before.answered == before.calls
    # A call that was under way when the cut fell may just have been answered.
    assert during.answered <= 3
    assert during.lost == during.calls - during.answered > 20
    assert during.rerouted == {}
    assert (card.recovery.first_answer_ms, card.recovery.steady_ms) == (None, None)
    assert after.answered_by.get("first", 0) > 0


def test_a_black_hole_costs_patience(gateway: Controlled) -> None:
    measured = drill(gateway, mode=Mode.BLACKHOLE, seconds=3.5, routes={"chat": "ordered"})
    before, during, _after = card_of(measured).phases
    assert before.total_ms is not None
    assert during.total_ms is not None
    # One second to connect and one to the first token; once the breaker is open, calls no longer wait for it.
    assert during.total_ms.p95 >= 2000 > before.total_ms.p95
    assert during.rerouted["second"] > 0
    first = card_of(measured).recovery.first_answer_ms
    assert first is not None
    assert first >= 2000


def test_a_cut_registry_loses_nothing(gateway: Controlled) -> None:
    card = card_of(drill(gateway, what="registry"))
    assert [phase.lost for phase in card.phases] == [0, 0, 0]
    assert [phase.rerouted for phase in card.phases] == [{}, {}, {}]
    assert card.recovery.returned_ms is None


def test_other_projects_calls_are_measured_if_asked(drilled: Drilled) -> None:
    real = card_of(drilled.measured).real
    assert real is not None
    assert sum(phase.answered for phase in real) == 3
    assert sum(phase.microcredits for phase in real) == drilled.spent["plots"]


def test_quality_says_whose_answers_they_are(drilled: Drilled) -> None:
    evaluation = card_of(drilled.measured).evaluation
    assert evaluation is not None
    assert evaluation.items == 2
    assert [(one.asked, one.answered, one.matched) for one in evaluation.phases] == [(2, 2, 1)] * 3
    assert [list(one.by_provider) for one in evaluation.phases[:2]] == [["first"], ["second"]]
    assert evaluation.phases[1].by_provider["second"].matched == 1


def test_what_cannot_be_cut_leaves_everything_as_it_was(gateway: Controlled) -> None:
    with pytest.raises(NothingToCut):
        drill(gateway, what="third", around=1.0)
    plan = make_plan({"what": "first", "seconds": 1.0, "around": 1.0, "routes": EVERY})
    stranger = Place(gateway.url, SECRET[:-1] + "x", gateway.socket, gateway.folder / "journal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jazari.gateway.drills.running.KNOWN_SECONDS", 0.5)
        with pytest.raises(DrillError, match="401"):
            run_drill(stranger, plan, KINDS)
    assert gateway.cutter.current is None


def test_there_are_never_two_at_once(gateway: Controlled) -> None:
    refused: list[str] = []

    def cut_too(text: str) -> None:
        if "is cut off" in text:
            with Operator(gateway.socket) as other, pytest.raises(CutAlready) as second:
                other.cut("second", Mode.REFUSE, 1)
            refused.append(str(second.value))

    assert drill(gateway, None, cut_too).real is None
    assert len(refused) == 1


def test_the_report_is_private_and_its_figures_must_follow(drilled: Drilled, tmp_path: Path) -> None:
    measured = drilled.measured
    path = tmp_path / "report.json"
    card = write_report(measured, path)
    assert path.stat().st_mode & 0o077 == 0
    assert read_report(path) == measured
    text = path.read_text()
    edited = json.loads(text)
    edited["card"]["phases"][1]["lost"] = 0
    edited["card"]["phases"][1]["answered"] = card.phases[1].calls
    edited["card"]["phases"][0]["microcredits"] += 1
    for bad in (json.dumps(edited), text[:-10], "{}", json.dumps({"measured": 1, "card": {}})):
        path.write_text(bad)
        with pytest.raises(BadDrillReport):
            read_report(path)


def test_what_is_published_holds_every_call_and_nobody_elses(drilled: Drilled, tmp_path: Path) -> None:
    measured = drilled.measured
    card_types.register()
    draft = draft_of(measured, tmp_path)
    card = DrillCard.model_validate_json(json.dumps(draft.card))
    rows = draft.files["calls.csv"].read_text().splitlines()
    assert len(rows) == 1 + len(measured.calls)
    assert draft.type == "drill"
    check_form("drill", draft.card)
    if can_plot():
        assert card.plots == [OUTCOMES_FILE, LATENCY_FILE]
        drawn = [draft.files[name].read_bytes() for name in card.plots]
        assert all(b"<svg" in picture for picture in drawn)
        again = tmp_path / "again"
        again.mkdir()
        assert [draft_of(measured, again).files[name].read_bytes() for name in card.plots] == drawn
    else:
        assert card.note is not None


def test_without_matplotlib_the_card_says_so(drilled: Drilled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = drilled.measured
    monkeypatch.setattr("jazari.gateway.drills.reports.can_plot", lambda: False)
    draft = draft_of(measured, tmp_path)
    assert draft.card["plots"] == []
    assert "matplotlib" in draft.card["note"]
    assert set(draft.files) == {"calls.csv"}
