"""Secure aggregation in whole runs: exact totals over who finished, and nothing else for anybody to see."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jazari.studies.contract import Contract
from jazari.studies.coordinator import Coordinator
from jazari.studies.errors import RunEnded, RunFailed, WrongRound
from jazari.studies.messages import Array, Message, Step, Sums, decode, encode
from jazari.studies.participant import Participant
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.recipes.glm import Glm
from jazari.studies.rounds import Fold, places_of
from jazari.studies.secure import fixed_point, member
from jazari.studies.secure.rules import fewest
from jazari.studies.secure.session import Session, load_session
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import LINEAR, LOGISTIC, STATISTICS, make_study
from jazari.studies.tests.secure_runs import RUN, Network, cells_of, deadline_passes, play, request_of
from jazari.trust.keys import generate_key, load_signer

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "statistics": ("statistics", STATISTICS),
    "linear": ("glm", LINEAR),
    "logistic": ("glm", LOGISTIC),
    "kmeans": ("kmeans", {"variables": ["ph", "yield_"], "clusters": 2}),
    "pca": ("pca", {"variables": ["ph", "yield_", "ill"], "components": 2}),
}
TOLERANCE = 1e-9
LARGER = LOGISTIC | {"predictors": ["ph", "yield_", "crop"]}
SMALL: dict[str, Any] = {"family": "gaussian", "responses": ["yield_"], "predictors": ["ph"]}
"""Three rounds of few numbers."""


# -- the result is that of plain sums


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_result_is_that_of_plain_sums(tmp_path: Path, name: str) -> None:
    recipe, parameters = RECIPES[name]
    network = Network(tmp_path, recipe, parameters, 3, rows=200)
    coordinator = network.order()
    steps = play(coordinator, network.participants())
    assert network.check_totals() == [network.names] * coordinator.outcome().rounds
    assert not any("agree" in step for step in steps)
    tables = {name: site.table for name, site in network.sites.items()}
    plain = make_study(recipe, parameters, network.names, secure_aggregation=False)
    secure, scales = coordinator.outcome().result, declared_scales(network.study)
    assert max_relative_difference(secure, simulate(plain, tables).result, scales) <= TOLERANCE
    assert max_relative_difference(secure, pooled(network.study, tables), scales) <= TOLERANCE
    assert secure == simulate(network.study, tables).result
    outcome = coordinator.outcome()
    assert set(outcome.confirmed.values()) == {outcome.transcript}
    assert set(outcome.confirmed) == set(network.names)
    assert 0 < max(outcome.resolution.values()) <= 1


# -- drop-outs


ROUND_1: list[Step] = ["keys", "shares", "sums"]


@pytest.mark.parametrize("count", range(3, 8))
@pytest.mark.parametrize("step", ROUND_1)
def test_one_that_drops_out_before_its_sums_count(tmp_path: Path, count: int, step: Step) -> None:
    """With four or more institutes the run goes on over the others; with three it fails closed and names it."""
    network = Network(tmp_path, "glm", SMALL, count)
    coordinator, lost = network.order(), network.names[1]
    play(coordinator, network.participants(), {(1, step): [lost]})
    if count - 1 < fewest(count, 3):
        _failed_closed(network, coordinator, [lost])
        return
    left = tuple(name for name in network.names if name != lost)
    assert network.check_totals() == [left] * 3
    outcome = coordinator.outcome()
    assert outcome.dropped == {lost: 1}
    assert set(outcome.confirmed) == set(left)
    tables = {name: network.sites[name].table for name in left}
    scales = declared_scales(network.study)
    assert max_relative_difference(outcome.result, pooled(network.study, tables), scales) <= TOLERANCE
    for name in left:
        assert network.sites[name].participant().result(RUN) == outcome.result


@pytest.mark.parametrize("step", ["agree", "unmask"])
def test_dropping_out_while_the_total_is_opened(tmp_path: Path, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven: one is lost with its sums, another while the total is opened. Its sums are in it all the same."""
    monkeypatch.setattr(Glm, "same_institutes", False)
    network = Network(tmp_path, "glm", SMALL, 7)
    coordinator, names = network.order(), network.names
    steps = play(coordinator, network.participants(), {(1, "sums"): [names[6]], (1, step): [names[0]]})
    assert steps[:5] == ["1.keys", "1.shares", "1.sums", "1.agree", "1.unmask"]
    assert network.check_totals()[:2] == [names[:6], names[1:6]]


