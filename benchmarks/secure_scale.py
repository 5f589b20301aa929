"""How a round grows with the number of institutes, with secure aggregation and without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

from benchmarks import results
from benchmarks.base import Finding, Options, Outcome
from benchmarks.light import Measured, measure

SIZES = (4, 10, 30, 100, 300, 1000)
MEMORY = Path("/dev") / "shm"
"""Files in memory where there is some: what is compared is the work, not a disk."""

Value = Callable[[Measured], float]


def _of_one(measured: Measured) -> float:
    return sum(measured.institute_seconds.values())


PLOTS: tuple[tuple[str, str, str, Value], ...] = (
    ("root-seconds", "The Root in one round", "processor seconds", lambda m: sum(m.root_seconds.values())),
    ("institute-seconds", "One institute in one round", "processor seconds", _of_one),
    ("root-memory", "The Root's process, at most", "MB", lambda m: m.root_peak_mb),
    ("bytes-each", "One institute, both directions", "kB", lambda m: m.bytes_each / 1e3),
    ("bytes-all", "All institutes, both directions", "MB", lambda m: m.bytes_all / 1e6),
)  # fmt: skip


def run(options: Options) -> Outcome:
    """Each size plain and secure, one after the other."""
    sizes = (4, 10) if options.smoke else tuple(size for size in SIZES if size <= options.largest)
    found = [_one(size, secure) for size in sizes for secure in (False, True)]
    if not options.smoke:
        for name, title, unit, value in PLOTS:
            _plot(found, results.FOLDER / f"secure_scale-{name}.svg", title, unit, value)
    return _outcome(found)


def _one(size: int, secure: bool) -> Measured:
    with TemporaryDirectory(prefix="jazari-bench-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        found = measure(Path(folder), size, secure)
    print(f"  {size} institutes, {'secure' if secure else 'plain'}: {found.wall_seconds:.0f} s", flush=True)
    return found


def _outcome(found: Sequence[Measured]) -> Outcome:
    largest = max(found, key=lambda m: (m.institutes, m.secure))
    findings = [
        Finding(f"institutes in one {'secure' if largest.secure else 'plain'} run, at most", f"{largest.institutes:,}"),
        Finding("the Root, processor seconds of the run", f"{sum(largest.root_seconds.values()):.1f} s"),
        Finding("one institute, processor seconds of the run", f"{sum(largest.institute_seconds.values()):.2f} s"),
        Finding("the Root's process, peak", f"{largest.root_peak_mb:.0f} MB"),
        Finding("bytes to and from one institute", f"{largest.bytes_each:,.0f}"),
    ]
    header = ["institutes", "sums", *(f"{title}, {unit}" for _, title, unit, _ in PLOTS), "trips"]
    rows = [
        [
            f"{m.institutes:,}",
            "secure" if m.secure else "plain",
            *(_number(value(m)) for *_, value in PLOTS),
            str(m.trips),
        ]
        for m in found
    ]  # fmt: skip
    steps = [
        [f"{m.institutes:,}", step, _number(m.root_seconds[step]), _number(m.institute_seconds[step])]
        for m in found
        if m.secure
        for step in m.root_seconds
    ]
    return Outcome(
        measured={"runs": [asdict(m) for m in found]},
        findings=findings,
        tables=[
            ("A run of one round", header, rows),
            ("Processor seconds of each step, secure", ["institutes", "step", "Root", "one institute"], steps),
        ],
        notes=[
            "The recipe statistics over one category, in one round, with the real coordinator in a process of its own, "
            "its files in memory. Institutes are answered for in another process, one after the other: recipe, guard "
            "and protocol as everywhere, no permit, files or audit trail.",
            "An institute's seconds are the largest of three that compute everything themselves, first round and keys "
            "included. The others share what they would all find equal, so that 1,000 fit on one machine; the Root's "
            "figures do not depend on that.",
        ],
    )


def _number(value: float) -> str:
    return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def _plot(found: Sequence[Measured], path: Path, title: str, unit: str, value: Value) -> None:
    with mpl.rc_context({"svg.hashsalt": "jazari", "font.size": 11}):
        figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
        for secure, marker in ((False, "o"), (True, "s")):
            points = [m for m in found if m.secure is secure]
            label = "secure aggregation" if secure else "plain sums"
            axes.loglog([m.institutes for m in points], [value(m) for m in points], marker=marker, label=label)
        axes.set(title=title, xlabel="institutes", ylabel=unit)
        axes.grid(visible=True, which="both", alpha=0.25)
        axes.legend()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
