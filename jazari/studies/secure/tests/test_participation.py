"""What an institute answers in a secure run, and everything that it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jazari.studies.errors import AlteredSet, BadSession, BadShares, BrokenContract, StudyError, TooFewInstitutes
from jazari.studies.messages import Step, Sums
from jazari.studies.secure import member
from jazari.studies.secure.participation import Participation
from jazari.studies.secure.roster import set_statement
from jazari.studies.secure.tests.builders import (
    CONTRACT,
    TRANSCRIPT,
    Institute,
    Root,
    certificate_of,
    names_of,
    publisher_of,
    publishing_keys,
    session_of,
    signature_of,
)

NAMES = names_of(4)
THREE = NAMES[:3]
MISSING = "i03"


def begun(names: tuple[str, ...] = NAMES) -> Root:
    """Round 1 up to the shares."""
    root = Root(names)
    root.begin()
    return root


def summed(names: tuple[str, ...] = NAMES) -> Root:
    """Round 1 up to the masked sums."""
    root = begun(names)
    root.ask_sums(1, names, names)
    return root


def sum_of(root: Root, names: tuple[str, ...]) -> list[int]:
    return sum((root.words[name] for name in names), np.zeros(4, dtype=np.uint64)).tolist()


def test_a_round_in_which_all_finish_needs_no_agreement() -> None:
    root = summed()
    told = root.told_finished(1, NAMES)
    revealed = {name: root.institutes[name].answer(1, "unmask", told) for name in NAMES}
    assert root.open(1, NAMES, revealed, NAMES).tolist() == sum_of(root, NAMES)


def test_a_round_that_lost_one_is_opened_after_agreement_and_the_next_goes_on() -> None:
    root = summed()
    told = root.told_finished(1, THREE, root.agree(1, THREE))
    revealed = {name: root.institutes[name].answer(1, "unmask", told) for name in THREE}
    assert root.open(1, NAMES, revealed, THREE).tolist() == sum_of(root, THREE)
    root.shares[2] = {name: said["shares"] for name, said in revealed.items()}
    root.keys[2] = {name: root.keys[2][name] for name in THREE}
    root.ask_sums(2, THREE, THREE)
    revealed = {name: root.institutes[name].answer(2, "unmask", root.told_finished(2, THREE)) for name in THREE}
    assert root.open(2, THREE, revealed, THREE).tolist() == sum_of(root, THREE)
    assert all(root.institutes[name].way.finished(1) == THREE for name in THREE)


def test_the_same_step_asked_again_is_answered_in_the_same_bytes() -> None:
    """Another process, which knows the session and what was told, says the same of every step."""
    first, again = summed(), summed()
    told = first.told_finished(1, NAMES)
    for name in NAMES:
        assert first.masked[1][name].tolist() == again.masked[1][name].tolist()
        said, same = (root.institutes[name].answer(1, "unmask", told) for root in (first, again))
        assert {key: value.tobytes() for key, value in said.items()} == {k: v.tobytes() for k, v in same.items()}


# -- a Root that asks for two totals of one round


def test_no_agreement_after_all_were_said_to_have_finished() -> None:
    root = summed()
    root.institutes["i00"].answer(1, "unmask", root.told_finished(1, NAMES))
    with pytest.raises(AlteredSet, match="twice"):
        root.institutes["i00"].answer(1, "agree", {"members": root.places(THREE)})


def test_no_fast_way_after_an_institute_was_said_to_be_missing() -> None:
    root = summed()
    root.agree(1, THREE)
    with pytest.raises(AlteredSet, match="said before"):
        root.institutes["i00"].answer(1, "unmask", root.told_finished(1, NAMES))


def test_also_when_that_agreement_was_refused() -> None:
    """Being told is enough: the other way is shut whether the first was answered or not."""
    root = summed()
    with pytest.raises(TooFewInstitutes):
        root.institutes["i00"].answer(1, "agree", {"members": root.places(NAMES[:2])})
    with pytest.raises(AlteredSet):
        root.institutes["i00"].answer(1, "unmask", root.told_finished(1, NAMES))


def test_unmasking_a_smaller_set_without_agreement_is_refused() -> None:
    root = summed()
    with pytest.raises(AlteredSet, match="did not sign"):
        root.institutes["i00"].answer(1, "unmask", root.told_finished(1, THREE))


def test_unmasking_another_set_than_was_signed_is_refused() -> None:
    names = names_of(7)
    root = summed(names)
    signed, other = names[:6], (*names[:5], names[6])
    root.agree(1, signed)
    forged = {name: signature_of(name, 1, names, other) for name in other}
    with pytest.raises(AlteredSet, match="did not sign"):
        root.institutes["i00"].answer(1, "unmask", root.told_finished(1, other, forged))


def test_an_agreement_that_was_refused_opens_nothing() -> None:
    """The Root knows genuine signatures of the others, but this institute did not give its own."""
    root = summed()
    signatures = {name: signature_of(name, 1, NAMES, THREE) for name in THREE}
    root.institutes["i00"].desk.tell(1, "agree", {"members": root.places(THREE)})
    with pytest.raises(AlteredSet, match="did not sign"):
        root.institutes["i00"].answer(1, "unmask", root.told_finished(1, THREE, signatures))


# -- below the threshold


@pytest.mark.parametrize("step", ["shares", "sums", "agree", "unmask"])
def test_below_the_threshold_nothing_is_said(step: Step) -> None:
    names = names_of(7)  # 5 are needed
    few = names[:4]
    root = Root(names)
    if step == "shares":
        with pytest.raises(TooFewInstitutes):
            root.begin(few)
        return
    root.begin()
    if step == "sums":
        with pytest.raises(TooFewInstitutes):
            root.ask_sums(1, names, few)
        return
    root.ask_sums(1, names, names)
    signatures = {name: signature_of(name, 1, names, few) for name in few}
    told = {"members": root.places(few)} if step == "agree" else root.told_finished(1, few, signatures)
    with pytest.raises(TooFewInstitutes):
        root.institutes["i00"].answer(1, step, told)


def test_the_study_may_need_more_than_the_threshold() -> None:
    root = Root(names_of(6), minimum=6)
    with pytest.raises(TooFewInstitutes):
        root.begin(names_of(5))


def test_signatures_of_too_few_open_nothing() -> None:
    names = names_of(7)
    root = summed(names)
    finished = names[:6]
    signatures = root.agree(1, finished)
    few = {name: signatures[name] for name in names[:4]}
    with pytest.raises(TooFewInstitutes):
        root.institutes["i00"].answer(1, "unmask", root.told_finished(1, finished, few))


# -- forged, altered and replayed


@pytest.mark.parametrize("how", ["other key", "other round", "other run", "other set", "one byte", "short", "not own"])
def test_forged_signatures_open_nothing(how: str) -> None:
    root = summed()
    signatures: dict[str, Any] = root.agree(1, THREE)
    forged = {
        "other key": session_signature("i01", seed=9),
        "other round": signature_of("i01", 2, NAMES, THREE),
        "other run": signature_of("i01", 1, NAMES, THREE, "r-2"),
        "other set": signature_of("i01", 1, NAMES, NAMES[1:]),
        "one byte": signatures["i01"] ^ np.uint8(1),
    }
    told = root.told_finished(1, THREE, signatures | ({"i01": forged[how]} if how in forged else {}))
    if how == "short":
        told["signatures"] = told["signatures"][:2]
    if how == "not own":
        told["signers"] = root.places(["i01", "i02", "i03"])
    with pytest.raises((BadSession, AlteredSet)):
        root.institutes["i00"].answer(1, "unmask", told)


def session_signature(name: str, seed: int) -> Any:
    raw = session_of(name, seed=seed).sign(set_statement("r-1", 1, NAMES, THREE))
    return np.frombuffer(raw, np.uint8)


def test_an_altered_bundle_of_shares_stops_before_anything_is_masked() -> None:
    root = begun()
    told = root.bundles(1, "i00", NAMES, NAMES)
    told["shares"] = told["shares"] ^ np.uint8(1)
    with pytest.raises(BadShares):
        root.institutes["i00"].sums(1, told, np.zeros(4, dtype=np.uint64))


@pytest.mark.parametrize("form", ["rows", "width", "type", "none"])
def test_bundles_of_another_form_are_refused(form: str) -> None:
    root = begun()
    told = root.bundles(1, "i00", NAMES, NAMES)
    shares = told.pop("shares")
    changed = {"rows": shares[:3], "width": shares[:, :-1], "type": shares.astype(np.int64)}
    if form in changed:
        told["shares"] = changed[form]
    with pytest.raises(BadSession):
        root.institutes["i00"].sums(1, told, np.zeros(4, dtype=np.uint64))


def test_shares_of_another_run_or_round_do_not_open() -> None:
    root, other_run = begun(), Root(NAMES, "r-2")
    other_run.begin()
    for shares in (other_run.bundles(1, "i00", NAMES, NAMES), root.bundles(1, "i01", NAMES, NAMES)):
        with pytest.raises(BadShares):
            root.institutes["i00"].way.mask(1, shares, *masking())


def test_shares_of_an_earlier_round_do_not_open_in_a_later_one() -> None:
    root = summed()
    for name in NAMES:
        root.institutes[name].answer(1, "unmask", root.told_finished(1, NAMES))
    with pytest.raises(BadShares):
        root.institutes["i00"].way.mask(2, root.bundles(1, "i00", NAMES, NAMES), *masking())


def masking() -> tuple[Any, Any, str]:
    return CONTRACT, {"n": np.zeros(4, dtype=np.uint64)}, TRANSCRIPT


# -- different things told to different institutes


def test_rosters_that_differ_open_nothing() -> None:
    """The Root tells i00 of four institutes and the others of three: nobody can open anybody's shares."""
    root = Root(NAMES)
    for name in NAMES:
        said = root.institutes[name].answer(1, "keys", {})
        root.certificates[name] = said["certificate"]
        root.keys.setdefault(1, {})[name] = said["key"]
    root.shares[1] = {}
    for name in THREE:
        told = root.told_first(NAMES if name == "i00" else THREE)
        root.shares[1][name] = root.institutes[name].answer(1, "shares", told)["shares"]
    with pytest.raises(BadShares):
        root.institutes["i00"].sums(1, root.bundles(1, "i00", NAMES, THREE), np.zeros(4, dtype=np.uint64))
    with pytest.raises(BadShares):
        root.institutes["i01"].sums(1, root.bundles(1, "i01", THREE, THREE), np.zeros(4, dtype=np.uint64))


