"""The demo's studies: data sets are offered, studies proposed, decided by stewards, and run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jazari.nodes.demo import texts
from jazari.nodes.demo.data import SURVEY, TRIALS, Site, region_names, soil_records, write_data_set
from jazari.nodes.demo.founding import DemoNetwork, at_once, steward_key
from jazari.nodes.errors import DemoFailed

REFUSAL = "No soil was measured in our records, so this model would say nothing about our region."
RUN_SECONDS = "240"


@dataclass
class StudyOutcome:
    """What the report says of one study, and where its result is.

    ``refused_by_check``: by institute, the code and sentence with which its check on site refused.
    """

    name: str
    reference: str
    agreement: str
    approved: list[str]
    refused: list[str]
    disclosures: dict[str, list[str]] = field(default_factory=dict)
    refused_by_check: dict[str, tuple[str, str]] = field(default_factory=dict)
    run: str = ""
    status: str = ""
    result: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


def offer_data(network: DemoNetwork) -> dict[str, list[str]]:
    """Each institute receives the rows of its own region, registers them as two data sets and publishes their cards.

    The references by data set.
    """
    frame, names = soil_records(), region_names()

    def write(site: Site, name: str) -> tuple[Path, Path, Path]:
        folder = network.home(site.namespace) / "data"
        data, schema = write_data_set(frame, site, folder, texts.declaration(site), name)
        about = folder / f"{name}.about.toml"
        about.write_text(texts.description(site, names[site.region]), encoding="utf-8")
        return data, schema, about

    def offer(given: tuple[Site, dict[str, tuple[Path, Path, Path]]]) -> list[str]:
        site, files = given
        home, run = network.home(site.namespace), network.operator.run
        for name, (data, schema, about) in files.items():
            run("dataset", "register", name, "--data", data, "--schema", schema, "--about", about, home=home)
        return [str(run("dataset", "publish", name, home=home)["record"]) for name in files]

    files = [(site, {name: write(site, name) for name in (SURVEY, TRIALS)}) for site in network.sites]
    published = at_once(offer, files)
    return {name: [references[place] for references in published] for place, name in enumerate((SURVEY, TRIALS))}


def main_proposals(datasets: dict[str, list[str]]) -> dict[str, str]:
    """The text of the first proposals (TOML), by name, in the order in which they are run."""
    by_region = "Where soil measurements are missing, by region"
    return {
        "soil-by-region": texts.statistics_proposal("soil-by-region", "region", by_region, datasets[SURVEY]),
        "fertiliser-model": texts.linear_proposal(datasets[TRIALS]),
    }


def propose(network: DemoNetwork, proposals: dict[str, str]) -> list[StudyOutcome]:
    """The first institute publishes the studies."""
    proposed = []
    for name, text in proposals.items():
        file = network.proposer / "data" / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        facts = network.operator.run("study", "propose", file, home=network.proposer)
        proposed.append(StudyOutcome(name, facts["study"], facts["agreement"], [], []))
    return proposed


def decide(network: DemoNetwork, studies: list[StudyOutcome]) -> None:
    """Every steward checks each study on site and decides; one refuses the model, with a reason."""
    at_once(lambda site: _decide_all(network, site, studies), network.sites)
    network.operator.run("sync", home=network.proposer)
    for study in studies:
        facts = network.operator.run("study", "show", study.reference, home=network.proposer)
        study.approved, study.refused = facts["approved"], facts["refused"]


def _decide_all(network: DemoNetwork, site: Site, studies: list[StudyOutcome]) -> None:
    home, run = network.home(site.namespace), network.operator.run
    run("sync", home=home)
    key = steward_key(network, site.namespace)
    for study in studies:
        reason = _reason_to_refuse(network, site, study)
        if reason:
            run("study", "refuse", study.reference, "--reason", reason, "--steward-key", key, home=home)
        else:
            run("study", "approve", study.reference, "--steward-key", key, home=home)


def _reason_to_refuse(network: DemoNetwork, site: Site, study: StudyOutcome) -> str:
    """What the steward says, or nothing: the region without measurements refuses, and whoever's check refuses."""
    if _refuses(network, site, study):
        return REFUSAL
    report = network.operator.finish("study", "check", study.reference, "--home", network.home(site.namespace))
    if "disclosures" not in report:
        raise DemoFailed(f"{site.namespace} could not check {study.name}: {report.get('error', {}).get('message', '')}")
    study.disclosures[site.namespace] = report["disclosures"]
    if report["refused"]:
        study.refused_by_check[site.namespace] = (str(report["code"]), str(report["refused"]))
    return str(report["refused"])


def _refuses(network: DemoNetwork, site: Site, study: StudyOutcome) -> bool:
    """The region without soil measurements, where there are institutes enough to go on without it."""
    return study.name == "fertiliser-model" and site.namespace == "guelmim" and len(network.sites) > 2


def run_one(network: DemoNetwork, study: StudyOutcome) -> None:
    """Run one study and read its result."""
    run, home = network.operator.run, network.proposer
    facts = run("study", "run", study.reference, "--wait", "--timeout", RUN_SECONDS, home=home)
    study.run, study.status, study.result = facts["run"], facts["state"], facts["result"]
    told = run("study", "result", study.result, home=home)
    study.card, study.values = told["card"], told["values"]


def why_not(network: DemoNetwork, namespace: str, study: StudyOutcome) -> str:
    """What the audit trail of an institute that did not take part says about the run."""
    trail = network.operator.run("audit", "list", "--kind", "studies.not-taking-part", home=network.home(namespace))
    entries = [entry for entry in trail["entries"] if entry["subject"] == study.run]
    return str(entries[0]["detail"]["message"]) if entries else ""


def ask_by_crop(network: DemoNetwork, datasets: dict[str, list[str]]) -> StudyOutcome:
    """One more question about the same places: less what was told, it would be about a few of them."""
    title = "Soil measurements by crop, and where they are missing"
    text = texts.statistics_proposal("soil-by-crop", "crop", title, datasets[SURVEY])
    return _checked_at_home(network, "soil-by-crop", text)


def allow_budgets(network: DemoNetwork) -> None:
    """Every steward allows as much as one run of the private study spends."""
    for_all = [network.home(site.namespace) for site in network.sites]
    at_once(lambda home: network.operator.run("dataset", "budget", SURVEY, "--epsilon", str(texts.EPSILON), home=home),
            for_all)  # fmt: skip


def ask_privately(network: DemoNetwork, datasets: dict[str, list[str]]) -> StudyOutcome:
    """Propose the private study and let the stewards decide."""
    (study,) = propose(network, {"soil-private": texts.private_proposal("soil-private", datasets[SURVEY])})
    decide(network, [study])
    return study


def ask_privately_again(network: DemoNetwork, datasets: dict[str, list[str]]) -> StudyOutcome:
    """The same question as another study, when the budget is spent."""
    name = "soil-private-again"
    return _checked_at_home(network, name, texts.private_proposal(name, datasets[SURVEY]))


def _checked_at_home(network: DemoNetwork, name: str, text: str) -> StudyOutcome:
    """Propose a study that the proposer's own steward then checks on site."""
    (study,) = propose(network, {name: text})
    _reason_to_refuse(network, network.sites[0], study)
    return study
