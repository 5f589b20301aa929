"""kill -9 at any moment, on both sides: no round twice, the same bytes again, one transcript."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jazari.studies.coordinator import Coordinator
from jazari.studies.messages import decode
from jazari.studies.participant import Participant
from jazari.studies.tests.builders import LOGISTIC, drive, make_order, make_sites, make_study, spooled

REPOSITORY = Path(__file__).parents[3]
DRIVER = """
import sys, pathlib
from jazari.studies.coordinator import Coordinator
from jazari.studies.participant import Participant
folder = pathlib.Path(sys.argv[1])
coordinator = Coordinator.open(folder / "runs", "r-1")
participants = {n: Participant(folder / "sites" / n / "engine", n) for n in coordinator.order.participants}
while pending := coordinator.pending():
    request = coordinator.request()
    for name in pending:
        coordinator.receive(name, participants[name].answer("r-1", request))
        print("one more answer", flush=True)
"""


def run_until_killed(folder: Path, seconds: float) -> None:
    """Drive the run in another process and kill -9 it so long after one more answer."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder)], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


def test_kill_9_at_any_moment(tmp_path: Path) -> None:
    study = make_study("glm", LOGISTIC, ["fes", "rabat"])
    sites = make_sites(tmp_path / "sites", rows=2000)
    for site in sites.values():
        site.permit(study)
    coordinator = Coordinator(tmp_path / "runs", make_order(study))
    source = random.Random(1)
    seen: dict[Path, bytes] = {}
    for _ in range(8):
        run_until_killed(tmp_path, source.random() * 0.06)
        files = [p for p in tmp_path.rglob("*") if p.suffix in (".answer", ".total") and not p.name.startswith(".")]
        for path, before in seen.items():
            assert path.read_bytes() == before
        assert len(files) > len(seen), "it was killed before it did anything"
        seen |= {path: path.read_bytes() for path in files}
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    outcome = coordinator.outcome()
    assert set(outcome.confirmed.values()) == {outcome.transcript}
    for name, site in sites.items():
        computed = [event["detail"]["round"] for event in spooled(site) if event["kind"] == "studies.guard-released"]
        assert computed == sorted(set(computed))
        for number in range(1, outcome.rounds + 1):
            sent = (site.engine / "answers" / "r-1" / f"{number:04}.answer").read_bytes()
            assert (tmp_path / "runs" / "r-1" / "rounds" / f"{number:04}.{name}.answer").read_bytes() == sent


@pytest.mark.parametrize("where", ["notebook.write_private", "participant.write_event", "ledger.write_private"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_participant_cut_at_each_write_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, moment: str
) -> None:
    """Every write in turn is the last thing that happens; then the same request is asked again."""
    study = make_study("glm", LOGISTIC, ["fes"])
    site = make_sites(tmp_path / "sites", ["fes"])["fes"]
    site.permit(study)
    coordinator = Coordinator(tmp_path / "runs", make_order(study))
    module, name = where.split(".")
    target = f"jazari.studies.{module}.{name}"
    honest = getattr(sys.modules[f"jazari.studies.{module}"], name)
    cuts = 0
    while coordinator.pending():
        request = coordinator.request()
        with monkeypatch.context() as patched:
            patched.setattr(target, cut_at(honest, cuts, moment))
            try:
                answer = Participant(site.engine, "fes").answer("r-1", request)
            except SystemExit:
                cuts += 1
                continue
        assert Participant(site.engine, "fes").answer("r-1", request) == answer
        cuts = 0
        coordinator.receive("fes", answer)
    assert coordinator.outcome().confirmed["fes"] == coordinator.outcome().transcript


def cut_at(honest: Callable[..., object], number: int, moment: str) -> Callable[..., object]:
    """``honest``, but the process ends before or after its call of this number."""
    calls = iter(range(1_000_000))

    def cut(*arguments: object) -> object:
        last = next(calls) == number
        if last and moment == "before":
            raise SystemExit
        written = honest(*arguments)
        if last:
            raise SystemExit
        return written

    return cut


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_coordinator_cut_at_each_write_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    study = make_study("glm", LOGISTIC, ["fes", "rabat"])
    sites = make_sites(tmp_path / "sites")
    for site in sites.values():
        site.permit(study)
    Coordinator(tmp_path / "runs", make_order(study))
    from jazari.studies import coordinator as module

    honest, writes = module.write_private, [0]

    def cut(path: Path, data: bytes) -> None:
        writes[0] += 1
        if writes[0] % 2 and moment == "before":
            raise SystemExit
        honest(path, data)
        if writes[0] % 2:
            raise SystemExit

    monkeypatch.setattr(module, "write_private", cut)
    finished = False
    while not finished:
        try:
            opened = Coordinator.open(tmp_path / "runs", "r-1")
            drive(opened, {name: site.participant() for name, site in sites.items()})
            finished = True
        except SystemExit:
            continue
    monkeypatch.undo()
    outcome = Coordinator.open(tmp_path / "runs", "r-1").outcome()
    assert set(outcome.confirmed.values()) == {outcome.transcript}


def test_a_total_is_on_disk_before_anybody_is_told(tmp_path: Path) -> None:
    study = make_study("glm", LOGISTIC, ["fes", "rabat"])
    sites = make_sites(tmp_path / "sites")
    for site in sites.values():
        site.permit(study)
    coordinator = Coordinator(tmp_path / "runs", make_order(study))
    while coordinator.pending():
        message = decode(coordinator.request())
        if message.round > 1:
            stored = decode((tmp_path / "runs" / "r-1" / "rounds" / f"{message.round - 1:04}.total").read_bytes())
            assert {n: a.tobytes() for n, a in stored.arrays.items()} == {
                n: a.tobytes() for n, a in message.arrays.items()
            }
        for name in coordinator.pending():
            coordinator.receive(name, sites[name].participant().answer("r-1", coordinator.request()))
