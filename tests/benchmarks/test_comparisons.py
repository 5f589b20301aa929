"""What the benchmarks call reached and the same, on cases that can be counted by hand."""

from __future__ import annotations

import copy
from typing import Any

from benchmarks.heart_recipes import splits
from benchmarks.rounds_to_score import KEPT, NEVER, SCORES, first_rounds

TREE: list[dict[str, Any]] = [
    {"feature": "age", "threshold": 50.0, "level": None, "missing": "left", "left": 1, "right": 2, "gain": 0.5,
     "rows": 30, "weight": 7.5, "left_out": 0},
    {"value": -0.2, "rows": 10, "weight": 2.5},
    {"value": 0.1, "rows": 20, "weight": 5.0},
]  # fmt: skip


def after(*accurate: bool, **others: tuple[bool, ...]) -> dict[str, float]:
    rounds = [dict.fromkeys(SCORES, False) | {"accuracy": reached} for reached in accurate]
    for name, reached in others.items():
        for each, one in zip(rounds, reached, strict=True):
            each[name] = one
    return first_rounds(rounds)


def test_a_score_that_is_lost_again_is_reached_but_not_kept() -> None:
    told = after(False, True, False, True, True)
    assert told["accuracy"] == 2
    assert told[KEPT] == 4


def test_a_score_that_is_lost_in_the_last_round_is_never_kept() -> None:
    assert after(True, True, False)[KEPT] == NEVER


def test_a_score_from_the_first_round_on() -> None:
    told = after(True, True, optimum=(False, True))
    assert (told["accuracy"], told[KEPT], told["optimum"], told["log loss"]) == (1, 1, 2, NEVER)


def test_trees_are_the_same_when_only_their_sums_differ() -> None:
    other = copy.deepcopy(TREE)
    other[0]["gain"], other[1]["value"], other[2]["weight"] = 0.6, -0.3, 5.1
    assert splits({"trees": [[TREE]]}) == splits({"trees": [[other]]})


def test_trees_differ_in_a_threshold_a_row_or_where_missing_values_go() -> None:
    for node, key, value in ((0, "threshold", 55.0), (1, "rows", 11), (0, "missing", "right")):
        other = copy.deepcopy(TREE)
        other[node][key] = value
        assert splits({"trees": [[TREE]]}) != splits({"trees": [[other]]})
