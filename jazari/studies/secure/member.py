"""An institute's part in a secure round: keys, shares, masked sums, and what lets the Root take the masks off a total.

Every function is pure and deterministic in the session's seed: said again, it is said in the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from jazari.studies.errors import BadShares
from jazari.studies.messages import Array
from jazari.studies.secure.fixed_point import Words
from jazari.studies.secure.roster import Roster, mask_context, round_key_statement, stack
from jazari.studies.secure.session import Session, agree, public_of
from jazari.studies.secure.sharing import Shares, split, values_of
from jazari.studies.secure.streams import derive, field_values, words_of

SECRET_BYTES = 16
VALUES = 2 * values_of(SECRET_BYTES)
"""Of one holder's share: of the secret behind the own mask, then of the one behind the round key."""

SHARE_BYTES = 4 * VALUES
REVEALED_BYTES = SHARE_BYTES // 2
BUNDLE_BYTES = SHARE_BYTES + 16
_NONCE = bytes(12)
"""A share's key is derived for one sender, receiver and roster (which names run and round)."""


def round_private_key(secret: bytes) -> X25519PrivateKey:
    """The round key that a shared secret (``SECRET_BYTES``) stands for."""
    return X25519PrivateKey.from_private_bytes(derive(secret, "round-key"))


def self_mask(secret: bytes, run: str, round_number: int, count: int) -> Words:
    """The mask that only the shared secret leads to."""
    return words_of(derive(secret, "self-mask", run, round_number), count)


def pair_mask(
    private: X25519PrivateKey, public: bytes, pair: tuple[str, str], roster: Roster, context: str, count: int
) -> Words:
    """The mask that the first of ``pair`` adds for the second: added by one of them, subtracted by the other.

    ``context`` (see ``roster.mask_context``) must be the same for both.
    """
    first, second = sorted(pair)
    key = derive(agree(private, public), "pair-mask", roster.run, roster.round, first, second, context)
    mask = words_of(key, count)
    return mask if pair[0] == first else np.negative(mask)


def _self_secret(session: Session, round_number: int) -> bytes:
    return session.secret("self", round_number)[:SECRET_BYTES]


def _pair_secret(session: Session, round_number: int) -> bytes:
    return session.secret("pair", round_number)[:SECRET_BYTES]


def announce(session: Session, round_number: int) -> bytes:
    """The public round key and the session's signature on it (``ROUND_KEY_BYTES``)."""
    key = public_of(round_private_key(_pair_secret(session, round_number)))
    return key + session.sign(round_key_statement(session.run, round_number, session.namespace, key))


def _own_shares(session: Session, roster: Roster, needed: int) -> Shares:
    holders = len(roster.names)
    both = _self_secret(session, roster.round) + _pair_secret(session, roster.round)
    source = derive(session.secret("coefficients", roster.round), "field", roster.digest.hex())
    return split(both, needed, holders, field_values(source, (needed - 1, VALUES)))


def share_out(session: Session, roster: Roster, needed: int) -> Array:
    """Encrypted shares (institutes, ``BUNDLE_BYTES``) of both secrets, one for each institute of the roster.

    ``needed`` shares find a secret. The own row is empty.
    """
    rows = []
    for name, share in zip(roster.names, _own_shares(session, roster, needed), strict=True):
        own = name == session.namespace
        rows.append(bytes(BUNDLE_BYTES) if own else _cipher(session, roster, session.namespace, name).encrypt(
            _NONCE, share.astype("<u4").tobytes(), roster.digest))  # fmt: skip
    return stack(rows, BUNDLE_BYTES)


def _cipher(session: Session, roster: Roster, sender: str, receiver: str) -> ChaCha20Poly1305:
    other = receiver if sender == session.namespace else sender
    shared = session.shared_with(bytes.fromhex(roster.certificates[other].agreement_key))
    return ChaCha20Poly1305(derive(shared, "share", sender, receiver, roster.digest.hex()))


def open_shares(
    session: Session, roster: Roster, senders: Sequence[str], bundles: Array, needed: int
) -> dict[str, Shares]:
    """The shares (``VALUES``,) that each of ``senders`` made for this institute; its own among them.

    Raises ``BadShares`` when one was altered, or made for another roster.
    """
    place = roster.names.index(session.namespace)
    opened = {session.namespace: _own_shares(session, roster, needed)[place]}
    for sender, bundle in zip(senders, bundles, strict=True):
        if sender != session.namespace:
            opened[sender] = _open(session, roster, sender, bundle.tobytes())
    return opened


def _open(session: Session, roster: Roster, sender: str, bundle: bytes) -> Shares:
    try:
        raw = _cipher(session, roster, sender, session.namespace).decrypt(_NONCE, bundle, roster.digest)
    except InvalidTag as error:
        raise BadShares(
            f"The share of {sender} was altered on its way, or made for others: nothing was sent."
        ) from error
    if len(raw) != SHARE_BYTES:
        raise BadShares(f"The share of {sender} has another form than was agreed: nothing was sent.")
    return np.frombuffer(raw, "<u4").astype(np.uint32)


def mask(session: Session, roster: Roster, asked: Sequence[str], transcript: str, words: Words) -> Words:
    """``words`` under the own mask and one mask with each other institute that was asked.

    ``transcript``: the digest of the totals that this institute was told so far.
    """
    context = mask_context(transcript, asked)
    count = words.size
    masked = words + self_mask(_self_secret(session, roster.round), roster.run, roster.round, count)
    private = round_private_key(_pair_secret(session, roster.round))
    for name in asked:
        if name != session.namespace:
            masked += pair_mask(private, roster.round_keys[name], (session.namespace, name), roster, context, count)
    return masked


def reveal(opened: Mapping[str, Shares], finished: Sequence[str], asked: Sequence[str]) -> tuple[Array, Array]:
    """Shares for the Root: of the own masks of who finished, of the round keys of who was asked and did not.

    (finished, ``REVEALED_BYTES``) and (missing, ``REVEALED_BYTES``); never both of one institute.
    """
    half = VALUES // 2
    missing = [name for name in asked if name not in finished]
    selves = [opened[name][:half].astype("<u4").tobytes() for name in finished]
    pairs = [opened[name][half:].astype("<u4").tobytes() for name in missing]
    return stack(selves, REVEALED_BYTES), stack(pairs, REVEALED_BYTES)
