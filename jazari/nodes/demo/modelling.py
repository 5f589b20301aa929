"""From a study's result to a model that others can use: published, judged where it was trained, applied."""

from __future__ import annotations

from typing import Any

from jazari.nodes.demo import texts
from jazari.nodes.demo.data import TRIALS
from jazari.nodes.demo.founding import DemoNetwork
from jazari.nodes.demo.studying import StudyOutcome, decide, propose

RESPONSE = "recommended_n"


def publish(network: DemoNetwork, trained: StudyOutcome) -> str:
    """The proposer publishes the model of one response; its record."""
    about = network.proposer / "data" / "nitrogen.about.toml"
    about.write_text(texts.MODEL_ABOUT, encoding="utf-8")
    words = ("model", "publish", trained.result, "--name", "nitrogen", "--about", about, "--response", RESPONSE)
    return str(network.operator.run(*words, home=network.proposer)["record"])


def propose_evaluation(
    network: DemoNetwork, model: str, trained: StudyOutcome, datasets: dict[str, list[str]]
) -> StudyOutcome:
    """A study that judges the model on the institutes that trained it; their stewards decide."""
    shown = network.operator.run("model", "show", model, home=network.proposer)
    parameters = shown["evaluation_parameters"] | {"by": ["crop"]}
    asked = [reference for reference in datasets[TRIALS] if reference.split("/")[0] in trained.approved]
    text = texts.evaluation_proposal("fertiliser-judged", asked, parameters)
    (study,) = propose(network, {"fertiliser-judged": text})
    decide(network, [study])
    return study


def judge_and_apply(network: DemoNetwork, model: str, judged: StudyOutcome) -> dict[str, Any]:
    """The card gets the figures; another institute verifies the model and applies it to rows of its own."""
    run = network.operator.run
    card = run("model", "add-evaluation", model, judged.result, home=network.proposer)["record"]
    reader = network.home(network.sites[1].namespace)
    run("sync", home=reader)
    rows = reader / "data" / "fields.csv"
    rows.write_text(texts.FIELDS, encoding="utf-8")
    predicted = run("model", "predict", card, "--data", rows, home=reader)
    whole = run("model", "show", card, home=reader)["card"]["evaluations"][0]["groups"][0]
    return {
        "record": card,
        "rows": whole["rows"],
        "r_squared": whole["figures"]["r_squared"],
        "predictions": [float(row["prediction"]) for row in predicted["predictions"]],
    }
