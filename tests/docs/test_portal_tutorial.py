"""The tutorial of the portal: what it says to press and to write is what the browser test presses and writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.browser import test_main_job
from tests.browser.traveller import french
from tests.browser.tutorial_pictures import TUTORIAL, named_in, renew

TEXT = TUTORIAL.read_text(encoding="utf-8")
FLAT = " ".join(TEXT.split())
PICTURES = TUTORIAL.parent / "pictures"
BOLD = [" ".join(words.split()) for words in re.findall(r"\*\*([^*]+)\*\*", TEXT)]
WIDEST, LARGEST = 1000, 150_000


def pressed() -> Iterator[str]:
    """What the walk presses, in order; names of its own making are left out."""
    tree = ast.parse(Path(test_main_job.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda call: call.lineno):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "press":
            word = node.args[0]
            if isinstance(word, ast.Constant):
                yield word.value


def test_what_is_pressed_is_told_in_that_order() -> None:
    words, told = list(pressed()), iter(BOLD)
    assert len(words) > 15
    assert [word for word in words if word not in told] == []


def test_each_word_that_is_pressed_is_told_in_french_too() -> None:
    assert [word for word in pressed() if f"(*{' '.join(french(word).split())}*)" not in FLAT] == []


@pytest.mark.parametrize(
    "written",
    [
        *test_main_job.TERMS.values(),
        *test_main_job.PARAMETERS.values(),
        *test_main_job.DATA_SETS,
        test_main_job.REASON,
    ],
)
def test_what_is_written_into_forms_is_told(written: str) -> None:
    assert f"`{written}`" in FLAT


def test_every_picture_is_there_and_small() -> None:
    names = named_in(TEXT)
    assert len(names) > 8
    assert sorted(names) == sorted(path.name for path in PICTURES.glob("*"))
    for name in names:
        assert Image.open(PICTURES / name).width <= WIDEST
        assert (PICTURES / name).stat().st_size <= LARGEST


def test_the_pictures_are_those_that_the_walk_takes() -> None:
    source = Path(test_main_job.__file__).read_text(encoding="utf-8")
    taken = {f"{name}.png" for name in re.findall(r'\.picture\("([a-z-]+)"', source)}
    assert set(named_in(TEXT)) <= taken


def test_pictures_are_renewed_and_old_ones_go(tmp_path: Path) -> None:
    taken, kept = tmp_path / "taken", tmp_path / "kept"
    taken.mkdir()
    kept.mkdir()
    Image.new("RGB", (9, 9)).save(taken / "new.png")
    (kept / "old.png").touch()
    renew(taken, kept, ["new.png"])
    assert [path.name for path in kept.iterdir()] == ["new.png"]
