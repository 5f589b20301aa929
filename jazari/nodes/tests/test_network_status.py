"""What an institute keeps of the Root's word on who is online."""

from __future__ import annotations

import json

import pytest

from jazari.core.errors import JazariError
from jazari.federation.network_status import network_status
from jazari.nodes.node_duties import duties, keep_status
from jazari.testing.live_network import LiveNetwork


def test_an_institute_keeps_what_the_root_answers(live: LiveNetwork) -> None:
    fes = live.institutes["fes"]
    assert network_status(fes) is None
    live.client("fes").wait_for_change(-1)
    keep_status(fes)
    kept = network_status(fes)
    assert kept is not None
    assert kept.institutes["fes"].online
    assert set(kept.institutes) == {"dakhla", "fes"}


def test_a_root_that_does_not_answer_leaves_the_older_word(network: LiveNetwork) -> None:
    fes = network.institutes["fes"]
    (fes.run / "network-status.json").write_text('{"moment": "2026-11-01T00:00:00Z", "institutes": {}}')
    with pytest.raises(JazariError):
        keep_status(fes)
    assert network_status(fes) is not None


def test_an_institute_asks_as_a_duty_and_the_root_does_not(network: LiveNetwork) -> None:
    assert "network status" in {duty.name for duty in duties(network.institutes["fes"])}
    assert "network status" not in {duty.name for duty in duties(network.root)}


@pytest.mark.parametrize("content", ["", "[]", '{"moment": "now"}', json.dumps({"moment": "2026-11-01T00:00:00Z"})])
def test_a_file_that_makes_no_sense_counts_as_none(network: LiveNetwork, content: str) -> None:
    fes = network.institutes["fes"]
    (fes.run / "network-status.json").write_text(content)
    assert network_status(fes) is None
