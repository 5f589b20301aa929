"""A command that begins with the libraries loaded does what one does that begins with nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jazari.cli import warm_start

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "JAZARI_HOME")
}
CREATE = ("institute", "create", "settat", "--title", "fr=Settat", "--plain", "--steward-plain", "--json", "--home")


def _from_nothing(*words: str, home: Path) -> warm_start.Ended:
    done = subprocess.run(
        [sys.executable, "-m", warm_start.MAIN, *words],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**ENVIRONMENT, "JAZARI_HOME": str(home)},
    )  # fmt: skip
    return warm_start.Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("node") / "home"
    key = home.parent / "steward.pem"
    made = warm_start.run((*CREATE, str(home), "--steward-key", str(key)), ENVIRONMENT, 60)
    assert made.status == 0, made
    return home


@pytest.mark.parametrize(
    "words",
    [
        ("dataset", "list"),
        ("dataset", "list", "--json"),
        ("study", "show", "rabat/study/soil@1", "--json"),
        ("study", "show", "rabat/study/soil@1"),
        ("study", "nonsense"),
        ("--help",),
        (),
    ],
    ids=" ".join,
)
def test_it_ends_and_says_the_same(home: Path, words: tuple[str, ...]) -> None:
    warm = warm_start.run(words, {**ENVIRONMENT, "JAZARI_HOME": str(home)}, 60)
    assert warm == _from_nothing(*words, home=home)
    assert warm.out or warm.err


def test_each_sees_its_own_environment(home: Path, tmp_path: Path) -> None:
    elsewhere = warm_start.run(("dataset", "list"), {**ENVIRONMENT, "JAZARI_HOME": str(tmp_path)}, 60)
    assert elsewhere.status != 0
    assert str(tmp_path) in elsewhere.err
    assert warm_start.run(("dataset", "list"), {**ENVIRONMENT, "JAZARI_HOME": str(home)}, 60).status == 0


def test_one_that_takes_too_long_is_ended(home: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        warm_start.run(("dataset", "list"), {**ENVIRONMENT, "JAZARI_HOME": str(home)}, 0.001)


def test_what_is_loaded_before_is_there_and_waits_for_the_settings() -> None:
    program = f"""
import importlib
from django.conf import settings
for name in {warm_start.LOADED!r}:
    importlib.import_module(name)
print(settings.configured)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert (done.stdout, done.stderr) == ("False\n", "")
