"""Who began a round, with which keys: what every member checks before it shares or masks anything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from jazari.core.canonical import canonical_json
from jazari.studies.errors import BadSession
from jazari.studies.messages import Array
from jazari.studies.secure.session import (
    CERTIFICATE_BYTES,
    ROUND_KEY_BYTES,
    Certificate,
    check_signature,
    unpack_certificate,
)
from jazari.studies.secure.streams import KEY_BYTES

PublishingKeys = Mapping[str, Sequence[Mapping[str, Any]]]
"""Each institute's publishing keys (TUF form), from the signed directory."""


@dataclass(frozen=True)
class Roster:
    """Certificates and round keys (32 bytes, X25519) of the institutes that began a round, by institute."""

    run: str
    round: int
    certificates: Mapping[str, Certificate]
    round_keys: Mapping[str, bytes]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The institutes, sorted; a share's holder is a place in this order."""
        return tuple(sorted(self.round_keys))

    @cached_property
    def digest(self) -> bytes:
        """What binds a share to this roster: members with different rosters cannot open each other's shares."""
        entries = [[name, self.certificates[name].packed().hex(), self.round_keys[name].hex()] for name in self.names]
        return hashlib.sha256(canonical_json([self.run, self.round, entries])).digest()


def round_key_statement(run: str, round_number: int, namespace: str, key: bytes) -> bytes:
    """What a session key signs of a round key."""
    return canonical_json({"purpose": "round-key", "run": run, "round": round_number, "institute": namespace,
                           "key": key.hex()})  # fmt: skip


def set_statement(run: str, round_number: int, asked: Sequence[str], finished: Sequence[str]) -> bytes:
    """What a session key signs of who was asked for masked sums in a round, and whose are in its total."""
    return canonical_json({"purpose": "finished", "run": run, "round": round_number, "asked": list(asked),
                           "finished": list(finished)})  # fmt: skip


def mask_context(transcript: str, asked: Sequence[str]) -> str:
    """What masks of a round depend on besides keys: all totals so far, and who is asked.

    Institutes that were told different totals, or different sets, add masks that do not cancel. So a Root that
    gives one of them a state of its own, under which the others' sums vanish, gets noise and not that one's sums
    (Pasquini, Francati, Ateniese, Eluding Secure Aggregation in Federated Learning via Model Inconsistency, CCS 2022).
    """
    return hashlib.sha256(canonical_json([transcript, list(asked)])).hexdigest()


def read_certificates(run: str, names: Sequence[str], rows: Array, keys: PublishingKeys) -> dict[str, Certificate]:
    """The certificates in the rows of a matrix, each signed by its institute; raises ``BadSession``."""
    found = {}
    for name, raw in zip(names, _rows(rows, len(names), CERTIFICATE_BYTES), strict=True):
        found[name] = unpack_certificate(raw, run, name)
        found[name].check(keys.get(name, ()))
    return found


def read_roster(
    run: str, round_number: int, names: Sequence[str], certificates: Mapping[str, Certificate], rows: Array
) -> Roster:
    """The roster whose round keys are the rows of a matrix, each signed by its session; raises ``BadSession``."""
    keys = {}
    for name, raw in zip(names, _rows(rows, len(names), ROUND_KEY_BYTES), strict=True):
        key, signature = raw[:KEY_BYTES], raw[KEY_BYTES:]
        if name not in certificates:
            raise BadSession(f"{name} has no keys in this run: nothing was sent, tell the board.")
        statement = round_key_statement(run, round_number, name, key)
        check_signature(certificates[name].signing_key, statement, signature, name)
        keys[name] = key
    return Roster(run, round_number, {name: certificates[name] for name in names}, keys)


def _rows(matrix: Array, count: int, width: int) -> list[bytes]:
    if not isinstance(matrix, np.ndarray) or matrix.dtype != np.uint8 or matrix.shape != (count, width):
        raise BadSession("The keys of a round have another form than was agreed: nothing was sent, tell the board.")
    return [row.tobytes() for row in matrix]


def stack(rows: Sequence[bytes], width: int) -> Array:
    """Rows of bytes as one matrix (len(rows), width) of uint8."""
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), width)
