"""Adaptive questions about one person: what the answers together tell, with and without the memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jazari.studies.memory import Memory
from jazari.studies.tests.attack import PERSON, Attack, play

TRUE = 21.375
TYPICAL = 6.1
"""About the mean of all others: what anybody would guess."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: crashes are tested elsewhere, and here thousands of files are written."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


@pytest.mark.parametrize("questions", [120, pytest.param(1000, marks=pytest.mark.slow)])
def test_adaptive_questions_tell_nothing_about_one_person(folder: Path, questions: int) -> None:
    """No sums subtract to a few persons, and by least squares the person's value stays near the mean of all.

    The person weighs at most a third in any estimate that is linear in the answers.
    """
    attack = play(Attack(folder), questions)
    assert attack.asked == questions
    assert attack.answered >= questions / 10
    assert set(attack.refusals) <= {"studies.too-similar", "studies.other-institutes", "studies.below-floor"}
    assert attack.refusals["studies.too-similar"] > questions / 10
    assert attack.refusals["studies.other-institutes"] > questions / 50
    assert attack.subtract() == []
    assert attack.small_counts() == []
    assert attack.estimate() - TYPICAL < (TRUE - TYPICAL) / 3


def test_without_the_memory_the_same_questions_tell_the_value(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the attack is a real one."""

    def forget(*_: Any) -> None:
        return None

    monkeypatch.setattr(Memory, "ask", forget)
    monkeypatch.setattr(Memory, "released", forget)
    attack = play(Attack(folder), 45)
    assert (frozenset({(PERSON, TRUE)}), pytest.approx(TRUE)) in attack.subtract()
    assert attack.estimate() == pytest.approx(TRUE, abs=1e-6)
    assert attack.small_counts()
