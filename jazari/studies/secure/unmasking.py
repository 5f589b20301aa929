"""The Root's part in a secure round: from masked sums and revealed shares to the total, and to nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jazari.studies.errors import BadShares
from jazari.studies.messages import Array
from jazari.studies.secure.fixed_point import Words
from jazari.studies.secure.member import REVEALED_BYTES, pair_mask, round_private_key, self_mask
from jazari.studies.secure.roster import Roster, mask_context
from jazari.studies.secure.session import public_of
from jazari.studies.secure.sharing import combine_each


@dataclass(frozen=True)
class Revealed:
    """What one institute revealed (see ``member.reveal``)."""

    selves: Array
    pairs: Array


def check_revealed(revealed: Revealed, finished: int, missing: int) -> None:
    """Raise ``BadShares`` unless the shares are as many as were asked for."""
    for matrix, count in ((revealed.selves, finished), (revealed.pairs, missing)):
        if not isinstance(matrix, np.ndarray) or matrix.dtype != np.uint8 or matrix.shape != (count, REVEALED_BYTES):
            raise BadShares("Shares of another form than was agreed: the round ends without a total.")


def unmask(
    roster: Roster,
    asked: Sequence[str],
    transcript: str,
    masked: Mapping[str, Words],
    revealed: Mapping[str, Revealed],
    needed: int,
) -> Words:
    """The sum of the words of ``masked`` (by institute: who finished). ``revealed`` by at least ``needed``.

    ``transcript``: the digest of the totals before this round.

    Raises ``BadShares`` when shares do not fit; then nothing of the total is known.
    """
    finished = sorted(masked)
    missing = [name for name in asked if name not in masked]
    helpers = sorted(revealed)[:needed]
    if len(helpers) < needed:
        raise BadShares(f"{len(helpers)} institutes revealed shares and {needed} are needed: the round ends here.")
    holders = [roster.names.index(name) for name in helpers]
    count = next(iter(masked.values())).size
    total = np.zeros(count, dtype=np.uint64)
    for name in finished:
        total += masked[name]
    for secret in combine_each(_shares([revealed[h].selves for h in helpers]), holders):
        total -= self_mask(secret, roster.run, roster.round, count)
    context = mask_context(transcript, asked)
    secrets = combine_each(_shares([revealed[h].pairs for h in helpers]), holders)
    for name, secret in zip(missing, secrets, strict=True):
        total += _left_over(roster, name, finished, secret, context, count)
    return total


def _shares(matrices: Sequence[Array]) -> Array:
    """(helpers, secrets, values) from one matrix of bytes for each helper."""
    return np.stack([np.frombuffer(m.tobytes(), "<u4").reshape(len(m), -1 if len(m) else 0) for m in matrices])


def _left_over(roster: Roster, missing: str, finished: Sequence[str], secret: bytes, context: str, count: int) -> Words:
    """What the missing institute would have added: the other half of each mask it shared with who finished."""
    private = round_private_key(secret)
    if public_of(private) != roster.round_keys[missing]:
        raise BadShares(f"The shares of {missing}'s round key lead to another key: the round ends without a total.")
    left = np.zeros(count, dtype=np.uint64)
    for name in finished:
        left += pair_mask(private, roster.round_keys[name], (missing, name), roster, context, count)
    return left
