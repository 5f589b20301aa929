"""A model's life: made from a result, published, fetched, judged at institutes, and told so on its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from jazari.catalog.errors import CardRefused
from jazari.studies import model_commands, on_site, operations
from jazari.studies.cards import run_id
from jazari.studies.coordinator import Coordinator
from jazari.studies.decisions import Choice
from jazari.studies.engine import RunOrder
from jazari.studies.errors import (
    BadModel,
    BadStudy,
    BadStudyRecord,
    ModelNotFound,
    NoModel,
    NoPermit,
    NotAsked,
    StudyNotFound,
)
from jazari.studies.following import Follower
from jazari.studies.inputs import fetch_inputs
from jazari.studies.models import Run
from jazari.studies.overview import study_of
from jazari.studies.participant import Participant
from jazari.studies.permits import load_permit
from jazari.studies.portable import load, predict, publishing
from jazari.studies.portable.card import ModelCard
from jazari.studies.portable.files import model_bytes
from jazari.studies.portable.publishing import AboutModel
from jazari.studies.proposals import make_proposal
from jazari.studies.tests.conftest import proposal
from jazari.studies.tests.models import logistic
from jazari.testing.memory_network import MemoryNetwork
from jazari.trust.records import Draft

ABOUT = """
[title]
en = "Soil pH by crop"
[description]
en = "The mean pH of the sites of a crop."
[intended_use]
en = "Teaching."
[limits]
en = "Only for the two crops it was made from."
[licence]
name = "CC-BY-4.0"
"""
GLM = {"family": "gaussian", "responses": ["ph"], "predictors": ["crop"]}
MODEL = "rabat/model/soil-ph@1"


@pytest.fixture
def about(tmp_path: Path) -> AboutModel:
    (tmp_path / "about.toml").write_text(ABOUT)
    return publishing.read_about(tmp_path / "about.toml")


def propose(network: MemoryNetwork, name: str, recipe: str, parameters: dict[str, Any]) -> str:
    wanted = proposal(network, name=name, recipe=recipe, parameters=parameters)
    return operations.propose(network.here("rabat"), make_proposal(wanted)).ref


def finish(network: MemoryNetwork, study: str, institutes: tuple[str, ...] = ("agadir", "fes", "rabat")) -> str:
    """Approve and run ``study`` at ``institutes`` as workers and an engine would; the result's record."""
    for name in institutes:
        operations.decide(network.here(name), study, Choice.APPROVE, "", network.stewards[name])
    run = operations.start_run(network.here("rabat"), study).ref
    said = {"reference": run, "state": "waiting", "round": 0, "message": "", "answered": {}, "outcome": None}
    for name in institutes:
        Run.objects.all().delete()  # each node has a database of its own in reality
        Follower(network.here(name), lambda _: said).follow()
    text = study_of(network, study).text
    order = RunOrder(run=run_id(run), agreement=study_of(network, study).agreement, study=text.model_dump(mode="json"),
                     participants=institutes, max_rounds=5, round_deadline_seconds=60)  # fmt: skip
    coordinator = Coordinator(network.folder / "runs", order)
    participants = {name: Participant(network.here(name).engine_folder, name) for name in institutes}
    while coordinator.pending():
        for name in coordinator.pending():
            coordinator.receive(name, participants[name].respond(order.run, coordinator.request()))
    outcome = json.loads(json.dumps(coordinator.outcome().model_dump(mode="json")))
    for name in institutes:
        Run.objects.all().delete()
        ended = said | {"state": "finished", "outcome": outcome}
        follower = Follower(network.here(name), lambda _, ended=ended: ended)
        while follower.follow():
            pass
    return network.of("result")[-1].ref


@pytest.fixture
def result(network: MemoryNetwork) -> str:
    return finish(network, propose(network, "soil-ph", "glm", GLM))


@pytest.fixture
def model(network: MemoryNetwork, result: str, about: AboutModel) -> str:
    return publishing.publish_model(network.here("rabat"), result, "soil-ph", about).ref


def evaluation(network: MemoryNetwork, model: str) -> str:
    parameters = publishing.proposed_parameters(publishing.model_record(network, model))
    return propose(network, "soil-judged", "evaluation", parameters | {"by": ["crop"]})


