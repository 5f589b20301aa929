"""What a round costs on FLARE when nothing needs computing: ours, deployed, beside plain FLARE with its defaults."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import plain_flare, small_study, studying
from benchmarks.base import Finding, Options, Outcome, at_most, median, spread
from benchmarks.network import Network, network
from jazari.studies.cards import run_id

INSTITUTES = ("rabat", "casablanca", "fes")
LIMIT_SECONDS = 0.5


def run(options: Options) -> Outcome:
    """Our network, then plain FLARE, one after the other on the same machine."""
    repetitions, rounds = (1, 3) if options.smoke else (6, 20)
    starts, ours = _ours(repetitions)
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        plain = plain_flare.round_seconds(Path(folder), len(INSTITUTES), rounds)
    return _outcome(starts, ours, plain)


def _ours(repetitions: int) -> tuple[list[float], list[float]]:
    """Seconds until the first round is complete, and of each later round, over several runs."""
    starts: list[float] = []
    rounds: list[float] = []
    with network(INSTITUTES) as made:
        study = small_study.agreed(made, "illness", small_study.BINOMIAL, repetitions)
        for _ in range(repetitions):
            run_record = studying.run(made, INSTITUTES[0], study)["run"]
            first, later = _rounds_of(made, run_record)
            starts.append(first)
            rounds += later
    return starts, rounds


def _rounds_of(made: Network, run_record: str) -> tuple[float, list[float]]:
    """From the Root's durable files: when the order was written, and when each round's total was complete."""
    folder = made.root / "engine" / "runs" / run_id(run_record)
    moments = [path.stat().st_mtime for path in (folder / "order.json", *sorted((folder / "rounds").glob("*.total")))]
    seconds = [later - earlier for earlier, later in pairwise(moments)]
    return seconds[0], seconds[1:]


def _outcome(starts: list[float], ours: list[float], plain: list[float]) -> Outcome:
    faster = median(plain) / median(ours)
    return Outcome(
        measured={
            "our_round_seconds": [round(s, 4) for s in ours],
            "our_first_round_seconds": [round(s, 3) for s in starts],
            "plain_round_seconds": [round(s, 4) for s in plain],
        },
        findings=[
            at_most("Jazari on FLARE, seconds per round, median", median(ours), LIMIT_SECONDS, "s"),
            Finding("all rounds (median, range)", f"{spread(ours)} s, {len(ours)} rounds of {len(starts)} runs"),
            Finding("order to the first round's total (job processes start)", f"{spread(starts)} s"),
            Finding("plain FLARE, seconds per round (median, range)", f"{spread(plain)} s, {len(plain)} rounds"),
            Finding("plain FLARE / Jazari", f"{faster:.1f} times"),
        ],
        notes=[
            "Ours: a logistic regression on 400 rows per institute through the Root and three institutes, each with "
            "web server, worker and engine; a round is the time between two totals on the Root's disk, so it holds "
            "guard, contract checks, and durable answers and totals at every node.",
            "Plain: `nvflare provision`, ScatterAndGather and NPTrainer on nine numbers, no setting changed; a round "
            "is the time between two starts in the server's log. No guard, no durable answers.",
        ],
    )
