"""What only the demo can do, since it happens to hold all rows: compare with the pooled computation."""

from __future__ import annotations

from pathlib import Path

from jazari.nodes.demo.data import Site
from jazari.nodes.demo.founding import DemoNetwork
from jazari.nodes.demo.studying import StudyOutcome
from jazari.studies.cards import run_id
from jazari.studies.data.table import Table
from jazari.studies.permits import load_permit
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.registered import load_registered


def largest_difference(network: DemoNetwork, study: StudyOutcome) -> float:
    """The largest |a - b| / max(|b|, scale) between a published result and the pooled one under the same floor."""
    participants = [site for site in network.sites if site.namespace in study.approved]
    tables = {site.namespace: _table(network, site, study) for site in participants}
    text = load_permit(network.proposer / "engine", run_id(study.run)).study_text()
    return max_relative_difference(study.values, pooled(text, tables), declared_scales(text))


def _table(network: DemoNetwork, site: Site, study: StudyOutcome) -> Table:
    permit = load_permit(network.home(site.namespace) / "engine", run_id(study.run))
    return load_registered(Path(permit.data_path), permit.data_sha256, permit.schema_of_data())