@pytest.mark.parametrize("step", ["agree", "unmask"])
@pytest.mark.parametrize("count", [4, 5])
def test_below_the_threshold_while_opening_the_run_fails_closed(tmp_path: Path, count: int, step: Step) -> None:
    network = Network(tmp_path, "glm", SMALL, count)
    coordinator, names = network.order(), network.names
    play(coordinator, network.participants(), {(1, "sums"): [names[-1]], (1, step): [names[0]]})
    _failed_closed(network, coordinator, [names[0]])


@pytest.mark.parametrize("step", ["sums", "unmask"])
def test_dropping_out_in_a_later_round(tmp_path: Path, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Glm, "same_institutes", False)
    network = Network(tmp_path, "glm", SMALL, 5)
    coordinator, names = network.order(), network.names
    play(coordinator, network.participants(), {(2, step): [names[2]]})
    left = tuple(name for name in names if name != names[2])
    assert network.check_totals()[:2] == [names, left if step == "sums" else names]


@pytest.mark.parametrize("step", ["sums", "unmask"])
def test_a_recipe_that_needs_the_same_institutes_ends_instead(tmp_path: Path, step: Step) -> None:
    """Two rounds of a linear model over different institutes would be a model of neither."""
    network = Network(tmp_path, "glm", SMALL, 5)
    coordinator, lost = network.order(), network.names[2]
    play(coordinator, network.participants(), {(2, step): [lost]})
    assert coordinator.status().state == "failed"
    assert lost in coordinator.status().message
    assert len(network.totals()) == (1 if step == "sums" else 2)


def test_two_of_seven_may_drop_out_and_three_may_not(tmp_path: Path) -> None:
    for lost in (2, 3):
        network = Network(tmp_path / str(lost), "glm", SMALL, 7)
        coordinator, gone = network.order(), network.names[:lost]
        play(coordinator, network.participants(), {(1, "sums"): gone})
        if lost == 2:
            assert network.check_totals() == [network.names[2:]] * 3
        else:
            _failed_closed(network, coordinator, gone)


def test_the_study_may_ask_for_more_institutes_than_the_threshold(tmp_path: Path) -> None:
    network = Network(tmp_path, "glm", SMALL, 5, minimum_institutes=5)
    coordinator = network.order()
    play(coordinator, network.participants(), {(1, "sums"): [network.names[0]]})
    _failed_closed(network, coordinator, [network.names[0]])


def test_one_that_comes_back_late_counts_for_nothing(tmp_path: Path) -> None:
    """Its masked sums reach the Root after the decision: refused, and no institute opens a total with them."""
    network = Network(tmp_path, "glm", SMALL, 4)
    coordinator, participants, late = network.order(), network.participants(), network.names[3]
    _up_to(coordinator, participants, (1, "sums"))
    answers = {name: participants[name].answer(RUN, coordinator.request(name)) for name in network.names}
    for name in network.names[:3]:
        coordinator.receive(name, answers[name])
    deadline_passes(coordinator)
    with pytest.raises(WrongRound):
        coordinator.receive(late, answers[late])
    play(coordinator, participants)
    assert network.check_totals() == [network.names[:3]] * 3
    with pytest.raises(RunEnded):
        coordinator.receive(late, answers[late])


def _failed_closed(network: Network, coordinator: Coordinator, missing: Any) -> None:
    status = coordinator.status()
    assert status.state == "failed"
    assert all(name in status.message for name in missing)
    assert network.totals() == []
    with pytest.raises(RunFailed):
        coordinator.outcome()


def _up_to(coordinator: Coordinator, participants: Mapping[str, Participant], until: tuple[int, Step]) -> None:
    """Honest steps before ``until``."""
    while coordinator.step() != until:
        for name in coordinator.pending():
            coordinator.receive(name, participants[name].answer(RUN, coordinator.request(name)))


# -- a Root that tries to open a round twice


def test_a_round_that_failed_is_not_opened_for_fewer_later(tmp_path: Path) -> None:
    """The Root has all masked sums and some shares, declares the run failed, and asks for a smaller set."""
    network = Network(tmp_path, "glm", SMALL, 4)
    coordinator, participants = network.order(), network.participants()
    _up_to(coordinator, participants, (1, "unmask"))
    for name in network.names[:2]:
        participants[name].answer(RUN, coordinator.request(name))
    fewer = places_of(network.names[:3], network.names)
    agree = encode(Message("request", RUN, 1, step="agree", extra={"members": fewer}))
    said = [decode(participants[name].respond(RUN, agree)) for name in network.names[:3]]
    assert [message.text for message in said[:2]] == ["studies.altered-set"] * 2
    assert said[2].kind == "answer"  # it was told nothing else yet; its signature alone opens nothing
    signature = said[2].extra["signature"]
    told = decode(coordinator.request(network.names[2])).extra
    told |= {
        "members": fewer, "keys": told["keys"][:3], "signatures": np.stack([signature] * 3), "signers": fewer,
    }  # fmt: skip
    unmask = encode(Message("request", RUN, 1, step="unmask", extra=told))
    for name in network.names[:3]:
        assert decode(participants[name].respond(RUN, unmask)).kind == "refusal"


