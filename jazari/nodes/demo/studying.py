"""The demo's studies: data sets are offered, three studies proposed, decided by stewards, and run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jazari.nodes.demo import texts
from jazari.nodes.demo.data import Site, region_names, soil_records, write_data_set
from jazari.nodes.demo.founding import DemoNetwork, at_once, steward_key

REFUSAL = "No soil was measured in our records, so this model would say nothing about our region."
RUN_SECONDS = "240"


@dataclass
class StudyOutcome:
    """What the report says of one study, and where its result is."""

    name: str
    reference: str
    agreement: str
    approved: list[str]
    refused: list[str]
    disclosures: dict[str, list[str]] = field(default_factory=dict)
    run: str = ""
    status: str = ""
    result: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


def offer_data(network: DemoNetwork) -> list[str]:
    """Each institute receives the rows of its own region, registers them and publishes a card; the references."""
    frame, names = soil_records(), region_names()

    def write(site: Site) -> tuple[Path, Path, Path]:
        folder = network.home(site.namespace) / "data"
        data, schema = write_data_set(frame, site, folder, texts.declaration(site))
        about = folder / "soil.about.toml"
        about.write_text(texts.description(site, names[site.region]), encoding="utf-8")
        return data, schema, about

    def offer(pair: tuple[Site, tuple[Path, Path, Path]]) -> str:
        site, (data, schema, about) = pair
        home, run = network.home(site.namespace), network.operator.run
        run("dataset", "register", "soil", "--data", data, "--schema", schema, "--about", about, home=home)
        return str(run("dataset", "publish", "soil", home=home)["record"])

    return at_once(offer, [(site, write(site)) for site in network.sites])


def proposals(datasets: list[str]) -> dict[str, str]:
    """The text of each proposal (TOML), by name, in the order in which they are run."""
    by_crop = "Soil measurements by crop, and where they are missing"
    by_region = "Where soil measurements are missing, by region"
    return {
        "soil-by-crop": texts.statistics_proposal("soil-by-crop", "crop", by_crop, datasets),
        "soil-by-region": texts.statistics_proposal("soil-by-region", "region", by_region, datasets),
        "fertiliser-model": texts.linear_proposal(datasets),
    }


def propose(network: DemoNetwork, datasets: list[str]) -> list[StudyOutcome]:
    """The first institute publishes the studies."""
    proposed = []
    for name, text in proposals(datasets).items():
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
    study.disclosures[site.namespace] = report["disclosures"]
    return str(report["refused"])


def _refuses(network: DemoNetwork, site: Site, study: StudyOutcome) -> bool:
    """The region without soil measurements, where there are institutes enough to go on without it."""
    return study.name == "fertiliser-model" and site.namespace == "guelmim" and len(network.sites) > 2


def run_all(network: DemoNetwork, studies: list[StudyOutcome]) -> None:
    """The proposer has each study run on those that approve, and reads the published result."""
    for study in studies:
        run_one(network, study)


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
