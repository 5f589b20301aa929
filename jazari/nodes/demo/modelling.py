"""From a study's result to a model that others can use: published as a signed file, verified and applied elsewhere."""

from __future__ import annotations

from typing import Any

from jazari.nodes.demo import texts
from jazari.nodes.demo.founding import DemoNetwork
from jazari.nodes.demo.studying import StudyOutcome

RESPONSE = "recommended_n"


def publish(network: DemoNetwork, trained: StudyOutcome) -> str:
    """The proposer publishes the model of one response; its record."""
    about = network.proposer / "data" / "nitrogen.about.toml"
    about.write_text(texts.MODEL_ABOUT, encoding="utf-8")
    words = ("model", "publish", trained.result, "--name", "nitrogen", "--about", about, "--response", RESPONSE)
    return str(network.operator.run(*words, home=network.proposer)["record"])


def apply_elsewhere(network: DemoNetwork, model: str) -> dict[str, Any]:
    """Another institute verifies the model and applies it to rows of its own; doses in kg/ha of N."""
    reader = network.home(network.sites[1].namespace)
    network.operator.run("sync", home=reader)
    rows = reader / "data" / "fields.csv"
    rows.write_text(texts.FIELDS, encoding="utf-8")
    predicted = network.operator.run("model", "predict", model, "--data", rows, home=reader)
    doses = [float(row["prediction"]) for row in predicted["predictions"]]
    return {"record": model, "verified": predicted["verified"], "predictions": doses}