@pytest.mark.parametrize("finished_first", [True, False])
def test_a_second_run_of_the_agreement_does_not_open_a_smaller_set(tmp_path: Path, finished_first: bool) -> None:
    """Retry minus first would be the sums of the one that is missing now."""
    network = Network(tmp_path, "glm", SMALL, 4, max_runs=3)
    first, participants = network.order(), network.participants()
    if finished_first:
        play(first, participants)
        assert first.status().state == "finished"
    else:  # everybody helped to open the first total; the Root says that the run failed
        _up_to(first, participants, (1, "unmask"))
        for name in network.names:
            participants[name].answer(RUN, first.request(name))
        first.fail("The Root says so.")
    again = network.order("r-2")
    play(again, participants, {(1, "sums"): [network.names[3]]})
    assert again.status().state == "failed"
    assert "studies.other-institutes" in again.status().message
    assert network.totals("r-2") == []
    assert not any("unmask" in name and name.endswith(".unmask") for name in network.root_bytes("r-2"))
    whole = network.order("r-3")
    play(whole, participants)
    assert whole.status().state == "finished", "the same institutes again are the same total again"


def test_a_second_run_may_have_fewer_if_the_first_opened_nothing(tmp_path: Path) -> None:
    network = Network(tmp_path, "glm", SMALL, 4, max_runs=2)
    first, participants = network.order(), network.participants()
    play(first, participants, {(1, "sums"): network.names[2:]})
    _failed_closed(network, first, network.names[2:])
    again = network.order("r-2")
    play(again, participants, {(1, "sums"): network.names[3:]})
    assert again.status().state == "finished"


def test_after_a_total_without_one_the_same_institutes_may_go_on_and_all_may_not(tmp_path: Path) -> None:
    """With everybody back, the new total minus the first would be the sums of the one that was away."""
    network = Network(tmp_path, "glm", SMALL, 4, max_runs=3)
    away = [network.names[3]]
    first, participants = network.order(), network.participants()
    play(first, participants, {(1, "sums"): away})
    assert first.status().state == "finished"
    whole = network.order("r-2")
    play(whole, participants)
    assert "studies.other-institutes" in whole.status().message
    same = network.order("r-3")
    play(same, participants, {(1, "keys"): away})
    assert same.status().state == "finished"


def test_a_memory_of_opened_totals_that_cannot_be_read_opens_nothing(tmp_path: Path) -> None:
    network = Network(tmp_path, "glm", SMALL, 3)
    coordinator, participants = network.order(), network.participants()
    _up_to(coordinator, participants, (1, "unmask"))
    (network.sites[network.names[0]].engine / "memory" / "soil" / "index.json").write_text("[]")
    refused = decode(participants[network.names[0]].respond(RUN, coordinator.request(network.names[0])))
    assert (refused.kind, refused.text) == ("refusal", "studies.memory-unreadable")


# -- a Root that lies


def test_the_root_in_the_middle_is_refused(tmp_path: Path) -> None:
    """It replaces an institute's keys by keys of its own, with signatures of its own that are valid for them."""
    network = Network(tmp_path, "glm", SMALL, 4)
    coordinator, participants = network.order(), network.participants()
    _up_to(coordinator, participants, (1, "shares"))
    generate_key(tmp_path / "root.pem", None)
    victim, replaced = network.names[0], 2
    own = Session(RUN, network.names[replaced], bytes(32))
    told = decode(coordinator.request(victim)).extra
    forged = {name: told[name].copy() for name in ("certificates", "keys")}
    certificate = own.certificate(load_signer(tmp_path / "root.pem")).packed()
    forged["certificates"][replaced] = np.frombuffer(certificate, np.uint8)
    forged["keys"][replaced] = np.frombuffer(member.announce(own, 1), np.uint8)
    refused = decode(participants[victim].respond(RUN, request_of(coordinator, victim, extra=told | forged)))
    assert (refused.kind, refused.text) == ("refusal", "studies.bad-session")
    only_round_key = told | {"keys": forged["keys"]}
    other = network.names[1]
    refused = decode(participants[other].respond(RUN, request_of(coordinator, other, extra=only_round_key)))
    assert (refused.kind, refused.text) == ("refusal", "studies.bad-session")