def test_a_published_model_says_what_its_result_says(network, model, result, audit):
    record = network.get(model)
    card = ModelCard.model_validate_json(json.dumps(record.card))
    assert (card.task, card.kind, card.provenance.result) == ("regression", "linear", result)
    assert [(one.name, one.levels) for one in card.inputs] == [("crop", ["wheat", "barley"])]
    assert (card.output.response, card.output.unit) == ("ph", "pH")
    values = json.loads(network.file(network.get(result), "result.json"))
    told = {c["term"]: c["estimate"] for c in values["responses"]["ph"]["coefficients"]}
    fetched = publishing.verified_model(network.here("fes"), model)
    assert predict(fetched, {"crop": ["wheat", "barley"]}).values == pytest.approx(
        [told["intercept"], told["intercept"] + told["crop=barley"]]
    )
    assert record.file("model.safetensors").media_type == "application/vnd.safetensors"


def test_publishing_again_is_harmless_and_other_words_are_another_version(network, model, result, about):
    here = network.here("rabat")
    assert publishing.publish_model(here, result, "soil-ph", about).ref == model
    other = about.model_copy(update={"limits": {"en": "None."}})
    assert publishing.publish_model(here, result, "soil-ph", other).ref == "rabat/model/soil-ph@2"


def test_only_the_author_of_the_result_publishes_its_model(network, result, about):
    with pytest.raises(NotAsked):
        publishing.publish_model(network.here("fes"), result, "soil-ph", about)
    with pytest.raises(StudyNotFound):
        publishing.publish_model(network.here("rabat"), "rabat/result/none@1", "soil-ph", about)
    nameless = about.model_copy(update={"licence": {}})
    with pytest.raises(CardRefused, match="licence"):
        publishing.publish_model(network.here("rabat"), result, "soil-ph", nameless)


def test_a_result_without_a_model_is_refused(network, about):
    counted = finish(network, propose(network, "counts", "statistics", {"variables": ["ph"]}))
    with pytest.raises(NoModel):
        publishing.publish_model(network.here("rabat"), counted, "counts", about)


def test_cards_that_do_not_fit_their_records_are_refused(network, model, result, tmp_path):
    card = dict(network.get(model).card)
    file = tmp_path / "model.safetensors"
    file.write_bytes(network.file(network.get(model), "model.safetensors"))

    def publish(namespace: str = "rabat", name: str = "model.safetensors", **changes: Any) -> None:
        network.publish(namespace, [Draft("model", "other", card | changes, {name: file})])

    publish()
    source = card["provenance"]
    judged = [{"result": result, "groups": [{"by": {}, "rows": 1, "figures": {}}]}]
    for wrong, said in (
        ({"namespace": "fes"}, "another institute's"),
        ({"name": "other.safetensors"}, "missing"),
        ({"provenance": source | {"result": "rabat/result/none@1"}}, "there is no result"),
        ({"provenance": source | {"result": model}}, "there is no result"),
        ({"provenance": source | {"recipe": "boosting"}}, "provenance"),
        ({"evaluations": judged}, "no evaluation of this file"),
    ):
        with pytest.raises(BadStudyRecord, match=said):
            publish(**wrong)
    with pytest.raises(CardRefused, match="listed twice"):
        publish(evaluations=judged * 2)


def test_a_model_is_judged_at_institutes_and_its_card_tells(network, model, audit):
    study = evaluation(network, model)
    report = on_site.check(network.here("fes"), study)
    assert report["refused"] == ""
    assert "no prediction of a single row leaves" in report["disclosures"][0]
    judged = finish(network, study)
    record = publishing.add_evaluation(network.here("rabat"), model, judged)
    assert record.ref == "rabat/model/soil-ph@2"
    assert record.file("model.safetensors") == network.get(model).file("model.safetensors")
    (entry,) = record.card["evaluations"]
    assert [group["by"] for group in entry["groups"]] == [{}, {"crop": "wheat"}, {"crop": "barley"}]
    whole = entry["groups"][0]
    values = json.loads(network.file(network.get(judged), "result.json"))
    assert whole["figures"]["root_mean_squared_error"] == values["groups"][0]["root_mean_squared_error"]
    assert "root_mean_squared_error" in whole["figures"]
    assert abs(whole["figures"]["mean_error"]) < 1e-9, "least squares on the same rows leaves no mean error"
    assert publishing.add_evaluation(network.here("rabat"), model, judged).ref == record.ref, "once is enough"


