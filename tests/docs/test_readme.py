"""The front page: what it says of the demo is what the demo does, and its figures are those that were measured."""

from __future__ import annotations

import json
import re

import pytest

from jazari.nodes.demo.attacks import ATTACKS
from tests.docs.source import REPOSITORY, strings

ENGLISH = (REPOSITORY / "README.md").read_text(encoding="utf-8")
FRENCH = (REPOSITORY / "README.fr.md").read_text(encoding="utf-8")
RESULTS = REPOSITORY / "benchmarks" / "results"
TOLERANCE = 1.5
"""Times differ from run to run; what the page says may not differ by more from what was measured last."""
DEMO = ENGLISH.partition("## What the demo does")[2].partition("```\n")[2].partition("```")[0]
STEPS = [re.sub(r" \([\d.]+ s\)$", "", line[2:]) for line in DEMO.splitlines() if line.startswith("✓ ")]
FIGURES = [
    (r"a round with three institutes on FLARE \| ([\d.]+) s", "flare_rounds", "Jazari on FLARE, seconds per round"),
    (r"defaults, same run: ([\d.]+) s", "flare_rounds", "plain FLARE, seconds per round"),
    (r"published result \| ([\d.]+) s", "submit_to_result", "submit to published result"),
    (r"receipt \| ([\d.]+) ms added", "gateway", "added to a plain answer, p50"),
    (r"; ([\d.]+) times the requests a second", "gateway", "requests a second, of LiteLLM's"),
    (r"the whole page \| ([\d.]+) ms", "portal", "search, the whole page, p99"),
    (r"\| ([\d.]+) of the test rows right", "heart_disease", "accuracy on FLamby's split"),
    (r"on the heart data \| ([\d.]+) rounds", "rounds_to_score", "to the optimum: glm"),
    (r"\(gradient descent: ([\d.]+) rounds", "rounds_to_score", "to the optimum: FedSGD"),
]


def test_every_attack_of_the_demo_is_shown() -> None:
    shown = [step.removeprefix("Attack: ") for step in STEPS if step.startswith("Attack: ")]
    assert shown == [name for name, _ in ATTACKS]
    assert DEMO.partition("✓ Attack: ")[2].count("    refused: ") == len(ATTACKS)


@pytest.mark.parametrize("step", [step for step in STEPS if not step.startswith("Attack: ")])
def test_every_step_is_one_of_the_demo(step: str) -> None:
    said = [text.strip() for text in strings() if len(text.strip()) > 12]
    assert any(text in step for text in said)


def figure(name: str, measure: str) -> float:
    findings = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["findings"]
    (value,) = [found["value"] for found in findings if found["measure"].startswith(measure)]
    return float(value.split()[0])


@pytest.mark.parametrize(("pattern", "name", "measure"), FIGURES)
def test_figures_are_those_that_were_measured(pattern: str, name: str, measure: str) -> None:
    (told,) = map(float, re.findall(pattern, ENGLISH))
    measured = figure(name, measure)
    assert measured / TOLERANCE <= told <= measured * TOLERANCE
    assert f"{told:g}".replace(".", ",") in FRENCH


def test_both_languages_show_the_same_pages_and_pictures() -> None:
    def links(text: str) -> set[str]:
        return set(re.findall(r"\]\(((?:docs|benchmarks)/[^)#]+)", text))

    pictures = {"docs/network.svg", "docs/network.fr.svg"}
    assert "docs/network.svg" in links(ENGLISH)
    assert "docs/network.fr.svg" in links(FRENCH)
    assert links(FRENCH) - links(ENGLISH) - pictures == set()


def test_the_two_commands_exist() -> None:
    targets = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for page in (ENGLISH, FRENCH):
        for target in re.findall(r"(?:`|^\$ )make ([a-z-]+)", page, re.MULTILINE):
            assert f"\n{target}:" in targets
