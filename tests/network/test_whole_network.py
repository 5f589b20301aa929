"""From nothing to a verified result, by commands alone: founded, enrolled, studied, mirrored, checked offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from jazari.testing.network import ROOT, Network
from tests.network.runs import assert_sound, assert_trails_intact, start

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("network")]


def test_a_network_of_two_runs_a_study_and_an_outsider_verifies_it(duo: Network, tmp_path: Path) -> None:
    study = duo.agree("rabat", "first", ["rabat", "fes"])
    run = start(duo, "rabat", study)
    result = duo.finish_run("rabat", run.reference)
    assert_sound(run, result)
    assert all(group["subjects"] == 0 or group["subjects"] >= 10 for group in result["values"]["groups"])

    report = duo.mirror(tmp_path / "outsider")
    assert report["ok"]
    assert not report["problems"]
    assert {"rabat", "fes"} <= set(report["institutes"])
    duo.wait_for_record("fes", result["result"])
    assert duo.run("fes", "study", "result", result["result"])["values"] == result["values"]
    assert {row["namespace"] for row in duo.run(ROOT, "root", "status")["institutes"] if row["online"]} >= {
        "rabat",
        "fes",
    }
    assert_trails_intact(duo)
