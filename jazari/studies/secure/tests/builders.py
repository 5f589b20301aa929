"""Sessions, rosters and whole rounds among made-up institutes, with real keys and no files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jazari.studies.contract import Contract, Output
from jazari.studies.messages import Message, Step, Sums, encode
from jazari.studies.rounds import places_of
from jazari.studies.secure import member
from jazari.studies.secure.fixed_point import Words
from jazari.studies.secure.participation import Participation
from jazari.studies.secure.roster import PublishingKeys, Roster, set_statement, stack
from jazari.studies.secure.rules import threshold
from jazari.studies.secure.session import CERTIFICATE_BYTES, ROUND_KEY_BYTES, Certificate, Session
from jazari.studies.secure.unmasking import Revealed, unmask
from jazari.trust.keys import CryptoSigner, Signer, public_key

RUN = "r-1"
TRANSCRIPT = "sha256:" + "0" * 64
CONTRACT = Contract(phase="test", outputs=(Output(name="n", shape=(4,), dtype="int64", lower=0),))


def names_of(number: int) -> tuple[str, ...]:
    """Made-up institutes, in sorted order."""
    return tuple(f"i{place:02}" for place in range(number))


def publisher_of(name: str) -> Signer:
    """The publishing key of a made-up institute; the same each time."""
    seed = hashlib.sha256(name.encode()).digest()
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed))


def session_of(name: str, run: str = RUN, seed: int = 1) -> Session:
    """A session whose secrets follow from name and seed."""
    return Session(run, name, hashlib.sha256(f"{name} {seed}".encode()).digest())


def certificate_of(session: Session) -> Certificate:
    """Its certificate, signed by the institute."""
    return session.certificate(publisher_of(session.namespace))


def publishing_keys(names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """As the directory names them."""
    return {name: [public_key(publisher_of(name))] for name in names}


def roster_of(sessions: Mapping[str, Session], number: int = 1) -> Roster:
    """The roster of these sessions in a round."""
    certificates = {name: certificate_of(session) for name, session in sessions.items()}
    keys = {name: member.announce(session, number)[:32] for name, session in sessions.items()}
    run = next(iter(sessions.values())).run
    return Roster(run, number, certificates, keys)


@dataclass
class PlayedRound:
    """One round by the pure functions: who gave shares, who was asked, who finished, who revealed."""

    sessions: Mapping[str, Session]
    number: int
    asked: Sequence[str]
    finished: Sequence[str]
    revealing: Sequence[str]
    words: Mapping[str, Words]
    transcript: str = TRANSCRIPT
    masked: dict[str, Words] = field(default_factory=dict)
    revealed: dict[str, Revealed] = field(default_factory=dict)

    def total(self) -> Words:
        """What the Root computes."""
        roster = roster_of(self.sessions, self.number)
        needed = threshold(len(self.sessions))
        shared = {name: member.share_out(self.sessions[name], roster, needed) for name in roster.names}
        for name in self.asked:
            words = self.words[name]
            self.masked[name] = member.mask(self.sessions[name], roster, self.asked, self.transcript, words)
        for name in self.revealing:
            place = roster.names.index(name)
            bundles = np.stack([shared[sender][place] for sender in self.asked])
            opened = member.open_shares(self.sessions[name], roster, self.asked, bundles, needed)
            self.revealed[name] = Revealed(*member.reveal(opened, self.finished, self.asked))
        finished = {name: self.masked[name] for name in self.finished}
        return unmask(roster, self.asked, self.transcript, finished, self.revealed, needed)


class Desk:
    """An institute's notebook in memory."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, Step], Sums] = {}
        self._said: dict[tuple[int, Step], bytes] = {}

    def told(self, number: int, step: Step) -> Sums | None:
        """What came with a step."""
        return self._told.get((number, step))

    def said(self, number: int, step: Step) -> bytes | None:
        """What left for it."""
        return self._said.get((number, step))

    def tell(self, number: int, step: Step, extra: Sums) -> None:
        """Pin what came, as the participant does before anything is answered."""
        self._told.setdefault((number, step), extra)

    def say(self, number: int, step: Step, extra: Sums) -> None:
        """Keep what left."""
        self._said[number, step] = encode(Message("answer", RUN, number, step=step, extra=extra))


@dataclass
class Institute:
    """One institute's participation with its desk."""

    name: str
    everybody: Sequence[str]
    run: str = RUN
    minimum: int = 3
    keys: PublishingKeys | None = None

    def __post_init__(self) -> None:
        self.session = session_of(self.name, self.run)
        self.certificate = certificate_of(self.session)
        self.desk = Desk()
        keys = publishing_keys(self.everybody) if self.keys is None else self.keys
        self.way = Participation(self.session, self.certificate, self.everybody, keys, self.minimum, self.desk)

    def answer(self, number: int, step: Step, extra: Sums) -> Sums:
        """Tell, answer, keep: what the participant does with a request."""
        self.desk.tell(number, step, extra)
        said = self.way.answer(number, step, extra)
        self.desk.say(number, step, said)
        return said

    def sums(self, number: int, extra: Sums, words: Words, transcript: str = TRANSCRIPT) -> tuple[Sums, Sums]:
        """The masked sums of a round."""
        self.desk.tell(number, "sums", extra)
        return self.way.mask(number, extra, CONTRACT, {"n": words}, transcript)


