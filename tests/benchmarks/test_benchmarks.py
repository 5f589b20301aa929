"""The benchmarks run, at a size whose figures mean nothing. How fast anything is, no test asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.__main__ import NAMES
from benchmarks.base import HEART_DATA, Finding, Outcome
from benchmarks.processes import kind_of

REPOSITORY = Path(__file__).parents[2]
NEED_HEART_DATA = ("heart_disease", "heart_recipes", "rounds_to_score")
CIRCUMSTANCES = {
    "date": "2026-01-01T00:00:00Z",
    "size": "smoke",
    "command": "make bench ARGS=demo",
    "seconds": 1.0,
    "machine": {"processor": "p", "cores": 2, "memory_gb": 1.0, "system": "s"},
    "versions": {"python": "3"},
    "busyness": {"load_before": 0.0, "others_share": 0.25},
}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )  # fmt: skip


def test_help_names_every_benchmark() -> None:
    told = bench("--help")
    assert told.returncode == 0
    assert all(name in told.stdout for name in NAMES)


def test_an_unknown_benchmark_is_refused_with_the_names_there_are() -> None:
    told = bench("speed")
    assert told.returncode == 2
    assert "flare_rounds" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("name", NEED_HEART_DATA)
def test_without_the_heart_data_a_benchmark_is_skipped_with_a_clear_line(name: str, tmp_path: Path) -> None:
    told = bench(name, "--heart-data", str(tmp_path))
    assert told.returncode == 0
    assert f"skipped: {tmp_path} does not hold the hospitals' files" in told.stdout


def test_the_table_tells_what_was_missed_and_on_what_it_was_measured(tmp_path: Path) -> None:
    outcome = Outcome(findings=[Finding("seconds", "9 s", "at most 5 s", met=False)], notes=["A | note."])
    results.write(tmp_path, results.document("demo", "how | long", outcome, **CIRCUMSTANCES))
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| seconds | 9 s | at most 5 s | **no** |" in text
    assert "2 cores" in text
    assert "Others used 25%" in text
    assert "the figures mean nothing" in text


def test_a_process_is_known_by_its_command_line() -> None:
    python = [sys.executable, "-m"]
    assert kind_of([*python, "jazari.nodes.main", "study", "check", "x/study/y@1"]) == "jazari study check"
    assert kind_of([*python, "jazari.nodes.main", "board", "key", "create", "k"]) == "jazari board key create"
    assert kind_of([*python, "jazari.studies.flare.process", "site-job", "e"]) == "job process at an institute"
    assert kind_of([*python, "jazari.nodes.worker", "home"]) == "worker"
    assert kind_of(["bash"]) == "other"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_size_runs(name: str, tmp_path: Path) -> None:
    if name in NEED_HEART_DATA and not HEART_DATA.is_dir():
        pytest.skip(f"{HEART_DATA} does not hold the hospitals' files")
    told = bench(name, "--smoke", "--results", str(tmp_path))
    assert told.returncode == 0, told.stdout + told.stderr
    found = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert found["size"] == "smoke"
    assert found["findings"]
    assert found["measured"]
