"""Registering and publishing data sets, and trying a study on them: what is told, what is refused, what is kept."""

from __future__ import annotations

import json

import pytest

from jazari.catalog.croissant import to_croissant
from jazari.catalog.errors import CardRefused
from jazari.studies import datasets, on_site, operations
from jazari.studies.errors import BadData, BadSchema, BelowFloor, ColumnMissing, DataSetNotFound, NotAsked
from jazari.studies.models import DataSet
from jazari.studies.proposals import make_proposal
from jazari.studies.tests.conftest import ABOUT, proposal, write_soil


def test_a_card_tells_counts_and_completeness_and_holds_no_row(network):
    (record,) = [r for r in network.of("dataset") if r.namespace == "rabat"]
    card = record.card
    assert (card["rows"], card["subjects"]) == (60, 30)
    assert {item["variable"]: item["missing"] for item in card["quality"]}["ph"] == pytest.approx(1 / 6, abs=1e-4)
    text = json.dumps(card)
    assert "s1" not in text
    assert "5.7" not in text


def test_mock_rows_are_published_as_a_marked_file(network):
    record = network.of("dataset")[0]
    mock = network.file(record, "mock.csv").decode().splitlines()
    assert mock[0].startswith("_mock,")
    assert len(mock) == 6


def test_a_card_maps_to_croissant(network):
    record = network.of("dataset")[0]
    document = to_croissant(record, creator="Rabat", root_url="https://root.example", language="en")
    fields = document["recordSet"][0]["field"]
    assert {field["name"] for field in fields} >= {"crop", "ph"}


def test_registering_the_same_again_changes_nothing_and_new_bytes_make_a_new_version(network, tmp_path):
    first = DataSet.objects.get(name="soil-fes")
    files = write_soil(tmp_path / "fes" / "data", start=1000)
    assert datasets.register("soil-fes", *files).pk == first.pk
    write_soil(tmp_path / "fes" / "data", rows=80, start=1000)
    again = datasets.register("soil-fes", *files)
    assert again.version == 2
    record = datasets.publish(network.here("fes"), "soil-fes")
    assert record.ref == "fes/dataset/soil-fes@2"
    assert datasets.publish(network.here("fes"), "soil-fes").ref == record.ref


def test_the_file_behind_a_record_must_still_hold_the_same_bytes(network):
    data = DataSet.objects.get(name="soil-rabat")
    assert datasets.local_data_set(data.record).pk == data.pk
    with open(data.path, "a") as file:
        file.write("s1,wheat,7\n")
    with pytest.raises(DataSetNotFound, match="has changed"):
        datasets.local_data_set(data.record)


def test_a_file_that_is_gone_and_a_record_without_file_are_said(network, tmp_path):
    data = DataSet.objects.get(name="soil-rabat")
    (tmp_path / "rabat" / "data" / "soil.csv").unlink()
    with pytest.raises(DataSetNotFound, match="is gone"):
        datasets.local_data_set(data.record)
    with pytest.raises(DataSetNotFound, match="no file of this node"):
        datasets.local_data_set("rabat/dataset/other@1")
    with pytest.raises(DataSetNotFound, match="jazari dataset register"):
        datasets.publish(network.here("rabat"), "other")


def test_one_subject_only_is_not_registered(network, tmp_path):
    data, schema, about = write_soil(tmp_path / "one", rows=2)
    with pytest.raises(BelowFloor, match="1 distinct subjects"):
        datasets.register("tiny", data, schema, about)
    assert not DataSet.objects.filter(name="tiny").exists()


def test_all_values_missing_is_told_as_such(network, tmp_path):
    data, schema, about = write_soil(tmp_path / "empty")
    data.write_text("site,crop,ph\n" + "".join(f"s{n},wheat,0.0\n" for n in range(40)))
    card = datasets.register("unmeasured", data, schema, about).card
    assert {item["variable"]: item["missing"] for item in card["quality"]}["ph"] == 1.0


def test_a_bad_cell_is_named_by_row_and_column_and_nothing_is_kept(network, tmp_path):
    data, schema, about = write_soil(tmp_path / "bad")
    data.write_text(data.read_text().replace("s3,", "s3,wheat,99\ns3,", 1))
    with pytest.raises(BadData, match=r"Row \d+, column 'ph'"):
        datasets.register("bad", data, schema, about)
    assert not DataSet.objects.filter(name="bad").exists()


def test_a_missing_column_is_named(network, tmp_path):
    data, schema, about = write_soil(tmp_path / "short")
    data.write_text("site,crop\ns1,wheat\n")
    with pytest.raises(ColumnMissing, match="ph"):
        datasets.register("short", data, schema, about)


@pytest.mark.parametrize(
    "text", ["not = [toml", ABOUT.replace("[licence]\nname", "[licence]\nnom"), "[title]\nen='x'\n"]
)
def test_a_bad_description_is_refused_before_anything_is_kept(network, tmp_path, text):
    data, schema, _ = write_soil(tmp_path / "said")
    (tmp_path / "about.toml").write_text(text)
    with pytest.raises((BadSchema, CardRefused)):
        datasets.register("said", data, schema, datasets.read_about(tmp_path / "about.toml"))
    assert not DataSet.objects.filter(name="said").exists()


@pytest.fixture
def study(network):
    return operations.propose(network.here("rabat"), make_proposal(proposal(network))).ref


def test_a_check_on_site_says_what_would_leave_and_keeps_nothing(network, study):
    here = network.here("fes")
    report = on_site.check(here, study)
    assert report["refused"] == ""
    assert report["subjects"] == 30
    assert {row["output"] for row in report["outputs"]} >= {"rows", "subjects", "ph.sum"}
    assert any("ph" in sentence for sentence in report["disclosures"])
    assert not here.engine_folder.exists()


def test_a_check_says_which_rule_would_refuse(network):
    wanted = proposal(network, floor=31)
    study = operations.propose(network.here("rabat"), make_proposal(wanted)).ref
    report = on_site.check(network.here("fes"), study)
    assert report["code"] == "studies.below-floor"
    assert report["outputs"] == []


def test_an_institute_that_is_not_asked_has_nothing_to_check(network):
    wanted = proposal(network, datasets=[r.ref for r in network.of("dataset") if r.namespace != "fes"])
    study = operations.propose(network.here("rabat"), make_proposal(wanted)).ref
    with pytest.raises(NotAsked):
        on_site.check(network.here("fes"), study)


def test_a_group_that_names_one_institute_is_told_to_its_steward(network, tmp_path):
    """The schema of each institute declares its own region only."""
    references = []
    for name, region in (("rabat", "MA-04"), ("fes", "MA-03")):
        data, schema, about = write_soil(tmp_path / f"{name}-regions", start=5000)
        schema.write_text(
            schema.read_text() + f'\n[[variables]]\nname = "region"\nkind = "category"\nlevels = ["{region}"]\n'
        )
        lines = data.read_text().splitlines()
        data.write_text("\n".join([lines[0] + ",region", *(f"{line},{region}" for line in lines[1:])]) + "\n")
        datasets.register(f"regions-{name}", data, schema, about)
        references.append(datasets.publish(network.here(name), f"regions-{name}").ref)
    wanted = proposal(network, datasets=references, parameters={"variables": ["ph"], "by": ["region"]})
    study = operations.propose(network.here("rabat"), make_proposal(wanted)).ref
    (sentence,) = on_site.own_disclosures(network.here("fes"), study)
    assert "fes" in sentence
    assert "MA-03" in sentence
    assert "MA-04" not in sentence
