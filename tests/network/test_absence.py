"""Nodes that are away: the Root shows it, nothing waits for ever, and whoever comes back catches up by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from jazari.testing import made_up
from jazari.testing.network import ROOT, Network, write_json
from jazari.testing.waiting import until
from tests.network.runs import ALL, OF_ALL, assert_sound, assert_trails_intact, start

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.xdist_group("network")]
OFFLINE_WITHIN_SECONDS = 60
CARD = {"title": {"fr": "Avis"}, "description": {"fr": "Un avis."}}


def _notice(folder: Path, name: str) -> Path:
    return write_json(folder / f"{name}.json", {"type": "institute", "name": name, "card": CARD})


def test_an_institute_that_was_away_catches_up_by_itself(trio: Network, tmp_path: Path) -> None:
    until(lambda: trio.is_online("agadir"), "agadir is online")
    trio.offer_together("plots-while-away", *ALL)
    trio.node("agadir").stop()
    notice = trio.run("fes", "publish", _notice(tmp_path, "while-agadir-was-away"))["record"]
    plots = trio.plots(*ALL, data_set="plots-while-away")
    study = trio.propose("rabat", made_up.proposal("for-agadir", plots, secure_aggregation=False))
    trio.approve(study, "fes", "rabat")
    without = start(trio, "rabat", study)
    missed = trio.finish_run("rabat", without.reference)
    assert missed["card"]["provenance"]["participants"] == ["fes", "rabat"]
    until(lambda: not trio.is_online("agadir"), "the Root shows agadir offline", OFFLINE_WITHIN_SECONDS)
    assert trio.is_online("fes")

    trio.serve("agadir")
    until(lambda: trio.is_online("agadir"), "the Root shows agadir online")
    for reference in (notice, study, without.reference, missed["result"]):
        trio.wait_for_record("agadir", reference)
    until(lambda: trio.trail("agadir", "studies.not-taking-part", without.reference), "agadir notes the run")
    assert trio.run("agadir", "study", "result", missed["result"])["values"] == missed["values"]

    together = trio.agree("rabat", "with-agadir", ALL, data_set=OF_ALL)
    run = start(trio, "rabat", together)
    assert_sound(run, trio.finish_run("rabat", run.reference))


def test_while_the_root_is_away_all_is_readable_and_publications_wait(trio: Network, tmp_path: Path) -> None:
    study = trio.agree("rabat", "before-the-root-left", ["fes", "rabat"])
    result = trio.finish_run("rabat", start(trio, "rabat", study).reference)
    trio.wait_for_record("fes", result["result"])
    draft = _notice(tmp_path, "while-the-root-was-away")
    trio.node(ROOT).stop()

    assert trio.run("fes", "study", "show", study)["results"] == [result["result"]]
    assert trio.run("rabat", "study", "result", result["result"])["values"] == result["values"]
    assert trio.run("fes", "search", "parcelles")["items"]
    assert trio.run("fes", "study", "check", study)["refused"] == ""
    assert trio.run("fes", "mirror", tmp_path / "copy", "--records-only")["records"] > 0
    refusal = trio.refused("fes", "publish", draft)
    assert (refusal.code, refusal.status) == ("federation.root-unreachable", 5)
    assert "nothing is lost" in refusal.sentence
    refusal = trio.refused("fes", "sync")
    assert refusal.status == 5

    trio.serve(ROOT)
    trio.wait_for_record(ROOT, "fes/institute/while-the-root-was-away@1", 180)
    assert trio.run("fes", "publish", draft)["record"] == "fes/institute/while-the-root-was-away@1"
    run = start(trio, "rabat", trio.agree("rabat", "after-the-root-came-back", ["fes", "rabat"]))
    assert_sound(run, trio.finish_run("rabat", run.reference))
    assert_trails_intact(trio)


def test_a_decision_made_while_the_root_is_away_arrives_later(trio: Network) -> None:
    study = trio.propose("rabat", made_up.proposal("decided-offline", trio.plots("fes", "rabat")))
    trio.wait_for_record("fes", study)
    trio.node(ROOT).stop()
    words = ("study", "approve", study, "--steward-key", trio.steward_key("fes"))
    assert trio.refused("fes", *words).code == "federation.root-unreachable"
    trio.serve(ROOT)

    def approved() -> bool:
        trio.run("rabat", "sync")
        return "fes" in trio.run("rabat", "study", "show", study)["approved"]

    until(approved, "fes's approval reaches rabat", 180)
    decisions = trio.run("rabat", "study", "show", study)["decisions"]
    assert [(decision["institute"], decision["number"]) for decision in decisions] == [("fes", 1)]
