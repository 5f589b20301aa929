"""An institute's part in the secure rounds of one run, with what it was told and said written down.

An institute believes one set of institutes for each step, the first that it was told, and answers for no other: so
no total can be opened twice for different sets, and a round that failed stays closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from jazari.studies.contract import Contract
from jazari.studies.errors import AlteredSet, BadSession
from jazari.studies.messages import Array, Step, Sums
from jazari.studies.rounds import names_at
from jazari.studies.secure import fixed_point, member
from jazari.studies.secure.roster import PublishingKeys, Roster, read_certificates, read_roster, set_statement
from jazari.studies.secure.rules import check_subset, fewest, threshold
from jazari.studies.secure.session import SIGNATURE_BYTES, Certificate, Session, check_signature


class Told(Protocol):
    """What this institute was told with each step, and whether it answered (see ``Notebook``)."""

    def told(self, number: int, step: Step) -> Sums | None:
        """The arrays that came with a step of a round; None before it was asked."""

    def said(self, number: int, step: Step) -> bytes | None:
        """What left for a step; None as long as it was only asked, or refused."""


class Participation:
    """Answers the steps of one run. Raises what refuses; keeps nothing itself."""

    def __init__(
        self,
        session: Session,
        certificate: Certificate,
        participants: Sequence[str],
        publishing_keys: PublishingKeys,
        minimum: int,
        notebook: Told,
    ) -> None:
        self._session, self._certificate = session, certificate
        self._participants, self._publishing_keys = tuple(participants), publishing_keys
        self._needed = threshold(len(participants))
        self._fewest = fewest(len(participants), minimum)
        self._notebook = notebook
        # What was verified or opened once, by the very bytes that it was read from.
        self._read_already: dict[tuple[Any, ...], Any] = {}
        certificate.check(publishing_keys.get(session.namespace, ()))

    def answer(self, number: int, step: Step, extra: Sums) -> Sums:
        """What this institute says in a step other than ``sums``."""
        if step == "keys":
            return self._keys()
        if step == "shares":
            return self._shares(extra)
        if step == "agree":
            return self._agree(number, extra)
        return self._unmask(number, extra)

    def _keys(self) -> Sums:
        return {"certificate": _row(self._certificate.packed()), "key": self._announce(1)}

    def _announce(self, number: int) -> Array:
        return _row(member.announce(self._session, number))

    def _shares(self, extra: Sums) -> Sums:
        roster = self._first_roster(extra)
        check_subset(roster.names, self._participants, self._session.namespace, self._fewest)
        return {"shares": member.share_out(self._session, roster, self._needed)}

    def mask(
        self, number: int, extra: Sums, contract: Contract, words: Mapping[str, Array], transcript: str
    ) -> tuple[Sums, Sums]:
        """The words of each output under this round's masks, and what goes with them.

        ``transcript``: the digest of the totals before this round, without which masks cancel with nobody's.
        """
        asked, roster = self._asked(extra), self._roster(number)
        check_subset(asked, roster.names, self._session.namespace, self._fewest)
        # Shares that do not open mean that others see another roster: better to stop before anything is masked.
        self._opened(roster, extra)
        flat = member.mask(self._session, roster, asked, transcript, fixed_point.flatten(contract, words))
        return fixed_point.unflatten(contract, flat), {"key": self._announce(number + 1)}

    def _agree(self, number: int, extra: Sums) -> Sums:
        asked, finished = self._asked(self._told(number, "sums")), self._asked(extra)
        check_subset(finished, asked, self._session.namespace, self._fewest)
        if finished == asked or self._notebook.told(number, "unmask") is not None:
            raise AlteredSet("The Root asks twice who finished the round: nothing was sent, tell the board.")
        return {"signature": _row(self._session.sign(set_statement(self._session.run, number, asked, finished)))}

    def _unmask(self, number: int, extra: Sums) -> Sums:
        asked, finished = self._asked(self._told(number, "sums")), self._asked(extra)
        check_subset(finished, asked, self._session.namespace, self._fewest)
        roster = self._roster(number)
        if finished == asked:
            self._require_no_agreement(number)
        else:
            self._require_agreement(number, roster, asked, finished, extra)
        opened = self._opened(roster, self._told(number, "sums"))
        selves, pairs = member.reveal(opened, finished, asked)
        following = self._next_roster(number, finished, extra)
        return {"selves": selves, "pairs": pairs, "shares": member.share_out(self._session, following, self._needed)}

    def _require_no_agreement(self, number: int) -> None:
        if self._notebook.told(number, "agree") is not None:
            raise AlteredSet("The Root said before that an institute is missing: nothing was sent, tell the board.")

    def _require_agreement(
        self, number: int, roster: Roster, asked: Sequence[str], finished: Sequence[str], extra: Sums
    ) -> None:
        """Some keys will be opened: only if enough institutes signed the same set, this one among them."""
        signed = self._notebook.told(number, "agree")
        if signed is None or self._notebook.said(number, "agree") is None or self._asked(signed) != finished:
            raise AlteredSet("This institute did not sign this set of institutes: nothing was sent, tell the board.")
        signers = names_at(_array(extra, "signers"), self._participants)
        check_subset(signers, finished, self._session.namespace, self._fewest)
        statement = set_statement(self._session.run, number, asked, finished)
        signatures = _array(extra, "signatures")
        if signatures.shape != (len(signers), SIGNATURE_BYTES):
            raise BadSession("The signatures on who finished have another form than was agreed: nothing was sent.")
        for name, signature in zip(signers, signatures, strict=True):
            check_signature(roster.certificates[name].signing_key, statement, signature.tobytes(), name)

    def _opened(self, roster: Roster, extra: Sums) -> dict[str, Any]:
        asked, bundles = self._asked(extra), _array(extra, "shares")
        if bundles.shape != (len(asked), member.BUNDLE_BYTES) or bundles.dtype != np.uint8:
            raise BadSession("The shares of a round have another form than was agreed: nothing was sent.")
        key = ("shares", roster.digest, asked, bundles.tobytes())
        if key not in self._read_already:
            self._forget("shares")
            self._read_already[key] = member.open_shares(self._session, roster, asked, bundles, self._needed)
        found: dict[str, Any] = self._read_already[key]
        return found

    def _roster(self, number: int) -> Roster:
        if number == 1:
            return self._first_roster(self._answered(1, "shares"))
        before = self._answered(number - 1, "unmask")
        return self._next_roster(number - 1, self._asked(before), before)

    def _first_roster(self, extra: Sums) -> Roster:
        return self._read_roster(1, self._asked(extra), self._certificates(extra), extra)

    def _next_roster(self, number: int, finished: Sequence[str], extra: Sums) -> Roster:
        return self._read_roster(number + 1, finished, self._certificates(self._answered(1, "shares")), extra)

    def _read_roster(
        self, number: int, names: Sequence[str], certificates: Mapping[str, Certificate], extra: Sums
    ) -> Roster:
        rows = _array(extra, "keys")
        key = ("roster", number, tuple(names), rows.dtype.name, rows.shape, rows.tobytes())
        if key not in self._read_already:
            self._forget("roster", keep=1)
            self._read_already[key] = read_roster(self._session.run, number, names, certificates, rows)
        found: Roster = self._read_already[key]
        return found

    def _forget(self, kind: str, keep: int = 0) -> None:
        """Drop what was read of a kind, but for the last ``keep``: a run may have a thousand rounds."""
        old = [key for key in self._read_already if key[0] == kind]
        for key in old[: len(old) - keep]:
            del self._read_already[key]

    def _certificates(self, extra: Sums) -> dict[str, Certificate]:
        rows, names = _array(extra, "certificates"), self._asked(extra)
        key = ("certificates", names, rows.dtype.name, rows.shape, rows.tobytes())
        if key not in self._read_already:
            self._forget("certificates")
            self._read_already[key] = read_certificates(self._session.run, names, rows, self._publishing_keys)
        found: dict[str, Certificate] = self._read_already[key]
        if found.get(self._session.namespace) != self._certificate:
            raise BadSession("The Root replaced this institute's own keys: nothing was sent, tell the board.")
        return found

    def finished(self, number: int) -> tuple[str, ...]:
        """The institutes whose sums are in the total of a round, as this institute helped to open it."""
        return self._asked(self._answered(number, "unmask"))

    def would_open(self, extra: Sums) -> tuple[str, ...]:
        """The institutes over whose sums the Root asks for a total."""
        return self._asked(extra)

    def _asked(self, extra: Sums) -> tuple[str, ...]:
        return names_at(_array(extra, "members"), self._participants)

    def _told(self, number: int, step: Step) -> Sums:
        key = ("told", number, step)
        if key not in self._read_already:  # the notebook pins it: it never changes
            told = self._notebook.told(number, step)
            if told is None:
                raise AlteredSet(f"The {step} of round {number} were not asked for before: nothing was sent.")
            self._forget("told", keep=4)
            self._read_already[key] = told
        found: Sums = self._read_already[key]
        return found

    def _answered(self, number: int, step: Step) -> Sums:
        """As ``_told``, if it was answered too: what was refused counts for nothing."""
        told = self._told(number, step)
        if self._notebook.said(number, step) is None:
            raise AlteredSet(f"The {step} of round {number} were not answered here: nothing was sent.")
        return told


def _row(raw: bytes) -> Array:
    return np.frombuffer(raw, np.uint8)


def _array(extra: Sums, name: str) -> Array:
    if name not in extra:
        raise BadSession(f"The Root's request lacks {name!r}: nothing was sent.")
    return extra[name]
