"""A study among very many simulated institutes: the real coordinator, recipe, guard and protocol; no files there.

The Root's side runs in a process of its own, so that its memory is its own. Institutes are answered for in this
process, one after the other. What a thousand of them would each compute for themselves and find equal (signatures
that all of them verify, the secret that two of them share) is computed once here, so that a thousand fit into one
processor; what one institute alone costs is measured with a few that compute everything themselves.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from jazari.core import clock
from jazari.studies import guard
from jazari.studies.agreement import StudyText, agreement_digest, recipe_digest, study_dict
from jazari.studies.coordinator import Coordinator
from jazari.studies.data.schema import Schema, agree_variables, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.engine import RunOrder
from jazari.studies.messages import Message, Step, Sums, decode, encode
from jazari.studies.recipes.registry import find_recipe
from jazari.studies.rounds import Fold, total_bytes, transcript_digest
from jazari.studies.secure import fixed_point, member, participation, session
from jazari.studies.secure.participation import Participation
from jazari.studies.secure.session import Session
from jazari.trust.keys import CryptoSigner, public_key

SCHEMA: dict[str, Any] = {
    "subject": ["person"],
    "variables": [
        {"name": "person", "kind": "identifier"},
        {"name": "age", "kind": "numeric", "lower": 0, "upper": 120},
        {"name": "group", "kind": "category", "levels": ["a", "b", "c"]},
    ],
}
PARAMETERS = {"variables": ["group"]}
RUN = "r-1"
ROWS = 120


def names_of(number: int) -> tuple[str, ...]:
    """Made-up institutes."""
    return tuple(f"i{place:04}" for place in range(number))


def study_of(names: tuple[str, ...], secure: bool) -> StudyText:
    """How often each level of a category occurs: one round."""
    recipe, schema = find_recipe("statistics"), parse_schema(SCHEMA)
    parsed = recipe.parse(PARAMETERS)
    variables = agree_variables(dict.fromkeys(names, schema), recipe.variables(parsed))
    contracts = recipe.contracts(parsed, {variable.name: variable for variable in variables})
    return StudyText(
        title="Made-up people", purpose="To measure.", proposer=names[0], recipe="statistics",
        recipe_digest=recipe_digest("statistics"), parameters=dict(PARAMETERS), variables=variables,
        datasets={name: f"{name}/dataset/people@1" for name in names}, secure_aggregation=secure, largest_rows=ROWS,
        minimum_institutes=3, contract=tuple(c.model_dump(mode="json") for c in contracts),
        expires=clock.timestamp(clock.now() + timedelta(days=1)),
    )  # fmt: skip


def order_of(study: StudyText) -> RunOrder:
    """One run of it, with time enough."""
    return RunOrder(
        run=RUN, agreement=agreement_digest(study), study=study_dict(study), participants=study.institutes,
        max_rounds=study.max_rounds, round_deadline_seconds=86_400,
    )  # fmt: skip


def table_of(schema: Schema, seed: int) -> Table:
    """Made-up rows of one institute."""
    source = np.random.default_rng(seed)
    ages = source.normal(45, 15, ROWS).clip(0, 120).round(1)
    return Table(schema, ROWS, np.arange(ROWS), ROWS, {"age": ages}, {"group": source.integers(0, 3, ROWS)})


class Desk:
    """What an institute was told and said."""

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
        """Keep what came, as long as it can be needed: all of the first round, and the round before."""
        self._told = {key: value for key, value in self._told.items() if key[0] in (1, number - 1, number)}
        self._told[number, step] = extra

    def say(self, number: int, step: Step, answer: bytes) -> bytes:
        """Keep what left."""
        self._said[number, step] = answer
        return answer


@dataclass
class Crowd:
    """All institutes, with one fold of the totals: they would all compute the same."""

    study: StudyText
    fold: Fold = field(init=False)
    totals: list[bytes] = field(default_factory=list)
    transcripts: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fold = Fold(self.study, len(self.study.institutes))
        self.keys = {name: [public_key(self.publisher(name))] for name in self.study.institutes}

    def publisher(self, name: str) -> CryptoSigner:
        """The publishing key of a made-up institute."""
        return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))

    def take(self, message: Message) -> None:
        """The total that a request carries, once."""
        if message.round - 1 == len(self.totals) + 1:
            self.totals.append(total_bytes(RUN, message.round - 1, message.arrays))
            self.fold.take(message.arrays)

    def transcript(self) -> str:
        """The digest of the totals so far."""
        if len(self.totals) not in self.transcripts:
            agreement, names = agreement_digest(self.study), self.study.institutes
            self.transcripts[len(self.totals)] = transcript_digest(RUN, agreement, names, self.totals)
        return self.transcripts[len(self.totals)]


class Light:
    """One institute: recipe, guard and masks as everywhere, without permit, files and audit trail."""

    def __init__(self, crowd: Crowd, name: str, seed: int) -> None:
        self._crowd, self._name, self._desk = crowd, name, Desk()
        self._table = table_of(parse_schema(SCHEMA), seed)
        self._way: Participation | None = None
        if crowd.study.secure_aggregation:
            own = Session(RUN, name, hashlib.sha256(b"session" + name.encode()).digest())
            certificate = own.certificate(crowd.publisher(name))
            institutes = crowd.study.institutes
            self._way = Participation(own, certificate, institutes, crowd.keys, 3, self._desk)

    def answer(self, request: bytes) -> bytes:
        """What this institute sends back."""
        message = decode(request)
        self._crowd.take(message)
        if message.kind == "final":
            return encode(Message("confirmation", RUN, message.round, text=self._crowd.transcript()))
        self._desk.tell(message.round, message.step, message.extra)
        if self._way is None or message.step == "sums":
            return self._sums(message)
        extra = self._way.answer(message.round, message.step, message.extra)
        answer = encode(Message("answer", RUN, message.round, step=message.step, extra=extra))
        return self._desk.say(message.round, message.step, answer)

    def _sums(self, message: Message) -> bytes:
        fold, study = self._crowd.fold, self._crowd.study
        contract, state = fold.contract(fold.known), fold.state(fold.known)
        sums = guard.release(contract, fold.recipe.local(self._table, state, fold.plan), study.floor)
        if self._way is None:
            return encode(Message("answer", RUN, message.round, sums))
        institutes = len(study.institutes)
        scale = fixed_point.exponents(contract, study.largest_rows, institutes)
        words = fixed_point.to_words(contract, sums, scale, institutes)
        masked, extra = self._way.mask(message.round, message.extra, contract, words, self._crowd.transcript())
        guard.check_masked(contract, masked)
        return encode(Message("answer", RUN, message.round, masked, extra=extra))


class Shared:
    """Computes once what many institutes compute alike (see the module); ``apart`` switches it off for one of them."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}
        self._off = False

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Inside, everything is computed as by an institute alone."""
        self._off = True
        try:
            yield
        finally:
            self._off = False

    def _once(self, key: Any, compute: Callable[[], Any]) -> Any:
        if self._off:
            return compute()
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    @contextmanager
    def installed(self) -> Iterator[Shared]:
        """Put in place of the protocol's own functions, in this process."""
        kept = session.agree, participation.read_roster, participation.read_certificates, member.derive
        agree, read_roster, read_certificates, derive = kept

        def once_derive(secret: bytes, purpose: str, *context: str | int) -> bytes:
            if purpose not in ("share", "pair-mask"):
                return derive(secret, purpose, *context)
            return bytes(self._once((secret, purpose, context), lambda: derive(secret, purpose, *context)))

        def shared_agree(private: X25519PrivateKey, public: bytes) -> bytes:
            raw = private.private_bytes_raw()
            own = self._once(raw, private.public_key().public_bytes_raw)
            return bytes(self._once((min(own, public), max(own, public)), lambda: agree(private, public)))

        def once_roster(run: str, number: int, names: Any, certificates: Any, rows: Any) -> Any:
            key = ("roster", number, tuple(names), rows.tobytes())
            return self._once(key, lambda: read_roster(run, number, names, certificates, rows))

        def once_certificates(run: str, names: Any, rows: Any, keys: Any) -> Any:
            return self._once(
                ("certificates", tuple(names), rows.tobytes()), lambda: read_certificates(run, names, rows, keys)
            )

        session.agree = member.agree = shared_agree  # type: ignore[attr-defined]
        participation.read_roster, participation.read_certificates = once_roster, once_certificates
        member.derive = once_derive  # type: ignore[attr-defined]
        try:
            yield self
        finally:
            session.agree = member.agree = agree  # type: ignore[attr-defined]
            participation.read_roster, participation.read_certificates = read_roster, read_certificates
            member.derive = derive  # type: ignore[attr-defined]


