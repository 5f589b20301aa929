"""``python -m benchmarks [names...]``: measure, and write JSON and a table."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.base import HEART_DATA, Options, Outcome
from benchmarks.machine import Busyness, machine, versions
from jazari.core.clock import timestamp
from jazari.core.errors import JazariError

NAMES = {
    "flare_rounds": "seconds per round with three institutes, beside plain NVIDIA FLARE with its defaults",
    "submit_to_result": "seconds from submitting a run of two institutes and three rounds to its published result",
    "heart_disease": "a model of four hospitals, beside the pooled optimum and FLamby's published table",
    "heart_recipes": "boosted trees and Cox models, beside the same from all rows in one place",
    "rounds_to_score": "rounds and bytes to the pooled score, exact Newton steps beside federated averaging",
    "publishing": "bytes and seconds of one publication with 1,000 to 100,000 records already there",
    "secure_aggregation": "time, bytes and trips of a round with secure aggregation, beside plain sums",
    "secure_scale": "how round time, the Root's memory and bytes grow from 4 to 1,000 institutes",
    "gateway": "what the inference gateway adds to a call, how many it carries, its memory; beside LiteLLM's proxy",
    "catalogue_search": "milliseconds of a search with facets over 100,000 cards, and of the answer as a page",
    "portal": "pages a second, milliseconds and bytes of the portal's pages, a slow line, memory and start",
    "command_start": "seconds that a command takes before it does anything, typed and with its libraries loaded",
    "demo": "seconds and memory of the whole demo",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    about = "\n".join(f"  {name:18} {what}" for name, what in NAMES.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measure, and write benchmarks/results/ (JSON and a table).\n\n{about}",
        epilog='Example: make bench ARGS="publishing demo"',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones (all by default)")
    parser.add_argument("--smoke", action="store_true", help="the smallest size: shows that it works, measures nothing")
    parser.add_argument("--results", type=Path, help="where to write (else benchmarks/results; nowhere in a smoke run)")
    parser.add_argument("--heart-data", type=Path, default=HEART_DATA, help="the folder of the four hospitals' files")
    parser.add_argument(
        "--flare-seeds", type=int, default=Options.flare_seeds, metavar="N",
        help="how many of the 20 splits of heart_disease go through the whole network (the rest in one process)",
    )  # fmt: skip
    parser.add_argument(
        "--largest", type=int, default=Options.largest, metavar="N",
        help="the most institutes that secure_scale simulates (1,000 take some 8 minutes on a quiet machine)",
    )  # fmt: skip
    parser.add_argument(
        "--litellm", type=Path, metavar="PROGRAM",
        help="LiteLLM's program, to measure it beside the gateway: ENVIRONMENT/bin/litellm of litellm[proxy]",
    )  # fmt: skip
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(NAMES))
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}: use {', '.join(NAMES)}")
    return chosen


def command(name: str, options: Options) -> str:
    """How to measure it again in the same way."""
    if name == "heart_disease" and options.flare_seeds != Options.flare_seeds:
        return f'make bench ARGS="{name} --flare-seeds {options.flare_seeds}"'
    if name == "gateway" and options.litellm is not None:
        return f'make bench ARGS="{name} --litellm {options.litellm}"'
    return f"make bench ARGS={name}"


def measure(name: str, options: Options) -> tuple[Outcome, dict[str, object]]:
    """Run one benchmark; its outcome and how long it took, on what, and how busy that was."""
    started = time.monotonic()
    with Busyness() as busyness:
        outcome = importlib.import_module(f"benchmarks.{name}").run(options)
    circumstances: dict[str, object] = {
        "date": timestamp(),
        "size": "smoke" if options.smoke else "full",
        "command": command(name, options),
        "seconds": round(time.monotonic() - started, 1),
        "machine": machine(),
        "versions": versions(),
        "busyness": busyness.to_json(),
    }
    return outcome, circumstances


def run_one(name: str, chosen: argparse.Namespace) -> int:
    """Measure one benchmark, print it and write it down; 1 if a target is missed, 2 if it cannot be measured."""
    print(f"{name}: {NAMES[name]}", flush=True)
    options = Options(chosen.smoke, chosen.heart_data, chosen.flare_seeds, chosen.largest, chosen.litellm)
    try:
        outcome, circumstances = measure(name, options)
    except JazariError as error:
        print(f"  cannot be measured: {error}", file=sys.stderr)
        return 2
    if outcome.skipped:
        print(f"  skipped: {outcome.skipped}")
        return 0
    for finding in outcome.findings:
        verdict = {True: "ok", False: "MISSED", None: ""}[finding.met]
        print(f"  {finding.measure}: {finding.value}{f' ({finding.target})' if finding.target else ''} {verdict}")
    found = results.document(name, NAMES[name], outcome, **circumstances)
    folder = chosen.results or (None if chosen.smoke else results.FOLDER)
    if folder is not None:
        print(f"  written to {results.write(folder, json.loads(json.dumps(found)))}")
    return int(not options.smoke and any(finding.met is False for finding in outcome.findings))


def run_each(names: Sequence[str], arguments: Sequence[str]) -> int:
    """Each benchmark in a process of its own, so that none inherits another's memory, database or threads."""
    others = [word for word in arguments if word not in NAMES]
    commands = [[sys.executable, "-m", "benchmarks", name, *others] for name in names]
    return max(subprocess.run(command, check=False).returncode for command in commands)


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0, or 1 if a target is missed, or 2 if something could not be measured."""
    chosen = parse(arguments)
    names = chosen.names or list(NAMES)
    return run_one(names[0], chosen) if len(names) == 1 else run_each(names, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
