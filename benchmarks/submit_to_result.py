"""From submitting a run to its published result: two institutes, three rounds, every process of the network."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import small_study, studying
from benchmarks.base import Finding, Options, Outcome, at_most, median, spread
from benchmarks.network import Network, network

INSTITUTES = ("rabat", "fes")
ROUNDS = 3
LIMIT_SECONDS = 15.0


def run(options: Options) -> Outcome:
    """Time several runs of one study, each by `jazari study run --wait`."""
    repetitions = 1 if options.smoke else 5
    with network(INSTITUTES) as made:
        study = small_study.agreed(made, "pressures", small_study.GAUSSIAN, repetitions)
        runs = [_one(made, study) for _ in range(repetitions)]
    return _outcome(runs)


def _one(made: Network, study: str) -> dict[str, Any]:
    started = time.perf_counter()
    facts = studying.run(made, INSTITUTES[0], study)
    seconds = time.perf_counter() - started
    told = made.run("study", "result", facts["result"], home=made.home(INSTITUTES[0]))["card"]
    return {
        "seconds": round(seconds, 3),
        "engine_seconds": round(told["seconds"], 3),
        "rounds": told["rounds"],
        "bytes_out_per_institute": told["bytes_received"],
    }


def _outcome(runs: list[dict[str, Any]]) -> Outcome:
    seconds, engine = [r["seconds"] for r in runs], [r["engine_seconds"] for r in runs]
    rounds = {r["rounds"] for r in runs}
    return Outcome(
        measured={"runs": runs},
        findings=[
            at_most("submit to published result, median", median(seconds), LIMIT_SECONDS, "s"),
            Finding("all runs (median, range)", f"{spread(seconds)} s, {len(runs)} runs"),
            Finding("of which from order to end in the engine", f"{spread(engine)} s"),
            Finding("rounds", ", ".join(map(str, sorted(rounds))), str(ROUNDS), rounds == {ROUNDS}),
        ],
        notes=[
            "From the start of the command `jazari study run --wait` to its end: signing and publishing the run's "
            "record, permits, FLARE's job processes, rounds, attestations of both institutes, the published result.",
        ],
    )