def test_different_rosters_for_different_institutes_open_nothing(tmp_path: Path) -> None:
    network = Network(tmp_path, "glm", SMALL, 4)
    coordinator, participants = network.order(), network.participants()
    _up_to(coordinator, participants, (1, "shares"))
    odd, three = network.names[0], network.names[:3]
    for name in three:
        told = decode(coordinator.request(name)).extra
        if name != odd:
            told = {
                "members": told["members"][:3], "certificates": told["certificates"][:3], "keys": told["keys"][:3],
            }  # fmt: skip
        said = decode(participants[name].answer(RUN, request_of(coordinator, name, extra=told)))
        network.folder.joinpath(f"{name}.shares").write_bytes(said.extra["shares"].tobytes())
    for name in three:
        rows = []
        for sender in three:
            width = 4 if sender == odd else 3
            raw = np.frombuffer((network.folder / f"{sender}.shares").read_bytes(), np.uint8)
            rows.append(raw.reshape(width, member.BUNDLE_BYTES)[three.index(name)])
        extra = {"members": places_of(three, network.names), "shares": np.stack(rows)}
        refused = decode(participants[name].respond(RUN, encode(Message("request", RUN, 1, extra=extra))))
        assert (refused.kind, refused.text) == ("refusal", "studies.bad-shares")


def test_a_state_made_up_for_one_institute_leaves_noise(tmp_path: Path) -> None:
    """The Root tells one institute another total than the others (Pasquini et al., 2022): its masks do not cancel."""
    network = Network(tmp_path, "glm", SMALL, 3)
    coordinator, participants, victim = network.order(), network.participants(), network.names[0]
    _up_to(coordinator, participants, (2, "sums"))
    honest = decode(coordinator.request(victim))
    crafted = {name: array.copy() for name, array in honest.arrays.items()}
    changed = next(name for name, array in crafted.items() if array.dtype == np.float64)
    crafted[changed] *= 1 + 2.0**-40
    answer = participants[victim].answer(RUN, request_of(coordinator, victim, arrays=crafted))
    coordinator.receive(victim, answer)
    for name in network.names[1:]:
        coordinator.receive(name, participants[name].answer(RUN, coordinator.request(name)))
    for name in coordinator.pending():
        coordinator.receive(name, participants[name].answer(RUN, coordinator.request(name)))
    assert coordinator.status().state == "failed", "noise breaks the contract of the total"
    assert len(network.totals()) == 1


def test_a_total_over_other_institutes_than_opened_is_refused(tmp_path: Path) -> None:
    network = Network(tmp_path, "glm", SMALL, 4)
    coordinator, participants = network.order(), network.participants()
    _up_to(coordinator, participants, (2, "sums"))
    name = network.names[0]
    told = decode(coordinator.request(name)).extra
    for included in (network.names[:3], network.names[1:], network.names[:1]):
        extra = told | {"included": places_of(included, network.names)}
        refused = decode(participants[name].respond(RUN, request_of(coordinator, name, extra=extra)))
        assert (refused.kind, refused.text) == ("refusal", "studies.altered-total")


@pytest.mark.parametrize("step", ["keys", "shares", "sums", "agree", "unmask"])
def test_messages_of_another_run_round_or_step_are_refused(tmp_path: Path, step: Step) -> None:
    """Each institute is past round 1; whatever the Root replays, with whatever it has, is refused or said again."""
    network = Network(tmp_path, "glm", SMALL, 3, max_runs=2)
    coordinator, participants, name = network.order(), network.participants(), network.names[0]
    _up_to(coordinator, participants, (2, "unmask"))
    other = network.order("r-2")
    _up_to_run(other, participants, "r-2", (1, "sums"))
    stored = {path: path.read_bytes() for path in (network.sites[name].engine / "answers").rglob("*.said")}
    for extra in (decode(coordinator.request(name)).extra, decode(other.request(name)).extra, {}):
        for run, number in ((RUN, 1), (RUN, 2), (RUN, 3), ("r-2", 1), ("r-2", 2)):
            if (run, number, step) in ((RUN, 2, "unmask"), ("r-2", 1, "sums")):
                continue  # what is due
            message = Message("request", run, number, step=step, extra=extra)
            said = participants[name].respond(run, encode(message))
            assert decode(said).kind == "refusal" or said in stored.values(), (run, number)
    after = {path: path.read_bytes() for path in (network.sites[name].engine / "answers").rglob("*.said")}
    assert after == stored


