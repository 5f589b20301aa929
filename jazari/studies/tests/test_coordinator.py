"""The Root's side: totals are written before they are told, repeats are harmless, a run always ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jazari.core import clock
from jazari.studies.agreement import StudyText, study_dict
from jazari.studies.coordinator import Coordinator
from jazari.studies.engine import RunOrder
from jazari.studies.errors import (
    BadMessage,
    BadStudy,
    BrokenContract,
    RunConflict,
    RunEnded,
    RunFailed,
    RunNotFound,
    WrongRound,
)
from jazari.studies.messages import Message, decode, encode
from jazari.studies.rounds import transcript_digest
from jazari.studies.tests.builders import LINEAR, Site, drive, make_order, make_sites, make_study

RUN = "r-1"


@pytest.fixture
def study() -> StudyText:
    return make_study("glm", LINEAR, ["fes", "rabat"])


@pytest.fixture
def sites(tmp_path: Path, study: StudyText) -> dict[str, Site]:
    sites = make_sites(tmp_path / "sites")
    for site in sites.values():
        site.permit(study)
    return sites


@pytest.fixture
def order(study: StudyText) -> RunOrder:
    return make_order(study)


@pytest.fixture
def coordinator(tmp_path: Path, order: RunOrder) -> Coordinator:
    return Coordinator(tmp_path, order)


def answer(coordinator: Coordinator, sites: dict[str, Site], name: str) -> bytes:
    return sites[name].participant().answer(RUN, coordinator.request())


def test_states_of_a_run(coordinator: Coordinator, sites: dict[str, Site]) -> None:
    assert coordinator.status().state == "waiting"
    fes, rabat = answer(coordinator, sites, "fes"), answer(coordinator, sites, "rabat")
    assert coordinator.status().state == "running"
    coordinator.receive("fes", fes)
    status = coordinator.status()
    assert (status.round, status.pending, set(status.answered)) == (1, ("rabat",), {"fes"})
    assert "waiting for rabat" in status.message
    coordinator.receive("rabat", rabat)
    assert coordinator.status().round == 2
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    assert (coordinator.status().state, coordinator.status().ended) == ("finished", True)
    assert coordinator.status().message == "Finished after 3 rounds."


def test_the_total_is_the_sum_in_sorted_order(coordinator: Coordinator, sites: dict[str, Site]) -> None:
    answers = {name: answer(coordinator, sites, name) for name in ("rabat", "fes")}
    for name, raw in answers.items():
        coordinator.receive(name, raw)
    told = decode(coordinator.request()).arrays
    fes, rabat = (decode(answers[name]).arrays for name in ("fes", "rabat"))
    assert all(np.array_equal(told[name], fes[name] + rabat[name]) for name in fes)


def test_a_repeat_is_harmless_and_a_different_answer_is_refused(
    coordinator: Coordinator, sites: dict[str, Site]
) -> None:
    fes = answer(coordinator, sites, "fes")
    coordinator.receive("fes", fes)
    coordinator.receive("fes", fes)
    message = decode(fes)
    other = encode(Message("answer", RUN, 1, message.arrays | {"rows": np.asarray(message.arrays["rows"] + 1)}))
    with pytest.raises(RunConflict, match="differently"):
        coordinator.receive("fes", other)
    assert coordinator.pending() == ("rabat",)
    coordinator.receive("rabat", answer(coordinator, sites, "rabat"))
    before = coordinator.request()
    coordinator.receive("fes", fes)
    assert coordinator.request() == before


def test_two_views_of_one_folder_agree(coordinator: Coordinator, sites: dict[str, Site], tmp_path: Path) -> None:
    other = Coordinator.open(tmp_path, RUN)
    coordinator.receive("fes", answer(coordinator, sites, "fes"))
    other.receive("rabat", answer(other, sites, "rabat"))
    assert coordinator.request() == other.request()
    assert coordinator.status().round == other.status().round == 2
    drive(other, {name: site.participant() for name, site in sites.items()})
    assert coordinator.outcome() == other.outcome()


@pytest.mark.parametrize(
    ("name", "message", "error"),
    [
        ("taza", Message("answer", RUN, 1), WrongRound),
        ("fes", Message("answer", "r-2", 1), WrongRound),
        ("fes", Message("answer", RUN, 2), WrongRound),
        ("fes", Message("request", RUN, 1), WrongRound),
        ("fes", Message("confirmation", RUN, 4, text="sha256:" + "0" * 64), WrongRound),
        ("fes", Message("answer", RUN, 1), BrokenContract),
        ("fes", Message("answer", RUN, 1, {"rows": np.array(1)}), BrokenContract),
    ],
)
def test_what_is_not_due_is_refused(
    coordinator: Coordinator, name: str, message: Message, error: type[Exception]
) -> None:
    with pytest.raises(error):
        coordinator.receive(name, encode(message))
    assert coordinator.pending() == ("fes", "rabat")


def test_bytes_that_are_no_message_are_refused(coordinator: Coordinator) -> None:
    with pytest.raises(BadMessage):
        coordinator.receive("fes", b"JZM1")


def test_a_refusal_ends_the_run_with_a_sentence(coordinator: Coordinator) -> None:
    coordinator.receive("fes", encode(Message("refusal", RUN, 1, text="studies.no-permit")))
    status = coordinator.status()
    assert (status.state, status.pending) == ("failed", ())
    assert status.message == "fes refused round 1 (studies.no-permit): its audit trail says why."
    with pytest.raises(RunEnded):
        coordinator.request()
    with pytest.raises(RunFailed, match="refused"):
        coordinator.outcome()


def test_a_refusal_cannot_smuggle_text(coordinator: Coordinator) -> None:
    coordinator.receive("fes", encode(Message("refusal", RUN, 1, text="Zineb, 37 years, ill")))
    assert "studies.failed" in coordinator.status().message


def test_a_late_refusal_of_an_answered_round_is_ignored(coordinator: Coordinator, sites: dict[str, Site]) -> None:
    coordinator.receive("fes", answer(coordinator, sites, "fes"))
    coordinator.receive("fes", encode(Message("refusal", RUN, 1, text="core.busy")))
    coordinator.receive("rabat", answer(coordinator, sites, "rabat"))
    coordinator.receive("rabat", encode(Message("refusal", RUN, 1, text="core.busy")))
    assert coordinator.status().state == "running"


def test_the_deadline_names_who_is_missing(coordinator: Coordinator, sites: dict[str, Site]) -> None:
    coordinator.receive("fes", answer(coordinator, sites, "fes"))
    assert coordinator.tick().state == "running"
    with clock.frozen(clock.now() + timedelta(seconds=61)):
        status = coordinator.tick()
    assert status.state == "failed"
    assert "not answered in time by rabat:" in status.message
    with pytest.raises(RunEnded, match="too late"):
        coordinator.receive("rabat", answer_of_first_round(sites["rabat"]))


def answer_of_first_round(site: Site) -> bytes:
    return site.participant().answer(RUN, encode(Message("request", RUN, 1)))


def test_the_deadline_starts_anew_each_round(coordinator: Coordinator, sites: dict[str, Site], tmp_path: Path) -> None:
    for name in sites:
        coordinator.receive(name, answer(coordinator, sites, name))
    due = coordinator._due()
    assert due > clock.now() + timedelta(seconds=55)
    with clock.frozen(due - timedelta(seconds=1)):
        assert coordinator.tick().state == "running"


def test_a_cancelled_run_stays_cancelled(coordinator: Coordinator) -> None:
    coordinator.cancel("No longer needed.")
    coordinator.cancel("again")
    coordinator.fail("too late")
    assert (coordinator.status().state, coordinator.status().message) == ("cancelled", "No longer needed.")
    with clock.frozen(clock.now() + timedelta(days=1)):
        assert coordinator.tick().state == "cancelled"


def test_a_finished_run_cannot_be_cancelled(coordinator: Coordinator, sites: dict[str, Site]) -> None:
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    coordinator.cancel()
    assert coordinator.status().state == "finished"


def test_confirmations_are_kept_as_said(coordinator: Coordinator, sites: dict[str, Site]) -> None:
    while coordinator.status().state != "finished":
        for name in coordinator.pending():
            coordinator.receive(name, answer(coordinator, sites, name))
    assert coordinator.pending() == ("fes", "rabat")
    assert decode(coordinator.request()).kind == "final"
    with pytest.raises(BadMessage):
        coordinator.receive("fes", encode(Message("confirmation", RUN, 4, text="yes")))
    lie = "sha256:" + "0" * 64
    coordinator.receive("fes", encode(Message("confirmation", RUN, 4, text=lie)))
    coordinator.receive("rabat", answer(coordinator, sites, "rabat"))
    coordinator.receive("rabat", encode(Message("refusal", RUN, 4, text="core.busy")))
    outcome = coordinator.outcome()
    assert outcome.confirmed == {"fes": lie, "rabat": outcome.transcript}
    assert coordinator.pending() == ()


def test_the_transcript_covers_every_total(coordinator: Coordinator, sites: dict[str, Site], tmp_path: Path) -> None:
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    totals = [(tmp_path / RUN / "rounds" / f"{n:04}.total").read_bytes() for n in (1, 2, 3)]
    names = ("fes", "rabat")
    assert coordinator.outcome().transcript == transcript_digest(RUN, coordinator.order.agreement, names, totals)
    for changed in (totals[:2], totals[::-1], [*totals[:2], totals[2] + b"x"]):
        assert transcript_digest(RUN, coordinator.order.agreement, names, changed) != coordinator.outcome().transcript
    assert transcript_digest("r-2", coordinator.order.agreement, names, totals) != coordinator.outcome().transcript


def test_too_few_rounds_end_in_a_sentence(tmp_path: Path, sites: dict[str, Site]) -> None:
    short = make_study("glm", LINEAR, ["fes", "rabat"], max_rounds=2)
    for site in sites.values():
        site.permit(short)
    coordinator = Coordinator(tmp_path, make_order(short))
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    assert coordinator.status().message == "There is no result after 2 rounds: propose the study with more rounds."


def test_another_order_under_the_same_name_is_refused(
    coordinator: Coordinator, order: RunOrder, tmp_path: Path
) -> None:
    Coordinator(tmp_path, order)
    with pytest.raises(RunConflict, match="ordered differently"):
        Coordinator(tmp_path, order.model_copy(update={"round_deadline_seconds": 5.0}))


@pytest.mark.parametrize(
    "changes",
    [
        {"participants": ()},
        {"participants": ("rabat", "fes")},
        {"participants": ("fes", "taza")},
        {"participants": ("fes", "fes")},
        {"agreement": "sha256:" + "0" * 64},
    ],
)
def test_an_order_that_does_not_fit_its_study_is_refused(
    tmp_path: Path, order: RunOrder, changes: dict[str, Any]
) -> None:
    with pytest.raises(BadStudy):
        Coordinator(tmp_path, order.model_copy(update=changes))
    assert not (tmp_path / RUN).exists()


def test_a_changed_study_text_is_refused(tmp_path: Path, order: RunOrder, study: StudyText) -> None:
    with pytest.raises(BadStudy, match="not the one that was agreed"):
        Coordinator(tmp_path, order.model_copy(update={"study": study_dict(study) | {"floor": 2}}))


def test_fewer_institutes_than_agreed_are_refused(tmp_path: Path) -> None:
    study = make_study("glm", LINEAR, ["fes", "rabat"], minimum_institutes=2)
    with pytest.raises(BadStudy, match="at least 2"):
        Coordinator(tmp_path, make_order(study, institutes=["fes"]))


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound):
        Coordinator.open(tmp_path, "r-9")
    with pytest.raises(BadMessage):
        Coordinator.open(tmp_path, "../r-9")


def test_a_tampered_order_is_refused(coordinator: Coordinator, tmp_path: Path) -> None:
    (tmp_path / RUN / "order.json").write_text("{}")
    with pytest.raises(RunConflict, match="restore"):
        Coordinator.open(tmp_path, RUN)


def test_before_the_end_there_is_no_outcome(coordinator: Coordinator) -> None:
    with pytest.raises(RunFailed, match="not finished"):
        coordinator.outcome()


def test_no_round_is_asked_between_the_last_total_and_the_end(
    coordinator: Coordinator, sites: dict[str, Site], tmp_path: Path
) -> None:
    """Killed after the last total was written and before the end was: the next request is final, not one more round."""
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    (tmp_path / RUN / "end.json").unlink()
    assert decode(coordinator.request()).kind == "final"
    assert coordinator.status().state == "finished"