def test_different_sets_asked_leave_a_total_that_cannot_be_opened() -> None:
    root = begun()
    told = {name: root.bundles(1, name, NAMES, THREE if name == "i00" else NAMES) for name in NAMES}
    for name in NAMES:
        root.words[name] = np.arange(4, dtype=np.uint64)
        masked, extra = root.institutes[name].sums(1, told[name], root.words[name])
        root.masked.setdefault(1, {})[name] = masked["n"]
        root.keys.setdefault(2, {})[name] = extra["key"]
    revealed = {}
    for name in NAMES[1:]:
        revealed[name] = root.institutes[name].answer(1, "unmask", root.told_finished(1, NAMES))
    total = root.open(1, NAMES, revealed, NAMES)
    assert not (total == sum_of(root, NAMES)).any()


def test_different_sets_to_agree_on_cannot_both_be_signed_by_enough() -> None:
    root = summed()
    root.institutes["i00"].answer(1, "agree", {"members": root.places(THREE)})
    told = {"members": root.places(("i00", "i01", MISSING))}
    signatures = {name: root.institutes[name].answer(1, "agree", told)["signature"] for name in ("i01", MISSING)}
    signatures["i00"] = signature_of("i00", 1, NAMES, THREE)
    for finished in (THREE, ("i00", "i01", MISSING)):
        with pytest.raises((BadSession, AlteredSet)):
            root.institutes["i01"].way.answer(1, "unmask", root.told_finished(1, finished, signatures))