def _up_to_run(
    coordinator: Coordinator, participants: Mapping[str, Participant], run: str, until: tuple[int, Step]
) -> None:
    while coordinator.step() != until:
        for name in coordinator.pending():
            coordinator.receive(name, participants[name].answer(run, coordinator.request(name)))


def test_institutes_send_wrong_shares_and_the_run_fails_without_a_total(tmp_path: Path) -> None:
    network = Network(tmp_path, "glm", SMALL, 3)
    coordinator, participants = network.order(), network.participants()
    _up_to(coordinator, participants, (1, "unmask"))
    for place, name in enumerate(network.names):
        said = decode(participants[name].answer(RUN, coordinator.request(name)))
        if place == 1:
            said.extra["selves"] = said.extra["selves"] ^ np.uint8(1)
        coordinator.receive(name, encode(said))
    assert coordinator.status().state == "failed"
    assert "do not fit together" in coordinator.status().message
    assert network.totals() == []


def test_the_keys_of_a_run_are_gone_when_it_has_ended(tmp_path: Path) -> None:
    network = Network(tmp_path, "glm", SMALL, 3)
    coordinator, participants = network.order(), network.participants()
    _up_to(coordinator, participants, (1, "unmask"))
    seeds = [load_session(site.engine, RUN, name).seed for name, site in network.sites.items()]
    play(coordinator, participants)
    for site in network.sites.values():
        assert not list((site.engine / "sessions").iterdir())
    everything = b"".join(network.root_bytes().values())
    assert not any(seed in everything or seed.hex().encode() in everything for seed in seeds)


# -- crashes


def cut_at(honest: Callable[..., object], number: int, moment: str) -> Callable[..., object]:
    """``honest``, but the process ends before or after its call of this number."""
    calls = iter(range(1_000_000))

    def cut(*arguments: object) -> object:
        last = next(calls) == number
        if last and moment == "before":
            raise SystemExit
        written = honest(*arguments)
        if last:
            raise SystemExit
        return written

    return cut


