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
            said = finished.stderr.strip().splitlines() or ["nothing was said"]
            return {"exit_status": finished.returncode, "failed": said[-1]}
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
    ended = {count: [p for p in plays if "failed" not in p] for count, plays in found.items()}
    failures = [f"{n} institutes: {p['failed']}" for n, plays in found.items() for p in plays if "failed" in p]
    return Outcome(
        measured={"plays": {str(count): plays for count, plays in found.items()}},
        findings=[finding for count, plays in found.items() for finding in _findings(count, plays, ended[count])],
        tables=_tables(ended),
        notes=[
            "`jazari demo --exit`, from its start to its report, every action a command in a process of its own.",
            "Memory is the proportional set size over all processes. Processor seconds are sampled four times a "
            "second, so the shortest commands are under-counted.",
            *(f"A demo failed with {failure}" for failure in failures),
        ],
    )


def _findings(count: int, plays: list[dict[str, Any]], ended: list[dict[str, Any]]) -> list[Finding]:
    named, good = f"{count} institutes", sum(p["exit_status"] == 0 for p in plays)
    said = f"{good} of {len(plays)}"
    findings = [Finding(f"{named}, demos that showed all they claim", said, "all", good == len(plays))]
    if not ended:
        return findings
    seconds, memory = [p["seconds_total"] for p in ended], [p["peak_memory_mb"] for p in ended]
    if count == INSTITUTES:
        findings.append(at_most(f"{named}, seconds, median", median(seconds), SECONDS, "s", 1))
        findings.append(at_most(f"{named}, peak memory (PSS), largest", max(memory), MEGABYTES, "MB", 0))
    processor = [sum(p["cpu_seconds"].values()) for p in ended]
    return [
        *findings,
        Finding(f"{named}, seconds (median, range)", f"{spread(seconds, 1)} s, {len(ended)} runs"),
        Finding(f"{named}, processor seconds (median, range)", f"{spread(processor, 0)} s"),
        Finding(f"{named}, peak memory (median, range)", f"{spread(memory, 0)} MB"),
    ]


def _tables(ended: dict[int, list[dict[str, Any]]]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Steps and processes of the median demo with four institutes, or the nearest number there is."""
    counts = sorted((count for count, plays in ended.items() if plays), key=lambda count: abs(count - INSTITUTES))
    if not counts:
        return []
    plays = sorted(ended[counts[0]], key=lambda play: float(play["seconds_total"]))
    shown, named = plays[len(plays) // 2], f"The median demo with {counts[0]} institutes"
    return [_phase_table(named, shown), _process_table(named, shown)]


def _phase_table(named: str, play: dict[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    rows = [[text, f"{seconds:.1f}"] for text, seconds in play["phases"]]
    return f"{named}, step by step", ["step", "seconds"], rows


def _process_table(named: str, play: dict[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    rows = []
    for kind, seconds in play["cpu_seconds"].items():
        rows.append([kind, str(play["processes"][kind]), f"{seconds:.1f}", f"{play['largest_mb'].get(kind, 0):.0f}",
                     f"{play['at_peak_mb'].get(kind, 0):.0f}"])  # fmt: skip
    header = ["process", "how many", "processor seconds, all", "largest, MB", "at the peak, all, MB"]
    return f"{named}, by kind of process", header, rows
