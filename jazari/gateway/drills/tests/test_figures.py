"""What the figures of a drill mean, on measurements made by hand; and files that an operator may get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.drills.evaluation import read_evaluation
from jazari.gateway.drills.figures import card_of, percentiles, phases_of, recovery_of
from jazari.gateway.drills.measures import Call, Measured, Outcome, Plan, make_plan
from jazari.gateway.errors import BadDrill, BadEvaluation
from jazari.gateway.receipts import Tried

A, L, R = Outcome.ANSWERED, Outcome.LOST, Outcome.REFUSED
CUT, MENDED, END = 10_000, 20_000, 30_000


def call(at_ms: int, outcome: Outcome = A, provider: str = "first", total_ms: int = 10, **changes: Any) -> Call:
    given = provider if outcome is A else ""
    values = {"route": "chat", "first_byte_ms": 5 if outcome is A else None, "charge": 7, **changes}
    return Call(at_ms=at_ms, outcome=outcome, status=200, provider=given, total_ms=total_ms, **values)


def measured(*calls: Call, order: str = "ordered") -> Measured:
    plan = Plan(what="first", routes={"chat": order})
    return Measured(
        id="0123456789abcdef", began="2026-11-26T09:00:00Z", plan=plan, ordered_ms=CUT, cut_ms=CUT,
        mended_ms=MENDED, end_ms=END, calls=calls, unsent=0,
    )  # fmt: skip


USUAL = [call(at) for at in range(0, CUT, 1000)]


def test_recovery_is_counted_from_the_cut_to_the_answer() -> None:
    during = [call(10_000 + 500 * n, L if n < 4 else A, "second") for n in range(20)]
    after = [call(20_500, A, "second"), call(21_000, A, "first", 40)]
    found = recovery_of(measured(*USUAL, *during, *after))
    assert (found.first_answer_ms, found.steady_ms, found.returned_ms) == (2010, 2010, 1040)


def test_answers_between_losses_are_no_steady_share() -> None:
    during = [call(10_000 + 500 * n, L if n % 2 and n < 10 else A, "second") for n in range(20)]
    found = recovery_of(measured(*USUAL, *during))
    assert found.first_answer_ms == 10
    assert found.steady_ms == 5_010
    assert found.returned_ms is None


def test_a_last_answer_alone_is_no_recovery() -> None:
    during = [call(10_000 + 500 * n, L if n < 18 else A, "second") for n in range(20)]
    found = recovery_of(measured(*USUAL, *during))
    assert (found.first_answer_ms, found.steady_ms) == (9010, None)


def test_what_was_not_answered_before_cannot_recover() -> None:
    before = [call(at, L) for at in range(0, CUT, 1000)]
    assert recovery_of(measured(*before, *(call(11_000 + n) for n in range(9)))).steady_ms is None


def test_what_was_under_way_when_the_cut_fell_was_hit_by_it_but_tells_nothing_of_recovery() -> None:
    torn = call(9_900, L, total_ms=200)
    lucky = call(9_950, A, total_ms=100)
    phases = card_of(measured(*USUAL, torn, lucky)).phases
    assert [(one.calls, one.lost) for one in phases] == [(10, 0), (2, 1), (0, 0)]
    assert recovery_of(measured(*USUAL, torn, lucky)).first_answer_ms is None


def test_only_what_began_and_ended_in_the_cut_tells_of_recovery() -> None:
    late = call(19_900, A, total_ms=200)
    assert recovery_of(measured(*USUAL, call(11_000, L), late)).first_answer_ms is None
    on_its_way = measured(*USUAL, call(10_010, A)).model_copy(update={"cut_ms": 10_020})
    assert recovery_of(on_its_way).first_answer_ms is None


def test_rerouted_means_elsewhere_than_usual_or_after_a_failure_where_chance_decides() -> None:
    failed = (Tried(provider="first", outcome="cut by a drill"), Tried(provider="second", outcome="answered"))
    during = [call(11_000, A, "second"), call(12_000, A, "second", tried=failed), call(13_000, R)]
    ordered = phases_of(measured(), [*USUAL, *during])[1]
    assert (ordered.rerouted, ordered.retried, ordered.refused) == ({"second": 2}, 1, 1)
    chance = measured(*USUAL, *during, order="weighted")
    assert phases_of(chance, chance.calls)[1].rerouted == {"second": 1}


def test_a_drill_without_calls_has_no_figures_that_would_need_some() -> None:
    card = card_of(measured())
    assert [(one.calls, one.total_ms) for one in card.phases] == [(0, None)] * 3
    assert card.recovery.first_answer_ms is None


@given(st.lists(st.integers(0, 10**7), min_size=1))
def test_percentiles_are_values_that_were_measured_and_rise(values: list[int]) -> None:
    found = percentiles(values)
    assert found is not None
    assert {found.p50, found.p95, found.p99} <= set(values)
    below = sum(value <= found.p95 for value in values)
    assert below >= 0.95 * len(values)


calls = st.builds(
    call, st.integers(0, END), st.sampled_from(Outcome), st.sampled_from(["first", "second"]), st.integers(0, 9999)
)


@given(st.lists(calls, max_size=60))
def test_every_call_is_in_one_phase_and_ended_one_way(made: list[Call]) -> None:
    card = card_of(measured(*made))
    assert sum(one.calls for one in card.phases) == len(made)
    assert sum(one.microcredits for one in card.phases) == 7 * len(made)
    for one in card.phases:
        assert one.answered + one.refused + one.lost == one.calls
        assert sum(one.answered_by.values()) == one.answered
    recovery = card.recovery
    if recovery.steady_ms is not None:
        assert recovery.first_answer_ms is not None
        assert recovery.first_answer_ms <= recovery.steady_ms


@pytest.mark.parametrize(
    "changes",
    [{"seconds": 0.0}, {"seconds": 1e9}, {"rate": 0.0}, {"rate": -1.0}, {"around": 0.0}, {"routes": {}},
     {"what": "../x"}, {"rate": 1000.0, "seconds": 3000.0}, {"seconds": float("nan")}],
)  # fmt: skip
def test_a_plan_that_cannot_be_run_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadDrill, match=r"\.$"):
        make_plan({"what": "first", "routes": {"chat": "ordered"}, **changes})


GOOD = {"messages": [{"role": "user", "content": "2 + 2?"}], "expected": "4"}


def evaluation(folder: Path, *lines: object) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_answers_are_judged_by_text_or_pattern(tmp_path: Path) -> None:
    path = evaluation(
        tmp_path, {**GOOD, "expected": "Rabat  is it"}, "", {"messages": GOOD["messages"], "pattern": r"\b4\b"}
    )
    exact, pattern = read_evaluation(path).items
    assert exact.matches("Rabat is\nit ")
    assert not exact.matches("rabat is it")
    assert pattern.matches("It is 4.")
    assert not pattern.matches("44")


@pytest.mark.parametrize(
    "line",
    ["{", "[]", {"messages": []}, {**GOOD, "pattern": "4"}, {**GOOD, "expected": 4}, {**GOOD, "expected": " "},
     {"messages": GOOD["messages"], "pattern": "("}, {"messages": [{"role": "king", "content": "x"}], "expected": "4"},
     {"messages": "x", "expected": "4"}, {**GOOD, "more": 1}],
    ids=str,
)  # fmt: skip
def test_a_question_that_is_none_is_named(tmp_path: Path, line: object) -> None:
    with pytest.raises(BadEvaluation, match="Question 2 of"):
        read_evaluation(evaluation(tmp_path, GOOD, line))


def test_an_empty_file_is_no_evaluation(tmp_path: Path) -> None:
    with pytest.raises(BadEvaluation):
        read_evaluation(evaluation(tmp_path, ""))
