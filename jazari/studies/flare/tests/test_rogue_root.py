"""A Root whose server was taken over, with FLARE's own messages sent in ways that skip FLARE's own checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jazari.studies.flare.tests import rogue_server, study
from jazari.studies.flare.tests.network import SERVER, EngineNetwork, until

UNKNOWN_COMMAND = "invalid_request"
EXPECTED = {
    "shell": UNKNOWN_COMMAND,
    "system information": UNKNOWN_COMMAND,
    "environment": UNKNOWN_COMMAND,
    "site log": UNKNOWN_COMMAND,
    "errors of a job": UNKNOWN_COMMAND,
    "delete a run": UNKNOWN_COMMAND,
    "shut down": UNKNOWN_COMMAND,
    "custom code": "studies.bad-message",
    "foreign class": "studies.bad-message",
    "log streaming": "studies.bad-message",
    "no permit, deploy": "studies.no-permit",
    "no permit, resources": "studies.no-permit",
    "no permit, start": "studies.no-permit",
    "no meta": "studies.bad-message",
    "another image": "studies.bad-message",
    "start what was never deployed": "studies.internal",
}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory) -> tuple[EngineNetwork, dict[str, str]]:
    network = EngineNetwork(tmp_path_factory.mktemp("rogue"), ["rabat"])
    study.prepare(network, "allowed")
    replies = network.engine_folder(SERVER) / "replies.json"
    try:
        network.start(SERVER, rogue_server.__spec__.name, "allowed")
        network.start("rabat")
        until(replies.exists, 60, "the attack")
    finally:
        network.stop()
    return network, json.loads(replies.read_text())


@pytest.mark.parametrize("attack", EXPECTED)
def test_an_institute_refuses_with_a_code(attacked, attack) -> None:
    _, replies = attacked
    assert EXPECTED[attack] in replies[attack]
    assert len(replies[attack]) < 120


def test_every_attack_was_tried(attacked) -> None:
    assert set(attacked[1]) == set(EXPECTED)


def test_nothing_was_deployed_deleted_or_run(attacked) -> None:
    network, _ = attacked
    assert not list((network.engine_folder("rabat") / "kit").glob("*-*-*-*-*"))
    assert not Path("/tmp/jazari-was-here").exists()
    assert not (network.engine_folder("rabat") / "answers").exists()


def test_what_was_refused_is_for_the_audit_trail(attacked) -> None:
    network, _ = attacked
    told = "".join(path.read_text() for path in (network.engine_folder("rabat") / "spool").glob("*.json"))
    assert "nobody-approved-this" in told
    assert "studies.job-refused" in told