@dataclass
class Measured:
    """One run. Seconds are of the processor; bytes are those of messages, in both directions."""

    institutes: int
    secure: bool
    rounds: int = 0
    root_seconds: dict[str, float] = field(default_factory=dict)
    institute_seconds: dict[str, float] = field(default_factory=dict)
    root_peak_mb: float = 0.0
    root_before_mb: float = 0.0
    bytes_all: int = 0
    trips: int = 0
    wall_seconds: float = 0.0

    @property
    def bytes_each(self) -> float:
        """To and from one institute, in the whole run."""
        return self.bytes_all / self.institutes


def measure(folder: Path, institutes: int, secure: bool, apart: int = 3) -> Measured:
    """A run of so many institutes; ``apart`` of them compute everything themselves and are timed."""
    names = names_of(institutes)
    study = study_of(names, secure)
    crowd = Crowd(study)
    everybody = {name: Light(crowd, name, seed) for seed, name in enumerate(names)}
    timed = names[:: max(1, institutes // apart)][:apart]
    found, seconds = Measured(institutes, secure), defaultdict[str, list[float]](list)
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    root = context.Process(target=_root, args=(theirs, str(folder), order_of(study).model_dump_json()))
    started = time.monotonic()
    root.start()
    with Shared().installed() as shared:
        while (asked := ours.recv())[0] != "end":
            step, name, request = asked
            began = time.process_time()
            if name in timed:
                with shared.apart():
                    answer = everybody[name].answer(request)
                seconds[step].append(time.process_time() - began)
            else:
                answer = everybody[name].answer(request)
            found.bytes_all += len(request) + len(answer)
            found.trips += name == names[0]
            ours.send(answer)
    root.join()
    _, found.root_seconds, found.root_before_mb, found.root_peak_mb, found.rounds = asked
    found.institute_seconds = {step: max(of_step) for step, of_step in seconds.items()}
    found.wall_seconds = time.monotonic() - started
    return found


def _root(pipe: Connection, folder: str, order: str) -> None:
    """The Root's process: the real coordinator and nothing else."""
    before = _peak_mb()
    coordinator = Coordinator(Path(folder), RunOrder.model_validate_json(order))
    seconds = defaultdict[str, float](float)
    while pending := coordinator.pending():
        number, part = coordinator.step()
        step = "final" if coordinator.status().ended else f"{number}.{part}"
        for name in pending:
            began = time.process_time()
            request = coordinator.request(name)
            seconds[step] += time.process_time() - began
            pipe.send((step, name, request))
            answer = pipe.recv()
            began = time.process_time()
            coordinator.receive(name, answer)
            seconds[step] += time.process_time() - began
    pipe.send(("end", dict(seconds), before, _peak_mb(), coordinator.outcome().rounds))


def _peak_mb() -> float:
    """The most memory that this process has held; not what its parent held, as getrusage would say."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