def test_the_root_in_the_middle_is_refused() -> None:
    """Keys of the Root's own under an institute's name, signed with any key but the institute's."""
    root = Root(NAMES)
    for name in NAMES:
        said = root.institutes[name].answer(1, "keys", {})
        root.certificates[name] = said["certificate"]
        root.keys.setdefault(1, {})[name] = said["key"]
    own = session_of("i01", seed=666)
    root.certificates["i01"] = np.frombuffer(own.certificate(publisher_of("root")).packed(), np.uint8)
    root.keys[1]["i01"] = np.frombuffer(member.announce(own, 1), np.uint8)
    with pytest.raises(BadSession, match="i01"):
        root.institutes["i00"].answer(1, "shares", root.told_first(NAMES))


def test_the_own_keys_replaced_are_noticed_even_when_they_are_signed() -> None:
    """An older session of the same institute and run, if there ever were one."""
    root = Root(NAMES)
    for name in NAMES:
        said = root.institutes[name].answer(1, "keys", {})
        root.certificates[name] = said["certificate"]
        root.keys.setdefault(1, {})[name] = said["key"]
    other = session_of("i00", seed=2)
    root.certificates["i00"] = np.frombuffer(certificate_of(other).packed(), np.uint8)
    root.keys[1]["i00"] = np.frombuffer(member.announce(other, 1), np.uint8)
    with pytest.raises(BadSession, match="own keys"):
        root.institutes["i00"].answer(1, "shares", root.told_first(NAMES))