def test_only_an_evaluation_of_this_file_is_added_and_only_by_its_author(network, model, result):
    with pytest.raises(NoModel, match="does not evaluate"):
        publishing.add_evaluation(network.here("rabat"), model, result)
    with pytest.raises(NotAsked):
        publishing.add_evaluation(network.here("fes"), model, result)
    with pytest.raises(ModelNotFound):
        publishing.add_evaluation(network.here("rabat"), result, result)


def start(network: MemoryNetwork, study: str) -> str:
    for name in ("fes", "rabat"):
        operations.decide(network.here(name), study, Choice.APPROVE, "", network.stewards[name])
    return operations.start_run(network.here("rabat"), study).ref


def test_the_worker_fetches_the_file_before_it_writes_the_permit(network, model):
    run = start(network, evaluation(network, model))
    Follower(network.here("fes"), lambda _: {}).follow()
    sha256 = network.get(model).file("model.safetensors").sha256
    path = network.here("fes").engine_folder / "inputs" / sha256
    assert model_bytes(load(path)) == path.read_bytes()
    assert load_permit(network.here("fes").engine_folder, run_id(run))
    before = path.stat().st_mtime_ns
    fetch_inputs(network.here("fes"), study_of(network, network.of("study")[-1].ref).text)
    assert path.stat().st_mtime_ns == before, "what is here is not fetched again"


def test_without_the_right_file_there_is_no_permit(network, model, audit):
    run = start(network, evaluation(network, model))
    sha256 = network.get(model).file("model.safetensors").sha256
    network.files[sha256] += b"altered"
    Follower(network.here("fes"), lambda _: {}).follow()
    with pytest.raises(NoPermit):
        load_permit(network.here("fes").engine_folder, run_id(run))
    (event,) = [event for event in audit if event.kind == "studies.permit-denied"]
    assert "altered" in event.detail["message"]


def test_a_study_that_names_another_file_than_the_record_has_is_refused(network, model):
    parameters = publishing.proposed_parameters(network.get(model)) | {"sha256": "0" * 64}
    study = propose(network, "soil-judged", "evaluation", parameters)
    report = on_site.check(network.here("fes"), study)
    assert report["code"] == "studies.bad-model"
    parameters = publishing.proposed_parameters(network.get(model)) | {"model": "rabat/model/none@1"}
    study = propose(network, "soil-judged", "evaluation", parameters)
    assert on_site.check(network.here("fes"), study)["code"] == "studies.model-not-found"


def test_a_file_that_is_not_what_was_signed_is_not_read(network, model):
    sha256 = network.get(model).file("model.safetensors").sha256
    network.files[sha256] = model_bytes(logistic(arrays={"coefficients": np.zeros(3)}))
    with pytest.raises(BadModel, match="not what was signed"):
        publishing.verified_model(network.here("fes"), model)


@pytest.mark.parametrize(
    ("text", "said"), [("title =", "not valid TOML"), (ABOUT.replace("[limits]", "[limit]"), "limit"), ("", "title")]
)
def test_a_description_that_is_not_complete_is_named(tmp_path, text, said):
    (tmp_path / "about.toml").write_text(text)
    with pytest.raises(BadStudy, match=said):
        publishing.read_about(tmp_path / "about.toml")


