"""Masks: they hide what they cover, and cancel over whoever finished, whoever dropped out and when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jazari.studies.errors import BadShares
from jazari.studies.messages import Array
from jazari.studies.secure import member
from jazari.studies.secure.fixed_point import Words
from jazari.studies.secure.rules import threshold
from jazari.studies.secure.tests.builders import PlayedRound, names_of, roster_of, session_of
from jazari.studies.secure.unmasking import Revealed, check_revealed, unmask

COUNT = 5


def random_words(names: Sequence[str], seed: int, count: int = COUNT) -> dict[str, Words]:
    """Any words for each institute, the extreme ones among them."""
    source = np.random.default_rng(seed)
    return {name: source.integers(0, 2**64, count, dtype=np.uint64) for name in names}


def played(n: int, seed: int, **sets: Sequence[str]) -> PlayedRound:
    names = names_of(n)
    sessions = {name: session_of(name, seed=seed) for name in names}
    values = {"asked": names, "finished": names, "revealing": names, **sets}
    return PlayedRound(sessions, 2, words=random_words(names, seed), **values)


def plain_sum(words: dict[str, Words], names: Sequence[str]) -> Words:
    """Added in Python's own integers."""
    columns = zip(*(words[name].tolist() for name in names), strict=True)
    return np.array([sum(column) % 2**64 for column in columns], dtype=np.uint64)


@settings(max_examples=40)
@given(data=st.data(), n=st.integers(3, 12), seed=st.integers(0, 2**32))
def test_masks_cancel_over_whoever_finished(data: st.DataObject, n: int, seed: int) -> None:
    """Some give shares and are never asked, some are asked and do not finish, some finish and reveal nothing."""
    names, needed = names_of(n), threshold(n)

    def some_of(among: Sequence[str]) -> list[str]:
        dropped = data.draw(st.sets(st.sampled_from(list(among)), max_size=len(among) - needed))
        return [name for name in among if name not in dropped]

    asked = some_of(names)
    finished = some_of(asked)
    revealing = some_of(finished)
    of_round = played(n, seed, asked=asked, finished=finished, revealing=revealing)
    assert np.array_equal(of_round.total(), plain_sum(dict(of_round.words), finished))


@given(n=st.integers(3, 7), seed=st.integers(0, 2**32))
def test_fewer_than_enough_revealing_open_nothing(n: int, seed: int) -> None:
    names = names_of(n)
    with pytest.raises(BadShares, match="are needed"):
        played(n, seed, revealing=names[: threshold(n) - 1]).total()


@given(seed=st.integers(0, 2**32))
def test_without_the_shares_of_one_mask_the_rest_says_nothing(seed: int) -> None:
    """Taking off all masks but one leaves words that are not the sum in any cell."""
    of_round = played(4, seed)
    total = of_round.total()
    roster = roster_of(of_round.sessions, 2)
    secret = of_round.sessions["i02"].secret("self", 2)[: member.SECRET_BYTES]
    still_masked = total + member.self_mask(secret, roster.run, 2, COUNT)
    assert not (still_masked == total).any()


def test_masked_words_look_uniform() -> None:
    """All institutes send zeros: each byte value, each bit, and each difference between rounds is as likely."""
    names = names_of(3)
    sessions = {name: session_of(name) for name in names}
    count = 40_000
    rows = []
    for number in (1, 2):
        roster = roster_of(sessions, number)
        rows += [member.mask(sessions[n], roster, names, "t", np.zeros(count, dtype=np.uint64)) for n in names]
    differences = [rows[0] - rows[3], rows[0] - rows[1], rows[0] + rows[1]]
    for words in (*rows, *differences):
        found = np.bincount(words.view(np.uint8), minlength=256)
        expected = 8 * count / 256
        # Chi-squared with 255 degrees of freedom: above 400 less than once in 10**7.
        assert ((found - expected) ** 2 / expected).sum() < 400
    for one in range(len(rows)):
        for other in range(one):
            assert not np.array_equal(rows[one], rows[other])
    correlation = np.corrcoef(np.array([row.astype(np.float64) for row in rows]))
    assert np.abs(correlation - np.eye(len(rows))).max() < 0.03


def test_masks_differ_between_rounds_runs_institutes_and_what_was_told() -> None:
    names = names_of(3)
    zeros = np.zeros(COUNT, dtype=np.uint64)
    seen = set()
    for run in ("r-1", "r-2"):
        sessions = {name: session_of(name, run) for name in names}
        for number in (1, 2):
            for transcript in ("one", "other"):
                for name in names:
                    roster = roster_of(sessions, number)
                    seen.add(member.mask(sessions[name], roster, names, transcript, zeros).tobytes())
    assert len(seen) == 2 * 2 * 2 * 3


