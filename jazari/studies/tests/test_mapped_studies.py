"""Institutes that name, code and measure differently study together: what is declared, mapped, checked, approved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jazari.studies import datasets, on_site, operations
from jazari.studies.cards import run_id
from jazari.studies.coordinator import Coordinator
from jazari.studies.data.mapping import mapping_digest, parse_mapping
from jazari.studies.data.schema import MAX_ROWS
from jazari.studies.decisions import ApprovalCard, Choice, Statement
from jazari.studies.engine import RunOrder
from jazari.studies.errors import (
    BadData,
    BadMapping,
    BadPermit,
    BadStudy,
    IncompatibleData,
    NoPermit,
    NotAsked,
    RunConflict,
)
from jazari.studies.following import Follower
from jazari.studies.ledger import Ledger
from jazari.studies.mappings import store_mapping, stored_mapping
from jazari.studies.models import DataSet, Run
from jazari.studies.overview import study_of
from jazari.studies.participant import Participant
from jazari.studies.permits import check_permit, load_permit, write_permit
from jazari.studies.proposals import largest_rows, make_proposal
from jazari.studies.tests.conftest import ABOUT, proposal
from jazari.testing.memory_network import MemoryNetwork

AGE = {"name": "age", "kind": "numeric", "unit": "years", "lower": 0, "upper": 120}
SEX = {"name": "sex", "kind": "category", "levels": ["F", "M"]}
SCHEMAS = {
    "rabat": {"variables": [AGE, SEX]},
    "fes": {
        "variables": [
            {"name": "age_months", "kind": "numeric", "unit": "months"},
            {"name": "gender", "kind": "category", "levels": ["0", "1", "9"]},
        ]
    },
}
ROWS, UNKNOWN = 40, 12
RULES: dict[str, Any] = {
    "age": {"from": "age_months", "factor": 1 / 12},
    "sex": {"from": "gender", "levels": {"0": "F", "1": "M"}, "missing": ["9"]},
}


def write_people(folder: Path, name: str) -> tuple[Path, Path]:
    """Forty people as the institute writes them: years and letters in Rabat, months and digits (some 9) in Fes."""
    folder.mkdir(parents=True, exist_ok=True)
    ages = [20 + n for n in range(ROWS)]
    if name == "rabat":
        lines = ["age,sex", *(f"{age},{'FM'[n % 2]}" for n, age in enumerate(ages))]
    else:
        lines = ["age_months,gender", *(f"{12 * age},{9 if n < UNKNOWN else n % 2}" for n, age in enumerate(ages))]
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    (folder / "people.json").write_text(json.dumps(SCHEMAS[name]))
    return folder / "people.csv", folder / "people.json"


@pytest.fixture
def people(network: MemoryNetwork, tmp_path: Path) -> MemoryNetwork:
    (tmp_path / "about.toml").write_text(ABOUT.replace("mock_rows = 5", ""))
    about = datasets.read_about(tmp_path / "about.toml")
    for name in SCHEMAS:
        data, schema = write_people(tmp_path / name / "people", name)
        datasets.register(f"people-{name}", data, schema, about)
        datasets.publish(network.here(name), f"people-{name}")
    return network


def wanted(**changes: object) -> dict[str, object]:
    return {
        "name": "ages", "title": "Ages", "purpose": "To test.", "recipe": "statistics", "secure_aggregation": False,
        "datasets": [f"{name}/dataset/people-{name}@1" for name in SCHEMAS], "variables": [AGE, SEX],
        "parameters": {"variables": ["age"], "by": ["sex"]}, **changes,
    }  # fmt: skip


@pytest.fixture
def study(people: MemoryNetwork) -> str:
    return operations.propose(people.here("rabat"), make_proposal(wanted())).ref


def map_fes(network: MemoryNetwork, study: str, **rules: Any) -> int:
    chosen = parse_mapping({"study": study, "variables": RULES | rules})
    return operations.map_columns(network.here("fes"), study, chosen)


def approve(network: MemoryNetwork, study: str, *names: str) -> None:
    for name in names:
        operations.decide(network.here(name), study, Choice.APPROVE, "", network.stewards[name])


def waiting(run: str) -> dict[str, Any]:
    """What the Root says of a run that nobody has started."""
    return {"reference": run, "state": "waiting", "round": 0, "message": "", "answered": {}, "outcome": None}


def follow(network: MemoryNetwork, name: str) -> Run:
    Run.objects.all().delete()  # each node has a database of its own in reality
    Follower(network.here(name), waiting).follow()
    return Run.objects.get()


def test_what_the_proposal_declares_is_what_the_study_means(people, study):
    text = study_of(people, study).text
    assert [v.model_dump(mode="json", exclude_defaults=True) for v in text.variables] == [AGE, SEX]


def test_without_a_declaration_data_that_differ_make_no_study_and_the_way_out_is_said(people):
    with pytest.raises(Exception, match=r"\[\[variables\]\] in the proposal"):
        operations.propose(people.here("rabat"), make_proposal(wanted(variables=[])))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ([AGE, SEX, {"name": "bmi", "kind": "numeric"}], "'bmi', which its parameters do not use"),
        ([AGE, AGE, SEX], "declares 'age' twice"),
        ([AGE, {"name": "sex", "kind": "category"}], "lists its levels"),
        ([AGE, {"name": "sex", "kind": "identifier"}], "kind"),
    ],
)
def test_a_bad_declaration_is_refused(people, variables, words):
    with pytest.raises(BadStudy, match=words):
        operations.propose(people.here("rabat"), make_proposal(wanted(variables=variables)))


def test_a_check_names_what_is_not_mapped_and_so_does_an_approval(people, study):
    report = on_site.check(people.here("fes"), study)
    assert "age, sex" in report["refused"]
    assert "jazari study map" in report["refused"]
    assert (report["variables"], report["outputs"]) == ([], [])
    with pytest.raises(IncompatibleData, match="age, sex"):
        approve(people, study, "fes")
    operations.decide(people.here("fes"), study, Choice.REFUSE, "Not ours.", people.stewards["fes"])


def test_a_check_with_a_mapping_says_what_would_be_used_and_nothing_leaves(people, study):
    map_fes(people, study)
    before = len(people.records)
    report = on_site.check(people.here("fes"), study)
    assert report["refused"] == ""
    assert (report["rows"], report["subjects"]) == (ROWS, ROWS)
    age, sex = report["variables"]
    assert (age["from"], age["usable"], age["missing"], age["outside"]) == ("age_months", ROWS, 0, 0)
    assert (sex["from"], sex["usable"], sex["declared_missing"]) == ("gender", ROWS - UNKNOWN, UNKNOWN)
    assert len(people.records) == before
    assert not (people.here("fes").engine_folder / "spool").exists()


def test_an_institute_whose_data_fit_needs_no_mapping(people, study):
    report = on_site.check(people.here("rabat"), study)
    assert (report["refused"], report["mapping"]) == ("", None)
    assert [row["how"] for row in report["variables"]] == ["as it is"] * 2
    assert any(sentence.startswith("fes maps its own columns") for sentence in report["disclosures"])
    approve(people, study, "rabat")
    assert study_of(people, study).decisions["rabat"].mapping is None


def test_values_out_of_range_are_counted_by_the_check_and_refused(people, study):
    map_fes(people, study, age={"from": "age_months", "factor": 1.0})
    report = on_site.check(people.here("fes"), study)
    assert report["code"] == BadData.code
    assert report["variables"][0]["outside"] == ROWS
    assert report["outputs"] == []


def test_a_level_that_only_this_institute_maps_to_is_told_as_its_own_figures(people, tmp_path):
    region = {"name": "region", "kind": "category", "levels": ["MA-03", "MA-04"]}
    declared = {"variables": ["age"], "by": ["region"]}
    # Rabat lacks the region too, so that its own mapping is unknown at Fes.
    study = operations.propose(
        people.here("rabat"), make_proposal(wanted(parameters=declared, variables=[AGE, region]))
    ).ref
    rules = {"age": RULES["age"], "region": {"constant": "MA-03"}}
    operations.map_columns(people.here("fes"), study, parse_mapping({"study": study, "variables": rules}))
    told = on_site.check(people.here("fes"), study)["disclosures"]
    assert any(sentence.startswith("rabat maps its own columns") for sentence in told)
    assert any(sentence.startswith("Only rabat ") and "MA-04" in sentence for sentence in told)


def test_a_mapping_is_kept_in_versions_and_the_same_again_is_the_same_version(people, study):
    assert map_fes(people, study) == 1
    assert map_fes(people, study) == 1
    assert map_fes(people, study, sex={"missing": True}) == 2
    agreement = study_of(people, study).agreement
    kept = stored_mapping(people.here("fes").engine_folder, agreement)
    assert kept is not None
    assert kept.variables["sex"].absent
    folder = people.here("fes").engine_folder / "mappings" / agreement.removeprefix("sha256:")
    assert sorted(path.name for path in folder.glob("*.json")) == ["0001.json", "0002.json"]


def test_a_kept_mapping_that_somebody_changed_is_refused(people, study):
    map_fes(people, study)
    (path,) = people.here("fes").engine_folder.glob("mappings/*/0001.json")
    path.write_bytes(b"{")
    with pytest.raises(BadMapping, match="store the mapping again"):
        stored_mapping(people.here("fes").engine_folder, study_of(people, study).agreement)


def test_a_mapping_for_another_study_or_by_another_institute_is_refused(people, study):
    other = parse_mapping({"study": "rabat/study/other@1", "variables": RULES})
    with pytest.raises(BadMapping, match="write one for"):
        operations.map_columns(people.here("fes"), study, other)
    with pytest.raises(NotAsked):
        operations.map_columns(people.here("agadir"), study, parse_mapping({"study": study}))
    assert not people.here("fes").engine_folder.exists()


@pytest.fixture
def run(people: MemoryNetwork, study: str) -> str:
    map_fes(people, study)
    approve(people, study, "rabat", "fes")
    return operations.start_run(people.here("rabat"), study).ref


def test_the_run_gives_what_all_people_in_one_place_would(people, study, run):
    for name in SCHEMAS:
        assert follow(people, name).permitted, Run.objects.get().message
    text = study_of(people, study)
    order = RunOrder(
        run=run_id(run), agreement=text.agreement, study=text.text.model_dump(mode="json"),
        participants=("fes", "rabat"), max_rounds=5, round_deadline_seconds=60,
    )  # fmt: skip
    coordinator = Coordinator(people.folder / "runs", order)
    while coordinator.pending():
        for name in coordinator.pending():
            answer = Participant(people.here(name).engine_folder, name).respond(order.run, coordinator.request())
            coordinator.receive(name, answer)
    groups = {group["by"]["sex"]: group for group in coordinator.outcome().result["groups"]}
    women, men = (
        [20 + n for n in range(sex, ROWS, 2)] + [20 + n for n in range(UNKNOWN + sex, ROWS, 2)] for sex in (0, 1)
    )
    assert groups["F"]["variables"]["age"]["mean"] == pytest.approx(sum(women) / len(women), rel=1e-12)
    assert groups["M"]["variables"]["age"]["mean"] == pytest.approx(sum(men) / len(men), rel=1e-12)


def test_the_approval_names_the_digest_of_the_mapping_and_the_permit_carries_it(people, study, run):
    follow(people, "fes")
    engine = people.here("fes").engine_folder
    permit = load_permit(engine, run_id(run))
    signed = study_of(people, study).decisions["fes"].mapping
    assert signed == mapping_digest(permit.column_mapping())
    assert signed == mapping_digest(stored_mapping(engine, permit.agreement))
    check_permit(permit, engine, run_id(run), "fes")


def test_a_mapping_changed_after_the_approval_gives_no_permit_until_it_is_approved(people, study, run):
    map_fes(people, study, sex={"from": "gender", "levels": {"0": "M", "1": "F"}, "missing": ["9"]})
    row = follow(people, "fes")
    assert row.permitted is False
    assert "not the one that was approved" in row.message
    with pytest.raises(NoPermit):
        load_permit(people.here("fes").engine_folder, run_id(run))


@pytest.mark.parametrize("change", ["other", "none"])
def test_a_permit_with_another_mapping_than_the_steward_signed_is_refused(people, run, change):
    follow(people, "fes")
    engine = people.here("fes").engine_folder
    permit = load_permit(engine, run_id(run))
    assert permit.mapping is not None
    swapped = json.loads(json.dumps(permit.mapping))
    swapped["variables"]["sex"]["levels"] = {"0": "M", "1": "F"}
    write_permit(engine, permit.model_copy(update={"mapping": swapped if change == "other" else None}))
    with pytest.raises(BadPermit, match="mapping of its columns"):
        Participant(engine, "fes").check(run_id(run))


def test_a_run_that_has_begun_keeps_its_mapping(people, study, run):
    from jazari.studies.notebook import Notebook

    follow(people, "fes")
    engine = people.here("fes").engine_folder
    permit = load_permit(engine, run_id(run))
    notebook = Notebook(engine, run_id(run))
    notebook.begin(permit)
    notebook.begin(permit)
    with pytest.raises(RunConflict):
        notebook.begin(permit.model_copy(update={"mapping": {"study": study, "variables": {}}}))


def test_decisions_signed_before_there_were_mappings_still_verify():
    statement = Statement(
        study="fes/study/a@1", agreement="sha256:" + "0" * 64, institute="fes", choice=Choice.APPROVE, number=1,
        moment="2026-01-01T00:00:00Z",
    )  # fmt: skip
    assert b"mapping" not in statement.signed_bytes()
    mapped = statement.model_copy(update={"mapping": "sha256:" + "1" * 64})
    assert b'"mapping":"sha256:1' in mapped.signed_bytes()


def test_an_approval_without_its_mapping_does_not_verify(people, study):
    map_fes(people, study)
    approve(people, study, "fes")
    record = people.records.pop()
    card = ApprovalCard.model_validate(record.card)
    bare = card.model_copy(update={"statement": card.statement.model_copy(update={"mapping": None})})
    people.records.append(record.model_copy(update={"card": bare.model_dump(mode="json")}))
    assert study_of(people, study).approved == []


def test_a_study_allows_for_the_largest_data_set_without_telling_its_rows(people, study):
    assert study_of(people, study).text.largest_rows == 1024
    assert largest_rows([{"rows": 1025, "floor": 10}, {"rows": None, "floor": 10}]) == 2048
    assert largest_rows([{"rows": 4096, "floor": 10}]) == 4096
    assert largest_rows([{"rows": None, "floor": 5000}]) == 8192
    assert largest_rows([{"rows": MAX_ROWS - 1, "floor": 10}]) == MAX_ROWS


def test_more_rows_than_the_study_allows_for_are_refused(people, monkeypatch):
    monkeypatch.setattr("jazari.studies.proposals.FEWEST_ROWS_TOLD", 1)
    record = people.records[[r.ref for r in people.records].index("fes/dataset/people-fes@1")]
    record.card["rows"] = record.card["subjects"] = 30  # a card that tells fewer rows than the file has
    people.records[[r.ref for r in people.records].index("rabat/dataset/people-rabat@1")].card["rows"] = 32
    study = operations.propose(people.here("rabat"), make_proposal(wanted())).ref
    map_fes(people, study)
    report = on_site.check(people.here("fes"), study)
    assert report["code"] == IncompatibleData.code
    assert "more rows than the 32" in report["refused"]
    approve(people, study, "rabat", "fes")
    run = operations.start_run(people.here("rabat"), study).ref
    follow(people, "fes")
    engine = people.here("fes").engine_folder
    text = study_of(people, study)
    order = RunOrder(
        run=run_id(run), agreement=text.agreement, study=text.text.model_dump(mode="json"),
        participants=("fes", "rabat"), max_rounds=5, round_deadline_seconds=60,
    )  # fmt: skip
    with pytest.raises(IncompatibleData, match="more rows"):
        Participant(engine, "fes").answer(order.run, Coordinator(people.folder / "runs", order).request())


def test_a_study_that_has_run_here_is_not_mapped_in_another_way(people, study):
    map_fes(people, study)
    engine = people.here("fes").engine_folder
    Ledger(engine / "ledger.json").enter(study_of(people, study).agreement, "r-1", 2)
    assert map_fes(people, study) == 1
    with pytest.raises(BadMapping, match="has run here"):
        map_fes(people, study, sex={"missing": True})


def test_storing_is_refused_beyond_the_last_number(people, study, monkeypatch):
    map_fes(people, study)
    monkeypatch.setattr("jazari.studies.mappings.MOST_VERSIONS", 1)
    with pytest.raises(BadMapping, match="too often"):
        map_fes(people, study, sex={"missing": True})
    agreement = study_of(people, study).agreement
    assert store_mapping(
        people.here("fes").engine_folder, agreement, parse_mapping({"study": study, "variables": RULES})
    )


def test_studies_whose_data_agree_go_on_as_before(network):
    study = operations.propose(network.here("rabat"), make_proposal(proposal(network))).ref
    report = on_site.check(network.here("fes"), study)
    assert (report["refused"], report["mapping"]) == ("", None)
    assert DataSet.objects.count() == 3
