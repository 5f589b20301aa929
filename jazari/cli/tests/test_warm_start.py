"""A command that begins with the libraries loaded does what one does that begins with nothing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver
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


def test_of_several_at_once_each_ends_with_its_own_status(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start reads how others ended, which can be read once; here that takes long enough for two threads to meet."""
    read, delays = forkserver.read_signed, random.Random(1)

    def slowly(descriptor: int) -> int:
        time.sleep(delays.random() * 0.1)
        return read(descriptor)

    monkeypatch.setattr(forkserver, "read_signed", slowly)
    environment, typed = {**ENVIRONMENT, "JAZARI_HOME": str(home)}, [("--help",), ("study", "nonsense")] * 18
    with ThreadPoolExecutor(6) as people:
        ended = list(people.map(lambda words: warm_start.run(words, environment, 60), typed))
    assert [one.status for one in ended] == [0, 2] * 18


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