def test_different_totals_told_or_different_sets_asked_leave_noise() -> None:
    """A Root that gives one institute a state of its own cannot read that one's sums out of the total."""
    names = names_of(4)
    sessions = {name: session_of(name) for name in names}
    roster = roster_of(sessions, 2)
    words = {name: np.zeros(COUNT, dtype=np.uint64) for name in names}
    words["i01"] = np.arange(COUNT, dtype=np.uint64) + np.uint64(7)  # the others' vanish under the crafted state
    honest = PlayedRound(sessions, 2, names, names, names, words)
    assert np.array_equal(honest.total(), words["i01"])
    for context in ({"transcript": "crafted"}, {"asked": names[:3]}):
        told: dict[str, object] = {"asked": names, "transcript": honest.transcript, **context}
        masked = dict(honest.masked)
        masked["i01"] = member.mask(sessions["i01"], roster, told["asked"], told["transcript"], words["i01"])  # type: ignore[arg-type]
        for transcript in (honest.transcript, "crafted"):
            total = unmask(roster, names, transcript, masked, honest.revealed, threshold(4))
            assert not (total == words["i01"]).any()


def test_a_wrong_share_of_a_round_key_is_found() -> None:
    """Shares that fit together but lead to another key than the one that was announced."""
    of_round = played(4, 1, finished=["i00", "i01", "i02"], revealing=["i00", "i01", "i02"])
    of_round.total()
    other = played(4, 2, finished=["i00", "i01", "i02"], revealing=["i00", "i01", "i02"])
    other.total()
    revealed = {n: Revealed(of_round.revealed[n].selves, other.revealed[n].pairs) for n in of_round.revealed}
    masked = {name: of_round.masked[name] for name in of_round.finished}
    roster = roster_of(of_round.sessions, 2)
    with pytest.raises(BadShares, match="another key"):
        unmask(roster, of_round.asked, of_round.transcript, masked, revealed, 3)


@pytest.mark.parametrize("who", ["selves", "pairs"])
def test_altered_shares_open_nothing(who: str) -> None:
    of_round = played(4, 1, finished=["i00", "i01", "i02"], revealing=["i00", "i01", "i02"])
    of_round.total()
    matrices: dict[str, Array] = {"selves": of_round.revealed["i00"].selves, "pairs": of_round.revealed["i00"].pairs}
    matrices[who] = matrices[who] ^ np.uint8(1)
    revealed = {**of_round.revealed, "i00": Revealed(**matrices)}
    masked = {name: of_round.masked[name] for name in of_round.finished}
    with pytest.raises(BadShares):
        unmask(roster_of(of_round.sessions, 2), of_round.asked, of_round.transcript, masked, revealed, 3)


def test_no_institute_reveals_both_secrets_of_one() -> None:
    """Self mask of those who finished, round key of those who did not: no name in both, whatever is asked."""
    of_round = played(5, 3, finished=["i00", "i01", "i03", "i04"], revealing=["i00", "i01", "i03", "i04"])
    of_round.total()
    secret = of_round.sessions["i02"].secret("self", 2)[: member.SECRET_BYTES]
    for revealed in of_round.revealed.values():
        check_revealed(revealed, 4, 1)
        assert revealed.selves.shape == (4, member.REVEALED_BYTES)
        assert revealed.pairs.shape == (1, member.REVEALED_BYTES)
        assert secret not in revealed.selves.tobytes() + revealed.pairs.tobytes()


@pytest.mark.parametrize("shape", [(3, member.REVEALED_BYTES), (4, 3), (4,)])
def test_shares_of_another_form_are_refused(shape: tuple[int, ...]) -> None:
    right = np.zeros((1, member.REVEALED_BYTES), np.uint8)
    with pytest.raises(BadShares):
        check_revealed(Revealed(np.zeros(shape, np.uint8), right), 4, 1)
    with pytest.raises(BadShares):
        check_revealed(Revealed(np.zeros((4, member.REVEALED_BYTES)), right), 4, 1)


def test_shares_for_another_roster_do_not_open() -> None:
    """Members that see different keys, rounds or runs find out before they mask anything."""
    names = names_of(4)
    sessions = {name: session_of(name) for name in names}
    roster = roster_of(sessions, 1)
    others = [
        roster_of(sessions, 2),
        roster_of({**sessions, "i03": session_of("i03", seed=9)}, 1),
        roster_of({name: sessions[name] for name in names[:3]}, 1),
        roster_of({name: session_of(name, "r-2") for name in names}, 1),
    ]
    for other in others:
        shares = member.share_out(sessions["i00"], other, 3)
        bundles = np.stack([shares[other.names.index("i01")]])
        with pytest.raises(BadShares, match="altered on its way"):
            member.open_shares(sessions["i01"], roster, ["i00"], bundles, 3)
    genuine = member.share_out(sessions["i00"], roster, 3)[1:2]
    assert "i00" in member.open_shares(sessions["i01"], roster, ["i00"], genuine, 3)
    with pytest.raises(BadShares):
        member.open_shares(sessions["i02"], roster, ["i00"], genuine, 3)  # meant for i01
    with pytest.raises(BadShares):
        member.open_shares(sessions["i01"], roster, ["i02"], genuine, 3)  # not made by i02
