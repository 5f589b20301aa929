"""An institute's side: attacks are refused, nothing runs twice, and all of it is in the audit trail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.studies.agreement import StudyText
from jazari.studies.coordinator import Coordinator
from jazari.studies.errors import (
    AlteredTotal,
    BadMessage,
    BadPermit,
    BelowFloor,
    BrokenContract,
    IncompatibleData,
    NoPermit,
    PermitExpired,
    RunConflict,
    RunEnded,
    RunFailed,
    RunNotFound,
    RunsUsedUp,
    WrongRound,
)
from jazari.studies.messages import Message, Sums, decode, encode
from jazari.studies.participant import Participant
from jazari.studies.permits import withdraw_permit, write_permit, write_stewards
from jazari.studies.tests.builders import (
    LINEAR,
    LOGISTIC,
    STATISTICS,
    Site,
    drive,
    make_order,
    make_sites,
    make_study,
    random_table,
    schema,
    spooled,
)

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
def coordinator(tmp_path: Path, study: StudyText) -> Coordinator:
    return Coordinator(tmp_path / "runs", make_order(study))


def ask(number: int, total: Mapping[str, Any] | None = None, kind: Any = "request") -> bytes:
    return encode(Message(kind, RUN, number, dict(total or {})))


def first_total(sites: dict[str, Site]) -> Sums:
    answers = [decode(site.participant().answer(RUN, ask(1))).arrays for site in sites.values()]
    return {name: np.asarray(sum(answer[name] for answer in answers)) for name in answers[0]}


def test_a_whole_run(sites: dict[str, Site], coordinator: Coordinator) -> None:
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    outcome = coordinator.outcome()
    assert outcome.rounds == 3
    for site in sites.values():
        participant = site.participant()
        assert participant.finish(RUN) == outcome.transcript == outcome.confirmed[site.namespace]
        assert participant.result(RUN) == outcome.result
        assert participant.answered_up_to(RUN) == 3


def test_what_left_is_in_the_audit_trail(sites: dict[str, Site], coordinator: Coordinator) -> None:
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    events = spooled(sites["fes"])
    released = [event["detail"] for event in events if event["kind"] == "studies.guard-released"]
    assert [detail["round"] for detail in released] == [1, 2, 3]
    assert sum(detail["bytes"] for detail in released) == coordinator.outcome().bytes_received["fes"]
    assert {event["kind"] for event in events} == {"studies.run-begun", "studies.guard-released", "studies.run-ended"}
    assert len({event["id"] for event in events}) == len(events)
    assert all(event["actor"] == "fes" and event["subject"] == "fes/run/r-1@1" for event in events)


def test_a_second_request_gets_the_stored_bytes_even_from_another_process(sites: dict[str, Site]) -> None:
    site = sites["fes"]
    first = site.participant().answer(RUN, ask(1))
    site.data.write_text("site,crop,ph,yield,ill\n")
    assert site.participant().answer(RUN, ask(1)) == first
    assert [event["kind"] for event in spooled(site)][-1] == "studies.guard-sent-again"


def test_a_crafted_state_is_refused(sites: dict[str, Site]) -> None:
    """A state sent instead of a total could be chosen to single somebody out."""
    total = first_total(sites)
    crafted = {"beta": np.array([[1e9], [0], [0], [0], [0]], dtype=float)}
    for state in (crafted, total | crafted, {"state": np.zeros(3)} | total):
        with pytest.raises(BrokenContract):
            sites["fes"].participant().answer(RUN, ask(2, state))
    header = ask(2, total)
    with pytest.raises(BadMessage):
        sites["fes"].participant().answer(RUN, header.replace(b'{"arrays"', b'{"State":1,"arrays"'))


def test_a_total_smaller_than_the_own_part_is_refused(sites: dict[str, Site]) -> None:
    total = first_total(sites)
    with pytest.raises((AlteredTotal, BrokenContract)):
        sites["fes"].participant().answer(RUN, ask(2, total | {"rows": np.array(5)}))
    with pytest.raises(AlteredTotal, match="smaller"):
        sites["fes"].participant().answer(RUN, ask(2, total | {"subjects": np.array(5)}))
    own = decode(sites["fes"].participant().answer(RUN, ask(1))).arrays
    with pytest.raises(AlteredTotal):
        sites["fes"].participant().answer(RUN, ask(2, own | {"squares": own["squares"] * 0.9}))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_a_total_that_cannot_be_is_refused(sites: dict[str, Site], value: float) -> None:
    total = first_total(sites)
    with pytest.raises(BrokenContract):
        sites["fes"].participant().answer(RUN, ask(2, total | {"sum": np.full(2, value)}))


def test_a_replay_with_another_total_is_refused(sites: dict[str, Site]) -> None:
    """Two answers to different totals would be two different looks at the same rows."""
    total = first_total(sites)
    participant = sites["fes"].participant()
    answer = participant.answer(RUN, ask(2, total))
    altered = total | {"sum": total["sum"] * 1.01}
    for again in (participant, sites["fes"].participant()):
        with pytest.raises(AlteredTotal, match="not the one sent first"):
            again.answer(RUN, ask(2, altered))
        assert again.answer(RUN, ask(2, total)) == answer


def test_a_total_before_the_first_round_is_refused(sites: dict[str, Site]) -> None:
    with pytest.raises(AlteredTotal):
        sites["fes"].participant().answer(RUN, ask(1, {"rows": np.array(1)}))


@pytest.mark.parametrize("number", [2, 3, 31, 10_000])
def test_a_round_that_is_not_due_is_refused(sites: dict[str, Site], number: int) -> None:
    with pytest.raises(WrongRound):
        sites["fes"].participant().answer(RUN, ask(number))


def test_no_more_rounds_than_agreed(sites: dict[str, Site], tmp_path: Path) -> None:
    short = make_study("glm", LINEAR, ["fes", "rabat"], max_rounds=1)
    for site in sites.values():
        site.permit(short)
    with pytest.raises(WrongRound):
        sites["fes"].participant().answer(RUN, ask(2, first_total(sites)))


def test_the_end_cannot_come_early_or_twice(sites: dict[str, Site], coordinator: Coordinator) -> None:
    with pytest.raises(WrongRound, match="cannot end"):
        sites["fes"].participant().answer(RUN, ask(1, kind="final"))
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    final = coordinator.request()
    participant = sites["fes"].participant()
    assert participant.answer(RUN, final) == participant.answer(RUN, final)
    message = decode(final)
    with pytest.raises(AlteredTotal):
        participant.answer(RUN, encode(replace(message, arrays=message.arrays | {"rows": np.array(500)})))
    with pytest.raises(WrongRound):
        participant.answer(RUN, encode(replace(message, kind="request")))


def test_without_a_permit_nothing_happens(tmp_path: Path) -> None:
    site = make_sites(tmp_path)["fes"]
    with pytest.raises(NoPermit):
        site.participant().answer(RUN, ask(1))
    with pytest.raises(NoPermit):
        site.participant().check(RUN)
    assert not (site.engine / "answers").exists()


def test_a_permit_of_another_institute_is_refused(sites: dict[str, Site]) -> None:
    with pytest.raises(BadPermit, match="another institute"):
        Participant(sites["fes"].engine, "rabat").answer(RUN, ask(1))


def test_a_permit_withdrawn_in_mid_run_ends_it(sites: dict[str, Site]) -> None:
    total = first_total(sites)
    withdraw_permit(sites["fes"].engine, RUN)
    with pytest.raises(NoPermit):
        sites["fes"].participant().answer(RUN, ask(2, total))


def test_a_permit_that_expires_in_mid_run_ends_it(sites: dict[str, Site]) -> None:
    total = first_total(sites)
    with clock.frozen(clock.now() + timedelta(days=2)), pytest.raises(PermitExpired):
        sites["fes"].participant().answer(RUN, ask(2, total))


def test_a_permit_that_changes_in_mid_run_is_refused(sites: dict[str, Site], study: StudyText) -> None:
    first_total(sites)
    sites["fes"].permit(study, institutes=["fes"])
    with pytest.raises(RunConflict, match="changed after it began"):
        sites["fes"].participant().answer(RUN, ask(1))


def test_the_ledger_counts_runs_and_no_study_can_reset_it(sites: dict[str, Site], study: StudyText) -> None:
    site = sites["fes"]
    site.participant().answer(RUN, ask(1))
    site.permit(study, run="r-2")
    for _ in range(2):
        with pytest.raises(RunsUsedUp, match="1 of 1 times"):
            site.participant().answer("r-2", encode(Message("request", "r-2", 1)))
        with pytest.raises(RunsUsedUp):
            site.participant().check("r-2")
    assert site.participant().answer(RUN, ask(1))
    other = make_study("glm", LINEAR, ["fes", "rabat"], max_runs=2)
    for run in ("r-3", "r-4"):
        site.permit(other, run=run)
        site.participant().answer(run, encode(Message("request", run, 1)))


def test_a_broken_ledger_denies(sites: dict[str, Site]) -> None:
    (sites["fes"].engine / "ledger.json").write_text("{")
    with pytest.raises(RunsUsedUp, match="restore"):
        sites["fes"].participant().answer(RUN, ask(1))


def test_a_file_that_is_not_the_registered_one_is_refused(sites: dict[str, Site]) -> None:
    with sites["fes"].data.open("a") as file:
        file.write("s999,wheat,7.0,1.0,0.0\n")
    with pytest.raises(IncompatibleData, match="registered"):
        sites["fes"].participant().answer(RUN, ask(1))


def test_data_that_do_not_fit_the_agreement_are_refused(sites: dict[str, Site], study: StudyText) -> None:
    declared = schema().model_dump(mode="json")
    declared["variables"][2]["unit"] = "mol"
    sites["fes"].permit(study, data_schema=declared)
    with pytest.raises(IncompatibleData, match="ph"):
        sites["fes"].participant().answer(RUN, ask(1))


def test_too_few_subjects_are_refused(tmp_path: Path) -> None:
    study = make_study("statistics", STATISTICS, ["fes"])
    site = Site(tmp_path / "fes", "fes", random_table(1, 100, rows_per_site=20))
    site.permit(study)
    with pytest.raises(BelowFloor):
        site.participant().answer(RUN, ask(1))


def test_a_recipe_that_sends_more_than_its_contract_is_stopped(
    sites: dict[str, Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    from jazari.studies.recipes.glm import Glm

    honest = Glm.local

    def greedy(self: Glm, table: Any, state: Any, plan: Any) -> Sums:
        return honest(self, table, state, plan) | {"everything": table.numeric["ph"]}

    monkeypatch.setattr(Glm, "local", greedy)
    with pytest.raises(BrokenContract, match="everything"):
        sites["fes"].participant().answer(RUN, ask(1))
    assert sites["fes"].participant().answered_up_to(RUN) == 0


def test_a_refusal_leaves_as_a_code_and_stays_as_a_sentence(sites: dict[str, Site]) -> None:
    refusal = decode(sites["fes"].participant().respond(RUN, ask(5)))
    assert (refusal.kind, refusal.run, refusal.round, refusal.text) == ("refusal", RUN, 5, "studies.wrong-round")
    assert refusal.arrays == {}
    event = spooled(sites["fes"])[-1]
    assert event["kind"] == "studies.guard-refused"
    assert event["detail"]["code"] == "studies.wrong-round"
    assert "not due" in event["detail"]["message"]


def test_values_in_an_error_do_not_reach_the_audit_trail(sites: dict[str, Site], study: StudyText) -> None:
    declared = schema().model_dump(mode="json")
    declared["variables"][1]["levels"] = ["barley"]
    sites["fes"].permit(study, data_schema=declared)
    assert decode(sites["fes"].participant().respond(RUN, ask(1))).text == "studies.bad-data"
    assert "message" not in spooled(sites["fes"])[-1]["detail"]


def test_any_other_exception_is_a_refusal_too(sites: dict[str, Site], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("row 7: Zineb")

    monkeypatch.setattr("jazari.studies.guard.release", broken)
    answer = sites["fes"].participant().respond(RUN, ask(1))
    assert decode(answer).text == "studies.failed"
    assert b"Zineb" not in answer + json.dumps(spooled(sites["fes"])).encode()


def test_an_audit_trail_that_cannot_be_written_stops_the_release(sites: dict[str, Site]) -> None:
    (sites["fes"].engine / "spool").write_text("no folder")
    assert decode(sites["fes"].participant().respond(RUN, ask(1))).kind == "refusal"


def test_a_flood_of_bad_requests_does_not_fill_the_disk(sites: dict[str, Site]) -> None:
    participant = sites["fes"].participant()
    for _ in range(100):
        participant.respond(RUN, b"x")
    assert len(spooled(sites["fes"])) == 20 + 2
    assert spooled(sites["fes"])[-1]["detail"]["refusals"] == 64


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=20), st.binary(max_size=60))
def test_any_request_gets_a_message_back(sites: dict[str, Site], run: str, raw: bytes) -> None:
    participant = sites["fes"].participant()
    for request in (raw, ask(1)):
        if run != RUN:
            assert decode(participant.respond(run, request)).kind == "refusal"


@pytest.mark.parametrize("kind", ["answer", "refusal", "confirmation"])
def test_only_requests_are_answered(sites: dict[str, Site], kind: Any) -> None:
    with pytest.raises(WrongRound):
        sites["fes"].participant().answer(RUN, ask(1, kind=kind))


def test_before_the_end_there_is_no_result(sites: dict[str, Site]) -> None:
    first_total(sites)
    for question in (sites["fes"].participant().finish, sites["fes"].participant().result):
        with pytest.raises(RunNotFound):
            question(RUN)


def test_a_model_without_a_solution_ends_everywhere_alike(tmp_path: Path) -> None:
    """When the totals lead to no result, nothing more is computed, whoever asks."""
    study = make_study("glm", LOGISTIC | {"predictors": ["ph"]}, ["fes", "rabat"], floor=1)
    sites = {}
    for place, name in enumerate(("fes", "rabat")):
        table = random_table(place, missing=0)
        ph = table.numeric["ph"]
        sites[name] = Site(
            tmp_path / name, name, replace(table, numeric=table.numeric | {"ill": (ph > 6.5).astype(float)})
        )
        sites[name].permit(study)
    coordinator = Coordinator(tmp_path / "runs", make_order(study))
    drive(coordinator, {name: site.participant() for name, site in sites.items()})
    assert coordinator.status().state == "failed"
    assert "separates" in coordinator.status().message
    with pytest.raises(RunFailed, match="separates"):
        coordinator.outcome()
    rounds = sites["fes"].participant().answered_up_to(RUN)
    last = decode((tmp_path / "runs" / RUN / "rounds" / f"{rounds:04}.total").read_bytes()).arrays
    with pytest.raises(RunEnded):
        sites["fes"].participant().answer(RUN, ask(rounds + 1, last))


def test_errors_are_all_ours(sites: dict[str, Site]) -> None:
    with pytest.raises(JazariError):
        sites["fes"].participant().answer("../../etc", ask(1))


def test_a_permit_is_read_again_for_every_message(tmp_path: Path) -> None:
    """What was checked once is taken as checked only while the very same bytes lie there, and not past its date."""
    sites = make_sites(tmp_path)
    study = make_study("glm", LINEAR, list(sites))
    site = sites["fes"]
    permit = site.permit(study)
    participant = site.participant()
    request = encode(Message("request", "r-1", 1))
    first = participant.answer("r-1", request)
    assert participant.answer("r-1", request) == first
    with clock.frozen(clock.now() + timedelta(days=2)), pytest.raises(PermitExpired):
        participant.answer("r-1", request)
    write_permit(site.engine, permit.model_copy(update={"dataset": "fes/dataset/other@1"}))
    with pytest.raises(BadPermit, match="another data set"):
        participant.answer("r-1", request)
    write_permit(site.engine, permit)
    assert participant.answer("r-1", request) == first
    write_stewards(site.engine, [sites["rabat"].key.key])
    with pytest.raises(BadPermit, match="not its steward's"):
        participant.answer("r-1", request)
    withdraw_permit(site.engine, "r-1")
    with pytest.raises(NoPermit):
        participant.answer("r-1", request)
