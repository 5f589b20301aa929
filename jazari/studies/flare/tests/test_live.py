"""Real FLARE processes on loopback: a study from order to result, and everything that is refused."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import psutil
import pytest

from jazari.governance.spool import read_event
from jazari.studies.data.loading import load_table
from jazari.studies.errors import RunConflict
from jazari.studies.flare.tests import study
from jazari.studies.flare.tests.conftest import Live
from jazari.studies.flare.tests.network import SERVER, EngineNetwork, until
from jazari.studies.participant import Participant
from jazari.studies.simulate import simulate


def _job_folders(network: EngineNetwork, name: str) -> set[str]:
    return {path.name for path in (network.engine_folder(name) / "kit").glob("*-*-*-*-*")}


def _told(network: EngineNetwork, name: str, kind: str) -> list[tuple[str, dict]]:
    events = [read_event(path)[0] for path in sorted((network.engine_folder(name) / "spool").glob("*.json"))]
    return [(event.subject, event.detail) for event in events if event.kind == kind]


def _pooled(network: EngineNetwork, names: list[str]) -> dict:
    tables = {name: load_table(network.home(name) / "data/people.csv", study.schema()) for name in names}
    return simulate(study.study_text(tuple(sorted(names))), tables).result


def test_a_study_runs_on_flare_and_gives_the_result_of_the_pure_computation(live: Live) -> None:
    network = live.network
    order = study.prepare(network, "whole")
    network.engine.start(order)
    network.engine.start(order)
    assert network.wait_for_end("whole").state == "finished"
    outcome = network.engine.outcome("whole")
    assert outcome.result == _pooled(network, network.names)
    until(lambda: len(network.engine.outcome("whole").confirmed) == 3, what="confirmations")
    assert set(network.engine.outcome("whole").confirmed.values()) == {outcome.transcript}
    for name in network.names:
        participant = Participant(network.engine_folder(name), name)
        assert participant.finish("whole") == outcome.transcript
        assert participant.result("whole") == outcome.result
        told = [
            detail["round"] for subject, detail in _told(network, name, "studies.guard-released") if "whole" in subject
        ]
        assert told == list(range(1, outcome.rounds + 1)), "a round was computed twice"


def test_a_run_reaches_exactly_its_institutes(live: Live) -> None:
    network = live.network
    before = _job_folders(network, "agadir")
    network.engine.start(study.prepare(network, "two", ["fes", "rabat"], data_set="pair"))
    assert network.wait_for_end("two").state == "finished"
    assert _job_folders(network, "agadir") == before
    assert network.engine.outcome("two").participants == ("fes", "rabat")


def test_an_institute_that_did_not_approve_refuses_and_nobody_computes(live: Live) -> None:
    network = live.network
    before = {name: _job_folders(network, name) for name in network.names}
    network.engine.start(study.prepare(network, "unapproved", approving=["fes", "rabat"], deadline=6))
    status = network.wait_for_end("unapproved")
    assert status.state == "failed"
    assert "agadir refused this run (studies.no-permit)" in status.message
    assert {name: _job_folders(network, name) for name in network.names} == before
    refused = {subject: detail["code"] for subject, detail in _told(network, "agadir", "studies.job-refused")}
    assert refused["unapproved"] == "studies.no-permit"


@pytest.mark.slow
def test_a_permit_that_comes_late_is_waited_for(live: Live) -> None:
    network = live.network
    order = study.prepare(network, "late", approving=["fes", "rabat"])
    network.engine.start(order)
    until(
        lambda: "agadir" in network.engine.status("late").message and "permit" in network.engine.status("late").message
    )
    study.prepare(network, "late", approving=["agadir"])
    assert network.wait_for_end("late").state == "finished"


def test_a_changed_study_is_refused_for_good(live: Live) -> None:
    network = live.network
    order = study.prepare(network, "changed")
    path = network.engine_folder("fes") / "permits/changed.json"
    permit = json.loads(path.read_bytes())
    permit["study"]["purpose"] = "Something else."
    path.write_text(json.dumps(permit))
    network.engine.start(order)
    status = network.wait_for_end("changed")
    assert (status.state, "fes refused this run (studies.bad-permit)" in status.message) == ("failed", True)


def test_cancelling_ends_the_run_and_its_processes(live: Live) -> None:
    network = live.network
    until(lambda: not any(network.job_processes(name) for name in (SERVER, *network.names)), what="rest")
    network.engine.start(study.prepare(network, "cancelled"))
    until(lambda: network.job_processes("rabat"), what="the job")
    for found in network.job_processes("rabat"):
        found.send_signal(signal.SIGSTOP)
    network.engine.cancel("cancelled", "The researcher changed her mind.")
    status = network.engine.status("cancelled")
    assert (status.state, status.message) == ("cancelled", "The researcher changed her mind.")
    for found in network.job_processes("rabat"):
        found.send_signal(signal.SIGCONT)
    until(lambda: not any(network.job_processes(name) for name in (SERVER, *network.names)), what="the jobs' end")


def test_a_certificate_that_the_directory_does_not_name_gets_nowhere(live: Live) -> None:
    network = live.network
    network.enrol("stranger", named=False)
    network.publish_directory()
    try:
        network.start("stranger")
        until(lambda: "does not name this certificate" in network.log(SERVER), what="the refusal")
        with pytest.raises(RunConflict, match="stranger may not take part"):
            network.engine.start(study.prepare(network, "strange", ["rabat", "stranger"]))
    finally:
        network.kill("stranger")


def test_no_process_of_an_institute_talks_to_anybody_but_the_root_and_itself(live: Live) -> None:
    network = live.network
    network.engine.start(study.prepare(network, "talk"))
    allowed = network.ports("agadir")
    seen: set[int] = set()
    while not network.engine.status("talk").ended:
        processes = [psutil.Process(network.running["agadir"].pid), *network.job_processes("agadir")]
        own = {c.laddr.port for process in processes for c in _connections(process) if c.status == psutil.CONN_LISTEN}
        for process in processes:
            remote = {c.raddr.port for c in _connections(process) if c.raddr and c.laddr.port not in own}
            seen |= remote
            allowed_here = allowed | own if process.pid == network.running["agadir"].pid else own
            assert remote <= allowed_here
        time.sleep(0.02)
    assert seen


def _connections(process: psutil.Process) -> list:
    try:
        return process.net_connections("inet")
    except psutil.NoSuchProcess:
        return []


def test_the_engine_says_when_its_server_does_not_run(tmp_path: Path) -> None:
    network = EngineNetwork(tmp_path, ["rabat"])
    network.engine.start(study.prepare(network, "alone"))
    assert "jazari serve" in network.engine.status("alone").message
    network.engine.revoke("rabat")
    assert network.engine.status("alone").state == "failed"
    with pytest.raises(RunConflict):
        network.engine.start(study.prepare(network, "again"))


def test_revoking_cuts_an_institute_off_and_fails_its_runs(idle: EngineNetwork) -> None:
    idle.start_all()
    idle.engine.start(study.prepare(idle, "revoked"))
    until(lambda: idle.job_processes("fes"), what="the job")
    idle.engine.revoke("fes")
    assert idle.engine.status("revoked").state == "failed"
    assert "fes may not take part" in idle.engine.status("revoked").message
    until(lambda: not idle.is_connected("fes"), what="the cut")
    idle.engine.start(study.prepare(idle, "without", ["rabat"]))
    assert idle.wait_for_end("without").state == "finished"
    assert idle.engine.outcome("without").participants == ("rabat",)
