"""Sessions and rosters: keys are the institute's own, of this run and this round, or nothing is sent."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from jazari.studies.errors import BadSession, TooFewInstitutes
from jazari.studies.messages import Array
from jazari.studies.secure import member
from jazari.studies.secure.roster import read_certificates, read_roster, stack
from jazari.studies.secure.rules import fewest, threshold
from jazari.studies.secure.session import (
    CERTIFICATE_BYTES,
    ROUND_KEY_BYTES,
    Certificate,
    check_signature,
    forget_session,
    load_session,
    open_session,
    unpack_certificate,
)
from jazari.studies.secure.tests.builders import (
    RUN,
    certificate_of,
    names_of,
    publisher_of,
    publishing_keys,
    session_of,
)

NAMES = names_of(3)
KEYS = publishing_keys(NAMES)


def rows_of(certificates: list[Certificate]) -> Array:
    return stack([certificate.packed() for certificate in certificates], CERTIFICATE_BYTES)


def announced(run: str = RUN, number: int = 1, **replaced: str) -> Array:
    """The round keys of all; ``replaced`` says whose session announces in whose place."""
    sessions = [session_of(replaced.get(name, name), run) for name in NAMES]
    return stack([member.announce(session, number) for session in sessions], ROUND_KEY_BYTES)


def test_a_certificate_is_that_of_its_institute_and_run() -> None:
    certificate = certificate_of(session_of("i00"))
    certificate.check(KEYS["i00"])
    assert unpack_certificate(certificate.packed(), RUN, "i00") == certificate
    for changed in (
        {"run": "r-2"},
        {"namespace": "i01"},
        {"agreement_key": "11" * 32},
        {"signing_key": "22" * 32},
        {"signature": "33" * 64},
    ):
        with pytest.raises(BadSession):
            certificate.model_copy(update=changed).check(KEYS["i00"])
    for keys in ((), KEYS["i01"]):
        with pytest.raises(BadSession):
            certificate.check(keys)
    certificate.check([*KEYS["i01"], *KEYS["i00"]])  # any one of several keys of the institute


def test_keys_that_the_root_put_there_are_refused() -> None:
    """The man in the middle: sessions of the Root's own, signed with a key of its own, under institutes' names."""
    own = [certificate_of(session_of(name)) for name in NAMES]
    assert set(read_certificates(RUN, NAMES, rows_of(own), KEYS)) == set(NAMES)
    forged = session_of("i01", seed=666).certificate(publisher_of("root"))
    with pytest.raises(BadSession, match="i01"):
        read_certificates(RUN, NAMES, rows_of([own[0], forged, own[2]]), KEYS)
    with pytest.raises(BadSession, match="i01"):  # another institute's genuine keys
        read_certificates(RUN, NAMES, rows_of([own[0], own[2], own[2]]), KEYS)
    with pytest.raises(BadSession, match="i01"):  # its own of another run
        read_certificates(RUN, NAMES, rows_of([own[0], certificate_of(session_of("i01", "r-2")), own[2]]), KEYS)
    with pytest.raises(BadSession):  # an institute that the directory does not name
        read_certificates(RUN, NAMES, rows_of(own), publishing_keys(NAMES[:2]))


def test_round_keys_are_signed_for_this_round_and_run() -> None:
    certificates = {name: certificate_of(session_of(name)) for name in NAMES}
    roster = read_roster(RUN, 1, NAMES, certificates, announced())
    assert roster.names == NAMES
    for rows in (announced(number=2), announced("r-2"), announced(i01="i02"), announced() ^ np.uint8(1)):
        with pytest.raises(BadSession):
            read_roster(RUN, 1, NAMES, certificates, rows)
    with pytest.raises(BadSession, match="no keys in this run"):
        read_roster(RUN, 1, NAMES, {name: certificates[name] for name in NAMES[:2]}, announced())


@pytest.mark.parametrize("rows", [announced()[:2], announced().astype(np.int64), announced()[:, :-1], announced()[0]])
def test_keys_of_another_form_are_refused(rows: Array) -> None:
    certificates = {name: certificate_of(session_of(name)) for name in NAMES}
    with pytest.raises(BadSession, match="another form"):
        read_roster(RUN, 1, NAMES, certificates, rows)


def test_rosters_with_one_other_key_have_another_digest() -> None:
    certificates = {name: certificate_of(session_of(name)) for name in NAMES}
    digests = {
        read_roster(RUN, 1, NAMES, certificates, announced()).digest,
        read_roster(RUN, 2, NAMES, certificates, announced(number=2)).digest,
        read_roster(RUN, 1, NAMES[:2], certificates, announced()[:2]).digest,
    }
    assert len(digests) == 3


def test_statements_are_those_of_the_session() -> None:
    session = session_of("i00")
    key = certificate_of(session).signing_key
    check_signature(key, b"one", session.sign(b"one"), "i00")
    for statement, signature in (
        (b"other", session.sign(b"one")),
        (b"one", session_of("i01").sign(b"one")),
        (b"", b""),
    ):
        with pytest.raises(BadSession):
            check_signature(key, statement, signature, "i00")
    with pytest.raises(BadSession):
        check_signature("00" * 31, b"one", session.sign(b"one"), "i00")


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31), bytes(31), b""])
def test_keys_that_lead_to_no_secret_are_refused(key: bytes) -> None:
    """Points of small order would give the Root the shared secret."""
    with pytest.raises(BadSession):
        session_of("i00").shared_with(key)


def test_both_sides_share_one_secret_and_nobody_else() -> None:
    keys = {name: bytes.fromhex(certificate_of(session_of(name)).agreement_key) for name in NAMES}
    shared = session_of("i00").shared_with(keys["i01"])
    assert shared == session_of("i01").shared_with(keys["i00"])
    assert shared not in (session_of("i02").shared_with(keys["i00"]), session_of("i02").shared_with(keys["i01"]))


def test_a_session_lies_in_a_private_file_and_is_the_same_in_every_process(tmp_path: Path) -> None:
    first = open_session(tmp_path, RUN, "i00")
    path = tmp_path / "sessions" / f"{RUN}.seed"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_session(tmp_path, RUN, "i00") == load_session(tmp_path, RUN, "i00") == first
    assert certificate_of(load_session(tmp_path, RUN, "i00")) == certificate_of(first)
    assert member.announce(load_session(tmp_path, RUN, "i00"), 3) == member.announce(first, 3)
    assert open_session(tmp_path, "r-2", "i00").seed != first.seed
    assert first.seed.hex() not in repr(first)
    assert repr(first.seed) not in repr(first)


def test_a_forgotten_session_is_gone(tmp_path: Path) -> None:
    open_session(tmp_path, RUN, "i00")
    forget_session(tmp_path, RUN)
    forget_session(tmp_path, RUN)
    with pytest.raises(BadSession, match="record a new run"):
        load_session(tmp_path, RUN, "i00")
    (tmp_path / "sessions" / f"{RUN}.seed").write_bytes(b"short")
    with pytest.raises(BadSession):
        load_session(tmp_path, RUN, "i00")


def test_secrets_differ_by_purpose_round_and_run() -> None:
    found = {
        session_of("i00", run).secret(purpose, number)
        for run in ("r-1", "r-2")
        for purpose in ("self", "pair", "coefficients")
        for number in (1, 2, 3)
    }
    assert len(found) == 18


@pytest.mark.parametrize("institutes", range(3, 40))
def test_the_threshold_leaves_no_room_for_two_sets(institutes: int) -> None:
    """Two groups of that size share more than a third: one honest member at least, if under a third collude."""
    needed = threshold(institutes)
    assert 2 * institutes < 3 * needed
    assert needed <= institutes
    colluding = (institutes - 1) // 3
    honest_in_both = 2 * needed - institutes - colluding
    assert honest_in_both >= 1
    assert institutes - needed + colluding < needed, "who did not sign, and who colludes, cannot find a self mask"


def test_fewer_than_three_are_refused_and_the_study_may_ask_for_more() -> None:
    for institutes in (1, 2):
        with pytest.raises(TooFewInstitutes):
            fewest(institutes, 1)
    assert fewest(3, 1) == 3
    assert fewest(9, 8) == 8
