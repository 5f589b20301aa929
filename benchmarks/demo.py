"""The whole demo: how long it takes, what of, and how much memory; with 2, 4 and 10 institutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.base import Finding, Options, Outcome, at_most, median, spread
from benchmarks.network import AS_INSTALLED
from benchmarks.processes import Watch

SECONDS, MEGABYTES = 90.0, 2_500.0
INSTITUTES = 4
_PHASE = re.compile(r"✓ (.*?) \((\d+\.\d) s\)")
_ATTACK = "Attack:"


def run(options: Options) -> Outcome:
    """Three demos with four institutes, three with two, one with ten."""
    plan = {2: 1} if options.smoke else {INSTITUTES: 3, 2: 3, 10: 1}
    found = {count: [_play(count) for _ in range(times)] for count, times in plan.items()}
    return _outcome(found)


def _play(institutes: int) -> dict[str, Any]:
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        report = Path(folder) / "report.json"
        words = ["demo", "--institutes", str(institutes), "--exit", "--report", str(report)]
        with Watch() as watch:
            finished = subprocess.run(
                [sys.executable, "-m", "jazari.nodes.main", *words], capture_output=True, text=True, check=False,
                env={**os.environ, **AS_INSTALLED, "COLUMNS": "1000"},
            )  # fmt: skip
        if not report.exists():
            raise RuntimeError(f"the demo with {institutes} institutes failed: {finished.stderr[-2000:]}")
        told = json.loads(report.read_text(encoding="utf-8"))
    return {
        "seconds_total": told["seconds_total"],
        "peak_memory_mb": told["peak_memory_mb"],
        "exit_status": finished.returncode,
        "phases": _phases(finished.stdout),
        "runs": {s["name"]: {key: s[key] for key in ("seconds", "rounds")} for s in told["studies"]},
        "at_peak_mb": _rounded(watch.at_peak),
        "largest_mb": _rounded(watch.largest),
        "cpu_seconds": _rounded(watch.cpu),
        "processes": watch.count,
    }


def _phases(output: str) -> list[tuple[str, float]]:
    """The demo's own steps and their seconds; the attacks as one."""
    steps = [(text, float(seconds)) for text, seconds in _PHASE.findall(output)]
    attacks = sum(seconds for text, seconds in steps if text.startswith(_ATTACK))
    return [*((text, seconds) for text, seconds in steps if not text.startswith(_ATTACK)), ("All attacks", attacks)]


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in sorted(values.items(), key=lambda item: -item[1])}


def _outcome(found: dict[int, list[dict[str, Any]]]) -> Outcome:
    findings = []
    for count, plays in found.items():
        seconds, memory = [p["seconds_total"] for p in plays], [p["peak_memory_mb"] for p in plays]
        named = f"{count} institutes"
        if count == INSTITUTES:
            findings.append(at_most(f"{named}, seconds, median", median(seconds), SECONDS, "s", 1))
            findings.append(at_most(f"{named}, peak memory (PSS), largest", max(memory), MEGABYTES, "MB", 0))
        findings.append(Finding(f"{named}, seconds (median, range)", f"{spread(seconds, 1)} s, {len(plays)} runs"))
        findings.append(Finding(f"{named}, peak memory (median, range)", f"{spread(memory, 0)} MB"))
        unequal = sum(p["exit_status"] != 0 for p in plays)
        findings.append(Finding(f"{named}, demos that showed all they claim", f"{len(plays) - unequal} of {len(plays)}",
                                "all", unequal == 0))  # fmt: skip
    typical = sorted(found[min(found, key=lambda n: abs(n - INSTITUTES))], key=lambda p: p["seconds_total"])
    shown = typical[len(typical) // 2]
    return Outcome(
        measured={"plays": {str(count): plays for count, plays in found.items()}},
        findings=findings,
        tables=[_phase_table(shown), _process_table(shown)],
        notes=[
            "`jazari demo --exit`, from its start to its report, every action a command in a process of its own.",
            "Memory is the proportional set size over all processes. Processor seconds are sampled four times a "
            "second, so the shortest commands are under-counted.",
        ],
    )


def _phase_table(play: dict[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    rows = [[text, f"{seconds:.1f}"] for text, seconds in play["phases"]]
    return "The median demo, step by step", ["step", "seconds"], rows


def _process_table(play: dict[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    rows = []
    for kind, seconds in play["cpu_seconds"].items():
        rows.append([kind, str(play["processes"][kind]), f"{seconds:.1f}", f"{play['largest_mb'].get(kind, 0):.0f}",
                     f"{play['at_peak_mb'].get(kind, 0):.0f}"])  # fmt: skip
    header = ["process", "how many", "processor seconds, all", "largest, MB", "at the peak, all, MB"]
    return "The median demo, by kind of process", header, rows
