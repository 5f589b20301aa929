"""Data that are odd but allowed, or that change under a study: the run ends with a result or a clear sentence."""

from __future__ import annotations

import pytest

from jazari.testing import made_up
from jazari.testing.network import Network
from jazari.testing.waiting import until
from tests.network.runs import assert_sound, assert_trails_intact, in_mid_run, read_end, start

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.xdist_group("network")]


def test_a_study_goes_well_where_one_institute_measured_nothing(duo: Network) -> None:
    rows = [row | {"ph": ""} for row in made_up.rows("fes")]
    bare = duo.offer("fes", "bare", rows)
    duo.run("rabat", "sync")
    study = duo.propose("rabat", made_up.proposal("bare", ["rabat/dataset/plots@1", bare]))
    duo.approve(study, "rabat", "fes")
    duo.run("rabat", "sync")
    run = start(duo, "rabat", study)
    result = duo.finish_run("rabat", run.reference)
    groups = {group["by"]["crop"]: group["variables"]["ph"] for group in result["values"]["groups"]}
    alone = made_up.rows("rabat")
    for crop in made_up.CROPS:
        measured = sum(row["crop"] == crop and row["ph"] != "" for row in alone)
        assert groups[crop]["present"] == measured


def test_a_file_that_changed_after_the_approval_is_not_used(duo: Network) -> None:
    reference = duo.offer("fes", "changing", made_up.rows("changing"))
    duo.run("rabat", "sync")
    study = duo.propose("rabat", made_up.proposal("changed", ["rabat/dataset/plots@1", reference]))
    duo.approve(study, "rabat", "fes")
    duo.run("rabat", "sync")
    with (duo.data("fes", "changing") / "plots.csv").open("a") as file:
        file.write("late,wheat,6.5,50,1\n")

    checked = duo.commands("fes").end("study", "check", study, home=duo.home("fes"))
    assert checked.status == 3
    assert "has changed since" in checked.document["refused"]
    run = start(duo, "rabat", study)
    until(run.has_ended, "the end")
    assert "fes" in read_end(duo, run)["message"]
    refusal = duo.refused("rabat", "study", "watch", run.reference)
    assert refusal.code == "studies.run-failed"
    (denied,) = duo.trail("fes", "studies.permit-denied", run.reference)
    assert "has changed since" in denied["detail"]["message"]
    assert not run.notebook("fes")
    assert_trails_intact(duo)


def test_a_file_that_changes_in_mid_run_stops_the_institute_not_the_sums(duo: Network) -> None:
    """What an institute read for the first round it uses to the end, or it refuses: never other rows."""
    duo.offer_together("moving", "rabat", "fes")
    study = duo.agree("rabat", "moving", ["rabat", "fes"], "glm", "moving")
    run = start(duo, "rabat", study)
    with in_mid_run(run, "fes"):
        for job in duo.node("fes").jobs():
            job.kill()
        made_up.write_csv(duo.data("fes", "moving") / "plots.csv", made_up.rows("other"))
    until(run.has_ended, "the end")
    assert "fes" in read_end(duo, run)["message"]
    assert "incompatible-data" in read_end(duo, run)["message"]
    assert not duo.run("rabat", "study", "show", study)["results"]


def test_too_few_subjects_for_a_study_are_told_on_site_and_in_the_run(duo: Network) -> None:
    few = duo.offer("fes", "few", made_up.rows("few", 30))
    duo.run("rabat", "sync")
    study = duo.propose("rabat", made_up.proposal("few", ["rabat/dataset/plots@1", few], floor=20))
    duo.run("fes", "sync")
    checked = duo.commands("fes").end("study", "check", study, home=duo.home("fes"))
    assert (checked.status, checked.document["code"]) == (3, "studies.below-floor")
    duo.approve(study, "rabat", "fes")
    duo.run("rabat", "sync")
    run = start(duo, "rabat", study)
    refusal = duo.refused("rabat", "study", "watch", run.reference)
    assert "fes" in refusal.sentence
    assert "studies.below-floor" in refusal.sentence
    assert run.totals() == 0


def test_the_same_data_under_another_name_give_the_same_sums(duo: Network) -> None:
    copy = duo.offer("fes", "copy", made_up.rows("fes"))
    duo.run("rabat", "sync")
    values = []
    for name, reference in (("original", "fes/dataset/plots@1"), ("copied", copy)):
        study = duo.propose("rabat", made_up.proposal(name, ["rabat/dataset/plots@1", reference]))
        duo.approve(study, "rabat", "fes")
        duo.run("rabat", "sync")
        run = start(duo, "rabat", study)
        result = duo.finish_run("rabat", run.reference)
        assert_sound(run, result)
        values.append(result["values"])
    assert values[0] == values[1]
