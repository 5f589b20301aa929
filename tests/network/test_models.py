"""A model's life over real nodes: trained, published, judged at two institutes, fetched and applied at the other."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from jazari.testing.network import Network
from tests.network.runs import start

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("network"), pytest.mark.slow]

ABOUT = """
title = { fr = "Bonne récolte", en = "Good harvest" }
description = { en = "The chance of a good harvest, from soil pH and crop." }
intended_use = { en = "Tests." }
limits = { en = "Made-up data." }
licence = { name = "CC0-1.0" }
"""


def test_a_model_is_trained_published_judged_and_applied(duo: Network, tmp_path: Path) -> None:
    institutes = ["rabat", "fes"]
    duo.offer_together("plots-of-a-model", *institutes)
    run = start(duo, "rabat", duo.agree("rabat", "harvest", institutes, "glm", "plots-of-a-model"))
    result = duo.finish_run("rabat", run.reference)["result"]
    (tmp_path / "about.toml").write_text(ABOUT, encoding="utf-8")
    words = ("model", "publish", result, "--name", "harvest", "--about", tmp_path / "about.toml")
    model = duo.run("rabat", *words)["record"]
    assert duo.run("rabat", *words)["record"] == model

    parameters = duo.run("rabat", "model", "show", model)["evaluation_parameters"] | {"by": ["crop"]}
    duo.wait_for_record("fes", model)
    study = duo.agree("rabat", "harvest-judged", institutes, "evaluation", "plots-of-a-model", parameters=parameters)
    report = duo.run("fes", "study", "check", study)
    assert report["refused"] == ""
    judged = duo.finish_run("rabat", start(duo, "rabat", study).reference)
    assert judged["values"]["groups"][0]["auc"] > 0.75
    sha256 = parameters["sha256"]
    assert all((duo.home(name) / "engine" / "inputs" / sha256).is_file() for name in institutes)

    newest = duo.run("rabat", "model", "add-evaluation", model, judged["result"])["record"]
    duo.wait_for_record("fes", newest)
    card = duo.run("fes", "model", "show", newest)["card"]
    assert card["evaluations"][0]["groups"][0]["figures"]["auc"] == judged["values"]["groups"][0]["auc"]
    rows, told = tmp_path / "rows.csv", tmp_path / "told.csv"
    rows.write_text("ph,crop\n4.5,wheat\n8.5,maize\n", encoding="utf-8")
    duo.run("fes", "model", "predict", newest, "--data", rows, "--out", told)
    with told.open(encoding="utf-8", newline="") as file:
        assert [row["prediction"] for row in csv.DictReader(file)] == ["0", "1"]
    file_out = tmp_path / "harvest.safetensors"
    duo.run("fes", "model", "fetch", newest, "--out", file_out)
    blob = duo.home("fes") / "mirror" / "targets"
    (kept,) = [path for path in blob.rglob(f"*{sha256}*") if path.is_file()]
    kept.write_bytes(kept.read_bytes()[:-1] + b"\x00")
    refused = duo.refused("fes", "model", "predict", newest, "--data", rows)
    assert refused.status == 7
    kept.write_bytes(file_out.read_bytes())
