"""What a command costs before it does anything: as a person types it, and as the demo and the tests start many."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.base import Finding, Options, Outcome, median
from jazari.cli import warm_start

TIMEOUT_SECONDS = 120.0
REPETITIONS = 20
_WORDS = ("dataset", "list", "--json")
_LOADS_ONLY = "import django.db.models, pydantic.main, typer.main"


def run(options: Options) -> Outcome:
    """Each way in turn, so that all see the same machine; the first of each is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "JAZARI_HOME": _home(Path(folder))}
        ways: dict[str, Callable[[], object]] = {
            "python": lambda: _process(environment, "-c", "pass"),
            "libraries": lambda: _process(environment, "-c", _LOADS_ONLY),
            "typed": lambda: _process(environment, "-m", warm_start.MAIN, *_WORDS),
            "warm": lambda: warm_start.run(_WORDS, environment, TIMEOUT_SECONDS),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        processor: dict[str, list[float]] = {name: [] for name in ways}
        for repetition in range((2 if options.smoke else REPETITIONS) + 1):
            for name, start in ways.items():
                wall, own = _timed(start)
                if repetition:
                    seconds[name].append(wall)
                    processor[name].append(own)
    return _outcome(seconds, processor)


def _home(folder: Path) -> str:
    home = folder / "home"
    made = warm_start.run(
        ("institute", "create", "settat", "--title", "fr=Settat", "--plain", "--steward-plain", "--steward-key",
         str(folder / "steward.pem"), "--home", str(home)),
        os.environ, TIMEOUT_SECONDS,
    )  # fmt: skip
    if made.status:
        raise RuntimeError(made.err)
    return str(home)


def _process(environment: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)


def _timed(start: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor in processes that this one waited for."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    start()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _outcome(seconds: dict[str, list[float]], processor: dict[str, list[float]]) -> Outcome:
    typed, warm, libraries = (median(seconds[name]) for name in ("typed", "warm", "libraries"))
    return Outcome(
        measured={"seconds": seconds, "processor_seconds": processor},
        findings=[
            Finding("`jazari dataset list`, typed", f"{typed:.2f} s ({median(processor['typed']):.2f} s of processor)"),
            Finding("beside loading Django, pydantic and Typer alone", f"{typed / libraries:.2f} times"),
            Finding(
                "the same with the libraries loaded (`warm_start`)", f"{warm:.2f} s, {typed / warm:.1f} times less"
            ),
        ],
        notes=[
            f"Medians of {len(seconds['typed'])}, in turn. Python by itself starts in "
            f"{median(seconds['python']):.3f} s; with Django's models, pydantic and Typer in {libraries:.2f} s.",
        ],
    )