class Root:
    """What an honest Root tells, from what the institutes said; tests change it where the Root lies."""

    def __init__(self, everybody: Sequence[str], run: str = RUN, **changes: Any) -> None:
        self.everybody = tuple(everybody)
        self.run = run
        self.institutes = {name: Institute(name, self.everybody, run, **changes) for name in everybody}
        self.keys: dict[int, dict[str, Any]] = {}
        self.shares: dict[int, dict[str, Any]] = {}
        self.certificates: dict[str, Any] = {}
        self.masked: dict[int, dict[str, Words]] = {}
        self.words: dict[str, Words] = {}

    def places(self, names: Sequence[str]) -> Any:
        """Institutes as they travel."""
        return places_of(names, self.everybody)

    def told_first(self, names: Sequence[str]) -> Sums:
        """What comes with the shares of round 1."""
        certificates = stack([self.certificates[n].tobytes() for n in names], CERTIFICATE_BYTES)
        return {"members": self.places(names), "certificates": certificates, "keys": self.key_rows(1, names)}

    def key_rows(self, number: int, names: Sequence[str]) -> Any:
        """The announced keys of a round."""
        return stack([self.keys[number][name].tobytes() for name in names], ROUND_KEY_BYTES)

    def bundles(self, number: int, name: str, roster: Sequence[str], asked: Sequence[str]) -> Sums:
        """The shares of a round for one institute."""
        place = list(roster).index(name)
        shares = np.stack([self.shares[number][sender][place] for sender in asked])
        return {"members": self.places(asked), "shares": shares}

    def begin(self, names: Sequence[str] | None = None) -> None:
        """Keys and shares of round 1."""
        names = names or self.everybody
        for name in names:
            said = self.institutes[name].answer(1, "keys", {})
            self.certificates[name] = said["certificate"]
            self.keys.setdefault(1, {})[name] = said["key"]
        for name in names:
            self.shares.setdefault(1, {})[name] = self.institutes[name].answer(1, "shares", self.told_first(names))[
                "shares"
            ]

    def ask_sums(
        self, number: int, roster: Sequence[str], asked: Sequence[str], transcript: str = TRANSCRIPT
    ) -> dict[str, Words]:
        """Everybody's masked sums of a round; the plain ones are in ``words``."""
        for place, name in enumerate(asked):
            self.words[name] = np.arange(4, dtype=np.uint64) + np.uint64(100 * (place + 1))
            told = self.bundles(number, name, roster, asked)
            masked, extra = self.institutes[name].sums(number, told, self.words[name], transcript)
            self.masked.setdefault(number, {})[name] = masked["n"]
            self.keys.setdefault(number + 1, {})[name] = extra["key"]
        return self.masked[number]

    def told_finished(self, number: int, finished: Sequence[str], signatures: Mapping[str, Any] | None = None) -> Sums:
        """What comes with unmasking."""
        told: Sums = {"members": self.places(finished), "keys": self.key_rows(number + 1, finished)}
        if signatures is not None:
            rows = stack([signatures[name].tobytes() for name in sorted(signatures)], 64)
            told |= {"signers": self.places(sorted(signatures)), "signatures": rows}
        return told

    def agree(self, number: int, finished: Sequence[str]) -> dict[str, Any]:
        """Everybody's signature on who finished."""
        told = {"members": self.places(finished)}
        return {name: self.institutes[name].answer(number, "agree", told)["signature"] for name in finished}

    def open(self, number: int, asked: Sequence[str], revealed: Mapping[str, Sums], finished: Sequence[str]) -> Words:
        """The total, from what was revealed."""
        members = tuple(self.keys[number])
        certificates = {name: self.institutes[name].certificate for name in members}
        keys = {name: self.keys[number][name].tobytes()[:32] for name in members}
        roster = Roster(self.run, number, certificates, keys)
        found = {name: Revealed(said["selves"], said["pairs"]) for name, said in revealed.items()}
        masked = {name: self.masked[number][name] for name in finished}
        return unmask(roster, asked, TRANSCRIPT, masked, found, threshold(len(self.everybody)))


def signature_of(name: str, number: int, asked: Sequence[str], finished: Sequence[str], run: str = RUN) -> Any:
    """A genuine signature on a set."""
    raw = session_of(name, run).sign(set_statement(run, number, asked, finished))
    return np.frombuffer(raw, np.uint8)
