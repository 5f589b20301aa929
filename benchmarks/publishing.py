"""The cost of one publication with few and with many records already there: it should follow the change alone."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from benchmarks.base import Finding, Options, Outcome, median
from benchmarks.big_log import BigLog, Measured, big_log

SIZES = (1_000, 10_000, 100_000)
LARGEST_RATIO = 1.5
COLUMNS = {
    "institute_seconds": "institute, ms",
    "root_seconds": "Root, ms",
    "reader_seconds": "reader, ms",
    "https_seconds": "whole upload by HTTPS, ms",
    "institute_bytes": "institute, bytes sent",
    "root_bytes": "Root, bytes written",
    "reader_bytes": "reader, bytes received",
}


def run(options: Options) -> Outcome:
    """Build the logs, then publish in each of them in turn, so that all see the same machine."""
    sizes, repetitions, unmeasured = ((20, 40), 2, 0) if options.smoke else (SIZES, 30, 3)
    with ExitStack() as stack:
        logs = [stack.enter_context(big_log(size)) for size in sizes]
        built = {log.size: _build(log) for log in logs}
        found: dict[int, list[Measured]] = {size: [] for size in sizes}
        for repetition in range(repetitions + unmeasured):
            for log in logs:
                measured = log.publish_one()
                if repetition >= unmeasured:
                    found[log.size].append(measured)
    return _outcome(found, built)


def _build(log: BigLog) -> dict[str, Any]:
    filled = log.fill()
    seconds, size = log.read_all()
    return {"fill_seconds": round(filled, 1), "first_read_seconds": round(seconds, 2), "first_read_bytes": size}


def _outcome(found: dict[int, list[Measured]], built: dict[int, dict[str, Any]]) -> Outcome:
    medians = {
        size: {column: median(getattr(each, column) for each in measured) for column in COLUMNS}
        for size, measured in found.items()
    }
    smallest, largest = medians[min(medians)], medians[max(medians)]
    findings = []
    for column, told in COLUMNS.items():
        ratio = largest[column] / smallest[column]
        value = f"{_shown(column, smallest)} to {_shown(column, largest)}, {ratio:.2f} times"
        findings.append(Finding(told, value, f"at most {LARGEST_RATIO} times", ratio <= LARGEST_RATIO))
    return Outcome(
        measured={
            "medians": {str(size): values for size, values in medians.items()},
            "built": {str(size): facts for size, facts in built.items()},
            "all": {str(size): [vars(each) for each in measured] for size, measured in found.items()},
        },
        findings=findings,
        tables=[_table(medians), _first_reads(built)],
        notes=[
            f"Medians of {len(found[min(found)])} publications of one dataset card, in turn in networks of "
            f"{', '.join(f'{size:,}' for size in found)} records. The finding compares the smallest and the largest.",
            "Institute: number, sign, keep in the outbox, and count as published; without the upload. Root: take the "
            "body apart, every check of acceptance and card, commit. Reader: refresh over HTTPS with Range from the "
            "Root's own web process. Everything is flushed to disk as in operation.",
        ],
    )


def _shown(column: str, values: dict[str, float]) -> str:
    return f"{values[column]:,.0f}" if column.endswith("bytes") else f"{values[column] * 1000:.1f}"


def _table(medians: dict[int, dict[str, float]]) -> tuple[str, list[str], list[list[str]]]:
    header = ["", *(f"{size:,} records" for size in medians)]
    rows = [[told, *(_shown(column, values) for values in medians.values())] for column, told in COLUMNS.items()]
    return "One publication", header, rows


def _first_reads(built: dict[int, dict[str, Any]]) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [f"{size:,}", f"{facts['first_read_seconds']:.2f}", f"{facts['first_read_bytes']:,}"]
        for size, facts in built.items()
    ]
    return "A reader that has nothing yet", ["records", "seconds", "bytes"], rows
