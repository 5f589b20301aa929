"""A private study from the declared budget to the published result: what stewards see, and what cannot be undone."""

from __future__ import annotations

import json
import shutil

import pytest

from jazari.catalog.registry import CardContext
from jazari.studies import datasets, on_site, operations
from jazari.studies.card_types import check_result
from jazari.studies.decisions import Choice
from jazari.studies.errors import BadStudyRecord, BudgetSpent, DataSetNotFound, NoBudget, SameData
from jazari.studies.following import Follower
from jazari.studies.models import Run
from jazari.studies.privacy.declaring import budget_facts
from jazari.studies.proposals import make_proposal
from jazari.studies.tests.conftest import proposal, write_soil
from jazari.studies.tests.test_following import finish_run, not_asked
from jazari.testing.memory_network import MemoryNetwork

PRIVATE = {
    "recipe": "private-statistics",
    "parameters": {"variables": ["ph"], "by": ["crop"], "privacy": {"epsilon": 1.5, "max_rows_per_subject": 2}},
}


def budget(network: MemoryNetwork, name: str, epsilon: float | None = None) -> dict[str, object]:
    return budget_facts(network.here(name).engine_folder, name, f"soil-{name}", epsilon)


@pytest.fixture
def study(network: MemoryNetwork) -> str:
    return operations.propose(network.here("rabat"), make_proposal(proposal(network, **PRIVATE))).ref


@pytest.fixture
def run(network: MemoryNetwork, study: str) -> str:
    for name in ("rabat", "fes"):
        budget(network, name, 4.0)
        operations.decide(network.here(name), study, Choice.APPROVE, "", network.stewards[name])
    return operations.start_run(network.here("rabat"), study).ref


def test_a_steward_sees_the_cost_before_approving_and_checking_spends_nothing(network, study):
    here = network.here("fes")
    report = on_site.check(here, study)
    assert report["code"] == "studies.no-budget"
    budget(network, "fes", 2.0)
    report = on_site.check(here, study)
    assert report["refused"] == ""
    assert report["cost"] == "This study would spend epsilon 1.5 of 2 for 'soil-fes', of which 2 are left."
    assert report["cost"] in on_site.notes(here, study)
    assert any("epsilon 1.5" in sentence.lower() for sentence in report["disclosures"])
    assert budget(network, "fes")["epsilon_left"] == 2.0
    budget(network, "fes", 1.0)
    assert on_site.check(here, study)["code"] == "studies.budget-spent"


def test_a_study_without_noise_costs_nothing_and_says_so(network):
    study = operations.propose(network.here("rabat"), make_proposal(proposal(network))).ref
    assert on_site.check(network.here("fes"), study)["cost"] == ""
    assert on_site.notes(network.here("fes"), study) == []


def test_the_published_result_states_epsilon_unit_and_mechanism(network, run):
    said = finish_run(network, run)
    Follower(network.here("fes"), not_asked).follow()
    Run.objects.all().delete()
    follower = Follower(network.here("rabat"), lambda _: said)
    while follower.follow():
        pass
    (record,) = network.of("result")
    assert record.card["privacy"] == (
        "discrete Laplace noise at each of 2 institutes: epsilon 1.5 for each subject of an institute and run, "
        "counting at most 2 rows of each"
    )
    facts = json.loads(network.file(record, "result.json"))["privacy"]
    assert (facts["epsilon"], facts["delta"], facts["unit"], facts["institutes"]) == (1.5, 0.0, "subject", 2)
    for name in ("rabat", "fes"):
        assert budget(network, name)["epsilon_left"] == 2.5
        (spent,) = budget(network, name)["spent"]
        assert (spent["epsilon"], spent["agreement"]) == (1.5, record.card["provenance"]["agreement"])


@pytest.mark.parametrize("said", ["no noise was added; cells below the floor were left out", "epsilon 0.1"])
def test_a_result_that_claims_other_noise_than_was_agreed_is_refused(network, run, said):
    test_the_published_result_states_epsilon_unit_and_mechanism(network, run)
    (record,) = network.of("result")
    false = record.model_copy(update={"card": record.card | {"privacy": said}})
    with pytest.raises(BadStudyRecord, match="says about noise"):
        check_result(false, CardContext(find=network.get, directory=network.directory))


def test_an_institute_without_enough_left_writes_no_permit_and_says_why(network, run, audit):
    budget(network, "fes", 1.0)
    Follower(network.here("fes"), not_asked).follow()
    assert Run.objects.get().permitted is False
    assert "are asked of 'soil-fes'" in Run.objects.get().message
    assert [event.kind for event in audit][-1] == "studies.permit-denied"


def test_registering_again_or_a_new_version_brings_nothing_back(network, run, tmp_path):
    finish_run(network, run)
    assert budget(network, "fes")["epsilon_left"] == 2.5
    files = write_soil(tmp_path / "fes" / "data", rows=80, start=1000)
    assert datasets.register("soil-fes", *files).version == 2
    assert datasets.publish(network.here("fes"), "soil-fes").ref == "fes/dataset/soil-fes@2"
    assert budget(network, "fes")["epsilon_left"] == 2.5


def test_the_same_file_under_another_name_gets_no_second_budget(network, tmp_path):
    budget(network, "fes", 2.0)
    engine = network.here("fes").engine_folder
    folder = tmp_path / "copy"
    files = write_soil(folder, start=1000)
    shutil.copy(tmp_path / "fes" / "data" / "soil.csv", files[0])
    datasets.register("other", *files)
    with pytest.raises(SameData, match="soil-fes"):
        budget_facts(engine, "fes", "other", 10.0)
    with pytest.raises(NoBudget):
        budget_facts(engine, "fes", "other")


def test_a_budget_is_for_a_registered_data_set_and_declaring_it_is_in_the_trail(network, audit):
    with pytest.raises(DataSetNotFound, match="jazari dataset register"):
        budget_facts(network.here("fes").engine_folder, "fes", "nothing", 10.0)
    budget(network, "fes", 2.0)
    budget(network, "fes", 3.0)
    first, second = [event for event in audit if event.kind == "studies.budget-declared"]
    assert (first.subject, first.detail["epsilon"], second.detail["before"]["epsilon"]) == (
        "fes/dataset/soil-fes",
        2,
        2,
    )


def test_an_unreadable_ledger_is_told_and_not_replaced(network):
    engine = network.here("fes").engine_folder
    budget(network, "fes", 2.0)
    (engine / "budget.json").write_bytes(b"{")
    with pytest.raises(BudgetSpent, match="restore the file"):
        budget(network, "fes", 10.0)
    assert (engine / "budget.json").read_bytes() == b"{"