def test_a_certificate_that_the_directory_does_not_know_makes_no_participation() -> None:
    with pytest.raises(BadSession):
        Institute("i00", NAMES, keys=publishing_keys(NAMES[1:]))


# -- out of order, malformed


def test_steps_out_of_order_are_refused() -> None:
    root = Root(NAMES)
    institute = root.institutes["i00"]
    institute.answer(1, "keys", {})
    extra: Sums = {"members": root.places(NAMES), "shares": np.zeros((4, member.BUNDLE_BYTES), np.uint8)}
    with pytest.raises(AlteredSet, match="were not asked for before"):
        institute.sums(1, extra, np.zeros(4, dtype=np.uint64))
    steps: tuple[Step, ...] = ("agree", "unmask")
    for step in steps:
        with pytest.raises(AlteredSet, match="were not"):
            Institute("i00", NAMES).answer(1, step, extra)


def test_a_round_that_was_not_opened_here_is_followed_by_none() -> None:
    """Being told of unmasking, and refusing, does not make a roster for the next round."""
    root = summed()
    institute = root.institutes["i00"]
    with pytest.raises(AlteredSet):
        institute.answer(1, "unmask", root.told_finished(1, THREE))  # without agreement
    with pytest.raises(AlteredSet, match="were not answered"):
        institute.way.finished(1)
    with pytest.raises(AlteredSet, match="were not answered"):
        institute.way.mask(2, root.bundles(1, "i00", NAMES, THREE), *masking())


@pytest.mark.parametrize("places", [[0, 0, 1, 2], [2, 1, 0], [0, 1, 9], [-1, 0, 1, 2], [0.0, 1.0, 2.0], [[0, 1, 2]]])
def test_lists_that_are_none_of_this_run_are_refused(places: list[Any]) -> None:
    root = begun()
    told = {**root.bundles(1, "i00", NAMES, NAMES), "members": np.array(places)}
    with pytest.raises((BrokenContract, StudyError)):
        root.institutes["i00"].sums(1, told, np.zeros(4, dtype=np.uint64))


@pytest.mark.parametrize("without_own", [("i01", "i02", "i03")])
def test_a_set_without_this_institute_is_refused(without_own: tuple[str, ...]) -> None:
    root = summed()
    with pytest.raises(AlteredSet):
        root.institutes["i00"].answer(1, "agree", {"members": root.places(without_own)})
    with pytest.raises(AlteredSet):
        root.institutes["i00"].answer(1, "unmask", root.told_finished(1, without_own))


def test_an_institute_that_was_not_asked_cannot_have_finished() -> None:
    root = begun()
    root.ask_sums(1, NAMES, THREE)
    with pytest.raises(AlteredSet):
        root.institutes["i00"].answer(1, "agree", {"members": root.places(NAMES)})


@pytest.mark.parametrize("name", ["members", "certificates", "keys"])
def test_what_a_request_lacks_is_named(name: str) -> None:
    root = begun()
    told = root.told_first(NAMES)
    del told[name]
    fresh = Institute("i00", NAMES)
    with pytest.raises(BadSession, match=name):
        fresh.answer(1, "shares", told)


def test_what_was_verified_once_is_verified_again_when_it_is_other_bytes() -> None:
    """Reading once is by the very bytes: one altered byte is seen after the genuine ones were read."""
    root = begun()
    way: Participation = root.institutes["i00"].way
    genuine = root.told_first(NAMES)
    for name in ("certificates", "keys"):
        altered = genuine[name].copy()
        altered[1, 5] ^= 1
        with pytest.raises(BadSession):
            way.answer(1, "shares", {**genuine, name: altered})
    told = root.bundles(1, "i00", NAMES, NAMES)
    way.mask(1, told, *masking())
    told["shares"] = told["shares"] ^ np.uint8(1)
    with pytest.raises(BadShares):
        way.mask(1, told, *masking())