class Typed:
    """`jazari model` typed at one institute of the network in memory."""

    def __init__(self, network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        monkeypatch.setattr(model_commands, "_open", lambda home, _passphrases=None: network.here(home.name))

    def __call__(self, *words: object, home: str = "fes", code: int = 0) -> Any:
        typed = [str(word) for word in words] + (["--home", str(self.folder / home)] if home else [])
        ended = CliRunner().invoke(model_commands.model_app, typed)
        assert ended.exit_code == code, ended.output
        assert "Traceback" not in ended.output
        return ended

    def json(self, *words: object, **options: Any) -> Any:
        return json.loads(self(*words, "--json", **options).stdout)


@pytest.fixture
def typed(network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typed:
    return Typed(network, monkeypatch, tmp_path)


def test_the_commands_of_a_models_life(network, result, about, typed, tmp_path):
    named = ("--name", "soil-ph", "--about", tmp_path / "about.toml")
    assert "Published as" in typed("publish", result, *named, home="rabat").output
    assert typed.json("publish", result, *named, home="rabat")["record"] == MODEL
    (line,) = typed.json("list")["models"]
    assert (line["model"], line["title"], line["withdrawn"]) == (MODEL, "Soil pH by crop", False)
    judged = finish(network, evaluation(network, MODEL))
    assert typed.json("add-evaluation", MODEL, judged, home="rabat")["evaluations"] == 1
    newest = "rabat/model/soil-ph@2"
    shown = typed("show", newest).output
    assert "Only for the two crops" in shown
    assert "crop = wheat" in shown
    assert typed.json("show", newest)["evaluation_parameters"]["inputs"] == ["crop"]

    out = tmp_path / "model.safetensors"
    fetched = typed.json("fetch", newest, "--out", out)
    assert out.read_bytes() == network.files[fetched["sha256"]]
    (tmp_path / "rows.csv").write_text("site,crop\na,wheat\nb,\n")
    told = typed.json("predict", newest, "--data", tmp_path / "rows.csv")
    assert told["verified"] is True
    assert told["predictions"][1] == {"prediction": None}
    assert "no prediction" in told["warnings"][0]
    typed("predict", newest, "--data", tmp_path / "rows.csv", "--out", tmp_path / "told.csv")
    lines = (tmp_path / "told.csv").read_text().splitlines()
    assert lines[0] == "prediction"
    assert float(lines[1]) == told["predictions"][0]["prediction"]


def test_a_plain_file_says_that_it_is_unverified(network, model, typed, tmp_path):
    out, rows = tmp_path / "model.safetensors", tmp_path / "rows.csv"
    typed("fetch", model, "--out", out)
    rows.write_text("crop\nwheat\n")
    refused = typed.json("predict", out, "--data", rows, home="", code=3)
    assert refused["error"]["code"] == "studies.unverified-model"
    used = typed("predict", out, "--data", rows, "--unverified", home="")
    assert "is unverified" in used.stderr
    assert used.stdout.startswith("prediction\n")
    altered = bytearray(out.read_bytes())
    altered[20] ^= 1
    out.write_bytes(altered)
    refused = typed.json("predict", out, "--data", rows, "--unverified", home="", code=7)
    assert refused["error"]["code"] == "studies.bad-model"


def test_mistakes_have_codes(network, model, typed, tmp_path, monkeypatch):
    monkeypatch.delenv("JAZARI_HOME", raising=False)
    rows = tmp_path / "rows.csv"
    rows.write_text("crop\nrice\n")
    for words, options, code in (
        (("show", "rabat/model/none@1"), {"code": 4}, "studies.model-not-found"),
        (("fetch", "rabat/model/none@1", "--out", rows), {"code": 4}, "studies.model-not-found"),
        (("predict", model, "--data", rows), {"code": 2}, "studies.bad-model-input"),
        (("predict", model, "--data", tmp_path / "none.csv"), {"code": 5}, "core.unavailable"),
        (("predict", model, "--data", rows), {"code": 4, "home": ""}, "settings.home-missing"),
        (("predict", "none.safetensors", "--data", rows, "--unverified"), {"code": 5}, "core.unavailable"),
    ):
        assert typed.json(*words, **options)["error"]["code"] == code
    assert rows.read_text() == "crop\nrice\n", "nothing was written over it"


def test_a_withdrawn_model_says_so(network, model, typed, tmp_path):
    operations.withdraw(network.here("rabat"), model, "A better one is out.")
    (tmp_path / "rows.csv").write_text("crop\nwheat\n")
    for words in (("show", model), ("fetch", model, "--out", tmp_path / "m"), ("predict", model, "--data",
                  tmp_path / "rows.csv")):  # fmt: skip
        assert "was withdrawn" in typed(*words).stderr
    assert typed.json("list")["models"][0]["withdrawn"] is True