@pytest.mark.parametrize("where", ["notebook.write_private", "participant.write_event", "ledger.write_private"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_institute_cut_at_each_write_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, moment: str
) -> None:
    """Every write in turn is the last thing that happens; then the same request is asked again."""
    network = Network(tmp_path, "glm", SMALL, 4)
    coordinator, lost = network.order(), network.names[3]
    module, function = where.split(".")
    honest = getattr(sys.modules[f"jazari.studies.{module}"], function)
    others, cut_one = network.participants(), network.names[0]
    while pending := coordinator.pending():
        number, step = coordinator.step()
        present = [name for name in pending if name != lost or (number, step) in ((1, "keys"), (1, "shares"))]
        for name in present:
            request = coordinator.request(name)
            if name != cut_one:
                coordinator.receive(name, others[name].answer(RUN, request))
                continue
            for cuts in range(1000):
                with monkeypatch.context() as patched:
                    patched.setattr(f"jazari.studies.{module}.{function}", cut_at(honest, cuts, moment))
                    try:
                        answer = network.sites[name].participant().answer(RUN, request)
                    except SystemExit:
                        continue
                break
            assert network.sites[name].participant().answer(RUN, request) == answer
            coordinator.receive(name, answer)
        if not present:
            deadline_passes(coordinator)
    assert network.check_totals() == [network.names[:3]] * 3


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_coordinator_cut_at_each_write_makes_the_same_totals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Every write of the Root in turn is the last thing that a process does; another one opens the folder."""
    network = Network(tmp_path / "cut", "glm", SMALL, 3)
    network.order()
    from jazari.studies import coordinator as module
    from jazari.studies import run_folder

    honest, done = run_folder.write_private, set[str]()

    def cut(path: Path, data: bytes) -> None:
        first = path.name not in done
        done.add(path.name)
        if first and moment == "before":
            raise SystemExit
        honest(path, data)
        if first:
            raise SystemExit

    monkeypatch.setattr(run_folder, "write_private", cut)
    monkeypatch.setattr(module, "write_private", cut)
    participants = network.participants()
    for _ in range(1000):
        try:
            play(Coordinator.open(network.folder / "runs", RUN), participants)
        except SystemExit:
            continue
        break
    monkeypatch.undo()
    assert len(done) >= 3 * 3 + 3 * 3 + 3
    outcome = Coordinator.open(network.folder / "runs", RUN).outcome()
    assert set(outcome.confirmed.values()) == {outcome.transcript}
    assert network.check_totals() == [network.names] * 3
    smooth = Network(tmp_path / "smooth", "glm", SMALL, 3)
    play(smooth.order(), smooth.participants())
    cut_totals, smooth_totals = ([encode(t) for t in n.totals()] for n in (network, smooth))
    assert cut_totals == smooth_totals


# -- what the Root can see


@pytest.mark.parametrize("drop", [False, True])
def test_nothing_that_the_root_receives_holds_the_sums_of_one_institute(tmp_path: Path, drop: bool) -> None:
    """Every byte in its run folder, and every difference and sum of two answers, searched for every number that an
    institute computed and for every difference of its own numbers; with a control in which they are found."""
    found = {}
    for secure in (True, False):
        network = Network(tmp_path / str(secure), "glm", LARGER, 4, rows=300, secure_aggregation=secure)
        drops = {(1, "sums"): [network.names[3]]} if drop and secure else {}
        coordinator = network.order()
        play(coordinator, network.participants(), drops)
        assert coordinator.status().state == "finished"
        numbers = b"".join(array.tobytes() for sums in network.answers().values() for array in sums.values())
        numbers += _combinations(network.answers())
        each = {numbers[place : place + 8] for place in range(0, len(numbers), 8)}
        haystack = b"".join(network.root_bytes().values()) + numbers
        needles = _needles(network)
        assert all(len(of_one) > 60 for of_one in needles.values())
        found[secure] = {
            name: sum(needle in (haystack if _is_telling(needle) else each) for needle in of_one)
            for name, of_one in needles.items()
        }
    assert set(found[True].values()) == {0}
    assert all(number > 60 for number in found[False].values()), "the search finds what is there"


def _is_telling(needle: bytes) -> bool:
    """Whether it cannot be found by chance anywhere among bytes; small integers are looked for among numbers only."""
    return sum(byte not in (0, 255) for byte in needle) >= 4


def _combinations(answers: Mapping[tuple[int, str], Sums]) -> bytes:
    """All differences and sums of two messages of the same form, in words and in float64."""
    parts = []
    for one, other in combinations(answers.values(), 2):
        if {n: (a.shape, a.dtype) for n, a in one.items()} == {n: (a.shape, a.dtype) for n, a in other.items()}:
            for name in one:
                for left, right in ((one[name], other[name]), (other[name], one[name])):
                    parts += [(left - right).tobytes(), (left + right).tobytes()]
    return b"".join(parts)


def _needles(network: Network) -> dict[str, set[bytes]]:
    """The numbers of each institute alone, and their changes between rounds, as words, float64 and int64.

    Small counts and numbers that are also in a total are left out: they are found by chance or rightly.
    """
    count = len(network.names)
    fold = Fold(network.study, count)
    needles: dict[str, set[bytes]] = {name: set() for name in network.names}
    before: dict[str, tuple[Contract, Sums]] = {}
    for total, parts in zip(network.totals(), network.plain(), strict=True):
        contract = fold.contract(fold.known)
        scale = fixed_point.exponents(contract, network.study.largest_rows, count)
        public = set(np.abs(cells_of(total.arrays)).tolist())
        for name, sums in parts.items():
            words = fixed_point.to_words(contract, sums, scale, count)
            for output, array in sums.items():
                flat = array.reshape(-1).tolist()
                telling = np.array([(abs(v) > 64 or v % 1 != 0) and abs(v) not in public for v in flat], bool)
                needles[name] |= _forms(array.reshape(-1)[telling], words[output].reshape(-1)[telling])
                if name in before and before[name][0].phase == contract.phase:
                    earlier = before[name][1][output]
                    change = array.reshape(-1)[telling] - earlier.reshape(-1)[telling]
                    moved = np.abs(change) > 1e-6
                    needles[name] |= {value.tobytes() for value in change[moved]}
            before[name] = (contract, sums)
        fold.take(total.arrays)
    return needles


def _forms(values: Array, words: Array) -> set[bytes]:
    as_float = values.astype("<f8")
    as_integer = np.rint(as_float).astype("<i8")
    big = np.abs(as_integer) > 64
    found = {value.tobytes() for row in (as_float, words) for value in row}
    return found | {value.tobytes() for value in as_integer[big]}
