"""Studies that cannot be: refused where they are proposed, decided or run, and nothing of them is published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jazari.testing import made_up
from jazari.testing.network import ROOT, Network, at_once, write_json
from tests.network.cases import rare_ones_slow
from tests.network.runs import assert_trails_intact

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("network")]
PLOTS = ["rabat/dataset/plots@1", "fes/dataset/plots@1"]
HUGE = 'name = "huge"\npurpose = "' + "x" * 2**20 + '"\n'
DEEP = "parameters = " + "[" * 4000 + "]" * 4000 + "\n"
CASES = {
    "no TOML": ("= =", "studies.bad-study", 2, "not valid TOML"),
    "nothing": ("", "studies.bad-study", 2, "name"),
    "a huge file": (HUGE, "studies.bad-study", 2, "larger than 1 MiB"),
    "a deep file": (DEEP, "studies.bad-study", 2, "not valid"),
    "a bad name": (made_up.proposal("Ünsagbar!", PLOTS), "studies.bad-study", 2, "name"),
    "an unknown field": (made_up.proposal("odd", PLOTS, colour="blue"), "studies.bad-study", 2, "colour"),
    "an unknown recipe": (made_up.proposal("odd", PLOTS, "astrology", parameters={}), "studies.unknown-recipe", 4,
                          "astrology"),
    "an unknown variable": (made_up.proposal("odd", PLOTS, parameters={"variables": ["rain"]}),
                            "studies.column-missing", 2, "'rain' is missing at"),
    "unknown parameters": (made_up.proposal("odd", PLOTS, parameters={"variables": ["ph"], "secret": 1}),
                           "studies.bad-parameters", 2, "secret"),
    "an unknown data set": (made_up.proposal("odd", ["rabat/dataset/plots@1", "fes/dataset/gold@1"]),
                            "studies.bad-study", 2, "fes/dataset/gold@1"),
    "no data set": (made_up.proposal("odd", []), "studies.bad-study", 2, "datasets"),
    "something else than a data set": (made_up.proposal("odd", ["rabat/study/something@1"], minimum_institutes=1),
                                       "studies.bad-study", 2, "rabat/study/something@1"),
    "too few institutes": (made_up.proposal("odd", PLOTS, minimum_institutes=3), "studies.bad-study", 2,
                           "minimum_institutes"),
    "no floor": (made_up.proposal("odd", PLOTS, floor=0), "studies.bad-study", 2, "floor"),
}  # fmt: skip

RARE = {
    "nothing", "a bad name", "an unknown field", "unknown parameters", "no data set",
    "something else than a data set", "too few institutes", "no floor",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_published(founded: Network) -> Iterator[None]:
    yield
    founded.serve()
    titles = [study["title"] for study in founded.run("rabat", "study", "list")["studies"]]
    assert "Study odd" not in titles


@pytest.mark.parametrize(("text", "code", "status", "words"), rare_ones_slow(CASES, RARE))
def test_a_bad_proposal_is_refused(duo: Network, tmp_path: Path, text: str, code: str, status: int, words: str) -> None:
    file = tmp_path / "proposal.toml"
    file.write_text(text, encoding="utf-8")
    refusal = duo.refused("rabat", "study", "propose", file)
    assert (refusal.code, refusal.status) == (code, status)
    assert words in refusal.sentence, refusal.sentence


def test_bytes_that_are_no_text_are_refused(duo: Network, tmp_path: Path) -> None:
    file = tmp_path / "proposal.toml"
    file.write_bytes(bytes(range(128, 256)) * 100)
    refusal = duo.refused("rabat", "study", "propose", file)
    assert (refusal.code, refusal.status) == ("studies.bad-study", 2)


def test_a_column_that_one_institute_lacks_is_named_with_the_institute(duo: Network, tmp_path: Path) -> None:
    schema = {**made_up.SCHEMA, "variables": [v for v in made_up.SCHEMA["variables"] if v["name"] != "ph"]}
    rows = [{name: value for name, value in row.items() if name != "ph"} for row in made_up.rows("fes")]
    files = made_up.write_data_set(tmp_path, rows, schema)
    duo.run("fes", "dataset", "register", "no-ph", *made_up.options(files))
    reference = duo.run("fes", "dataset", "publish", "no-ph")["record"]
    duo.run("rabat", "sync")
    file = tmp_path / "proposal.toml"
    file.write_text(made_up.proposal("odd", ["rabat/dataset/plots@1", reference]), encoding="utf-8")
    refusal = duo.refused("rabat", "study", "propose", file)
    assert (refusal.code, refusal.status) == ("studies.column-missing", 2)
    assert "'ph' is missing at fes" in refusal.sentence


def test_without_any_approval_nothing_runs(duo: Network) -> None:
    study = duo.propose("rabat", made_up.proposal("unapproved", PLOTS))
    refusal = duo.refused("rabat", "study", "run", study)
    assert (refusal.code, refusal.status) == ("studies.not-runnable", 3)
    assert "nobody approves it" in refusal.sentence
    duo.approve(study, "rabat")
    refusal = duo.refused("rabat", "study", "run", study)
    assert (refusal.code, refusal.status) == ("studies.not-runnable", 3)
    assert "too few" in refusal.sentence
    assert duo.run("rabat", "study", "show", study)["runs"] == []


def test_the_same_proposal_again_is_the_same_study(duo: Network) -> None:
    text = made_up.proposal("twice", PLOTS)
    first = duo.propose("rabat", text)
    duo.approve(first, "rabat")
    assert duo.propose("rabat", text) == first
    assert duo.run("rabat", "study", "show", first)["approved"] == ["rabat"]


@pytest.mark.slow
def test_only_those_concerned_decide_and_run(duo: Network) -> None:
    study = duo.propose("rabat", made_up.proposal("rabat-alone", PLOTS[:1], minimum_institutes=1))
    duo.run("fes", "sync")
    key = ("--steward-key", duo.steward_key("fes"))
    for words in (("approve", study, *key), ("refuse", study, "--reason", "No.", *key), ("check", study)):
        refusal = duo.refused("fes", "study", *words)
        assert (refusal.code, refusal.status) == ("studies.not-asked", 3)
    for words in (("run", study), ("cancel", study, "--reason", "No.")):
        assert duo.refused("fes", "study", *words).code == "studies.not-asked"
    refusal = duo.refused("rabat", "study", "approve", study, *key)
    assert (refusal.code, refusal.status) == ("studies.bad-record", 3)
    assert "steward key" in refusal.sentence
    assert duo.run("rabat", "study", "show", study)["decisions"] == []


@pytest.mark.slow
def test_what_is_not_there_is_not_found(duo: Network) -> None:
    missing = {
        ("study", "show", "rabat/study/nothing@1"): "studies.study-not-found",
        ("study", "show", "not a reference"): "studies.study-not-found",
        ("study", "result", "rabat/result/nothing@1"): "studies.study-not-found",
        ("dataset", "publish", "nothing"): "studies.data-set-not-found",
        ("catalog", "show", "rabat/dataset/nothing"): "catalog.item-not-found",
    }
    for words, code in missing.items():
        refusal = duo.refused("rabat", *words)
        assert (refusal.code, refusal.status) == (code, 4), words


@pytest.mark.slow
def test_a_run_that_nobody_recorded_is_not_waited_for_long(duo: Network) -> None:
    refusal = duo.refused("rabat", "study", "watch", "rabat/run/run-nothing@1", "--timeout", "0.3")
    assert (refusal.code, refusal.status) in {("studies.timed-out", 5), ("studies.run-not-found", 4)}


@pytest.mark.slow
def test_publishers_of_one_institute_take_turns(duo: Network, tmp_path: Path) -> None:
    """Four people at four terminals publish at once, while the node's worker publishes as well."""
    card = {"title": {"fr": "Avis"}, "description": {"fr": "Un avis."}}
    names = [f"notice-{number}" for number in range(4)]
    drafts = {
        name: write_json(tmp_path / f"{name}.json", {"type": "institute", "name": name, "card": card}) for name in names
    }
    records = at_once(lambda name: duo.run("fes", "publish", drafts[name])["record"], names, people=4)
    assert sorted(records) == [f"fes/institute/{name}@1" for name in names]
    again = at_once(lambda name: duo.run("fes", "publish", drafts[name])["record"], names, people=4)
    assert again == records
    duo.run(ROOT, "sync")
    listed = duo.run(ROOT, "search", "--institute", "fes", "--type", "institute", "--all-versions", "--limit", "200")
    assert {item["record"] for item in listed["items"]} >= set(records)
    assert duo.mirror(tmp_path / "outsider")["ok"]
    assert_trails_intact(duo)
