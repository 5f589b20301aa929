"""The Root's side of a run: adds up what institutes send, round by round, and decides when it ends.

Every answer is stored as it came; a total is durable before anybody is told of it, always over the same
institutes in the same order, and never computed again. Any process may open the folder (``run_folder``) and go
on. How answers become a total is ``aggregation``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.core.errors import JazariError
from jazari.core.files import locked, write_atomic, write_private
from jazari.studies.aggregation import Aggregation, PlainAggregation, SecureAggregation
from jazari.studies.agreement import StudyText, agreement_digest, parse_study
from jazari.studies.engine import EngineStatus, Outcome, RunOrder, RunStateName
from jazari.studies.errors import (
    BadMessage,
    BadStudy,
    RunConflict,
    RunEnded,
    RunFailed,
    RunNotFound,
    WrongRound,
    with_code,
)
from jazari.studies.messages import Message, check_run_id, decode, encode
from jazari.studies.rounds import Fold, included_in, total_bytes, transcript_digest
from jazari.studies.run_folder import RunFolder, written
from jazari.studies.run_messages import CANCELLED, FINISHED, LATE, NO_RESULT, REFUSED_ROUND, WAITING, listed
from jazari.studies.secure.fixed_point import resolution_of
from jazari.studies.secure.rules import fewest

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CODE = re.compile(r"[a-z]{1,20}\.[a-z-]{1,60}")
LOCK_SECONDS = 60.0


class Coordinator:
    """One run's durable state in ``<folder>/<order.run>/``; usable from any process, one writer at a time.

    A loop over it: ``request()`` to each of ``pending()``, ``receive()`` what comes back, ``tick()`` now and
    then, until ``status().ended``; then, for a while, the same with the final request for confirmations.
    """

    def __init__(self, folder: Path, order: RunOrder) -> None:
        """Create the run, or open it again; raises ``RunConflict`` for another order under the same id."""
        self.order = order
        self._folder = folder / check_run_id(order.run)
        self._files = RunFolder(self._folder)
        self._study = _check_order(order)
        self._fold = Fold(self._study, len(order.participants))
        self._aggregation = self._way()
        path, raw = self._folder / "order.json", canonical_json(order.model_dump(mode="json"))
        with self._locked():
            if not path.exists():
                write_private(path, raw)
            elif path.read_bytes() != raw:
                raise RunConflict(f"Run {order.run} was ordered differently before: record a new run.")
            self._settle()

    def _way(self) -> Aggregation:
        way = SecureAggregation if self._study.secure_aggregation else PlainAggregation
        return way(self._files, self.order, self._study, self._fold.recipe.same_institutes)

    @classmethod
    def open(cls, folder: Path, run: str) -> Coordinator:
        """Open an existing run; raises ``RunNotFound``."""
        path = folder / check_run_id(run) / "order.json"
        if not path.is_file():
            raise RunNotFound(f"There is no run {run} here: check its name.")
        try:
            order = RunOrder.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise RunConflict(f"{path} was changed by somebody: restore it from a backup.") from error
        return cls(folder, order)

    def request(self, namespace: str = "") -> bytes:
        """What to send to ``namespace`` now (kind ``final`` after the last round); same bytes every time.

        Without secure aggregation all are sent the same. Raises ``RunEnded`` for a run that failed or was cancelled.
        """
        with self._locked():  # never between a total and the end that it leads to
            self._settle()
            end, number = self._files.end(), self._files.totals() + 1
            if end and end["state"] != "finished":
                raise RunEnded(f"Run {self.order.run} is over: {end['message']}")
            began = self._folder / "began"
            if not began.exists():
                write_atomic(began, _now().encode())
            if end:
                before = self._before(number)
                return encode(Message("final", self.order.run, number, before.arrays, extra=before.extra))
            return encode(self._request(number, namespace))

    def _request(self, number: int, namespace: str) -> Message:
        step = self._aggregation.step(number)
        told = self._aggregation.request(number, namespace)
        if step != "sums":
            return Message("request", self.order.run, number, step=step, extra=told)
        before = self._before(number)
        return Message("request", self.order.run, number, before.arrays, extra={**told, **before.extra})

    def _before(self, number: int) -> Message:
        """The total of the round before and whose it is; nothing before the first."""
        return decode(self._files.total(number - 1)) if number > 1 else Message("answer", self.order.run, 1)

    def pending(self) -> tuple[str, ...]:
        """Institutes whose answer (or, once finished, confirmation) is awaited; empty once nobody is."""
        names = self._pending()
        if not names and self._files.end() is None:
            with self._locked():  # all have answered and another process is closing the round, or died over it
                self._settle()
        return names or self._pending()

    def _pending(self) -> tuple[str, ...]:
        end = self._files.end()
        if end:
            waiting = end["state"] == "finished"
            return tuple(n for n in self.members() if waiting and not self._files.confirmation(n).exists())
        number = self._files.totals() + 1
        step = self._aggregation.step(number)
        answered = self._files.answered(number, step)
        return tuple(name for name in self._aggregation.expected(number) if name not in answered)

    def members(self) -> tuple[str, ...]:
        """The institutes that are still in the run."""
        totals = self._files.totals()
        ended = self._files.end() is not None
        if ended:
            return (self._files.decided(totals, "sums") or ()) if totals else self.order.participants
        return self._aggregation.expected(totals + 1)

    def may_go_on_without(self, absent: tuple[str, ...]) -> bool:
        """Whether the step in progress, once its deadline is past, may close without these."""
        if self._files.end() is not None:
            return True
        number = self._files.totals() + 1
        rest = tuple(name for name in self._aggregation.expected(number) if name not in absent)
        return bool(rest) and self._aggregation.may_go_on(number, self._aggregation.step(number), rest)

    def step(self) -> tuple[int, str]:
        """The round and the step in progress: what an answer now would be to."""
        number = self._files.totals() + 1
        return number, self._aggregation.step(number)

    def receive(self, namespace: str, answer: bytes) -> None:
        """Take in what an institute sent. A repeat is harmless. When all have answered, the round is closed:
        the total is written durably, the state moves on, and ``request()`` is the next one.

        Raises BadMessage, BrokenContract, WrongRound, RunConflict, RunEnded; a refusal fails the run.
        """
        message = decode(answer)
        if namespace not in self.order.participants or message.run != self.order.run:
            raise WrongRound(f"{namespace} sent a message of another run: it was ignored.")
        with self._locked():
            self._settle()
            if message.kind == "refusal":
                self._take_refusal(namespace, message)
            elif message.kind == "confirmation":
                self._take_confirmation(namespace, message)
            elif message.kind == "answer":
                self._take_answer(namespace, message, answer)
            else:
                raise WrongRound(f"{namespace} sent a request, which only the Root does: it was ignored.")

    def tick(self) -> EngineStatus:
        """Apply the deadline of the step in progress (a round goes on without who is late, where it may; else the
        run fails, naming them); returns the status."""
        if self._files.end() is None and clock.now() > self._due():
            with self._locked():
                self._settle()
                if self._files.end() is None and clock.now() > self._due():
                    self._close_late()
        return self.status()

    def _close_late(self) -> None:
        before, missing = (self._files.totals(), self.step()), self._pending()
        self._settle(late=True)
        if self._files.end() is None and before == (self._files.totals(), self.step()):
            self._files.store_end("failed", LATE.format(round=before[0] + 1, institutes=listed(missing)))

    def cancel(self, reason: str = "") -> None:
        """End the run as cancelled; harmless when it has ended."""
        self._stop("cancelled", reason or CANCELLED)

    def fail(self, message: str) -> None:
        """End the run as failed with one plain sentence; harmless when it has ended."""
        self._stop("failed", message)

    def status(self) -> EngineStatus:
        """Where the run stands, from disk."""
        pending = self.pending()
        end, totals = self._files.end(), self._files.totals()
        state: RunStateName = end["state"] if end else "running" if (self._folder / "began").exists() else "waiting"
        return EngineStatus(
            run=self.order.run,
            state=state,
            round=max(totals, 1) if end else totals + 1,
            message=end["message"] if end else WAITING.format(round=totals + 1, institutes=listed(pending)),
            answered=self._answered(),
            pending=pending,
        )

    def outcome(self) -> Outcome:
        """What it produced; raises ``RunFailed`` with the reason, also while it is still running."""
        end, rounds = self._files.end(), self._files.totals()
        if end is None or end["state"] != "finished":
            raise RunFailed(end["message"] if end else f"Run {self.order.run} has not finished: wait for it.")
        totals = [self._files.total(number) for number in range(1, rounds + 1)]
        fold = self._fold_to(rounds)
        return Outcome(
            run=self.order.run,
            result=fold.recipe.result(fold.state(rounds), fold.plan),
            transcript=transcript_digest(self.order.run, self.order.agreement, self.order.participants, totals),
            rounds=rounds,
            participants=self.order.participants,
            dropped=self._dropped(rounds),
            resolution=self._resolution(rounds),
            confirmed=self._confirmed(),
            bytes_received=self._bytes_received(),
            seconds=(datetime.fromisoformat(end["moment"]) - written(self._folder / "order.json")).total_seconds(),
        )

    def _dropped(self, rounds: int) -> dict[str, int]:
        """The first round whose total each institute is not in."""
        dropped: dict[str, int] = {}
        for number in range(rounds, 0, -1):
            included = self._files.decided(number, "sums") or ()
            dropped |= {name: number for name in self.order.participants if name not in included}
        return dropped

    def _resolution(self, rounds: int) -> dict[str, float]:
        """The coarsest resolution of each output over all rounds; nothing where sums were not masked."""
        coarsest: dict[str, float] = {}
        for number in range(rounds if self._study.secure_aggregation else 0):
            contract = self._fold.contract(number)
            found = resolution_of(contract, self._study.largest_rows, len(self.order.participants))
            phase = {f"{contract.phase}.{name}": value for name, value in found.items()}
            coarsest |= {name: max(value, coarsest.get(name, 0.0)) for name, value in phase.items()}
        return coarsest

    def _take_answer(self, namespace: str, message: Message, answer: bytes) -> None:
        path, current = self._files.answer(message.round, message.step, namespace), self._files.totals() + 1
        if path.exists():
            if path.read_bytes() != answer:
                raise RunConflict(f"{namespace} answered round {message.round} twice and differently: ignored.")
            return
        if self._files.end():
            raise RunEnded(f"Run {self.order.run} is over: the answer of {namespace} came too late.")
        if (message.round, message.step) != (current, self._aggregation.step(current)):
            raise WrongRound(f"{namespace} answered round {message.round} and {current} is due: ignored.")
        if namespace not in self._aggregation.expected(current):
            raise WrongRound(f"{namespace} was late and is out of the run: its answer was ignored.")
        contract = self._fold_to(current - 1).contract(current - 1)
        self._aggregation.check(current, namespace, message, contract)
        write_private(path, answer)
        self._settle()

    def _take_refusal(self, namespace: str, message: Message) -> None:
        current = self._files.totals() + 1
        answered = self._files.has_answer(current, self._aggregation.step(current), namespace)
        if self._files.end() or message.round < current or answered:
            return
        code = message.text if _CODE.fullmatch(message.text) else "studies.failed"
        self._files.store_end("failed", REFUSED_ROUND.format(institute=namespace, round=current, code=code))

    def _take_confirmation(self, namespace: str, message: Message) -> None:
        end = self._files.end()
        if not end or end["state"] != "finished":
            raise WrongRound(f"{namespace} confirmed a run that has not finished: ignored.")
        if not _DIGEST.fullmatch(message.text):
            raise BadMessage(f"{namespace} confirmed without a digest: ignored.")
        if not self._files.confirmation(namespace).exists():
            write_private(self._files.confirmation(namespace), message.text.encode())

    def _settle(self, late: bool = False) -> None:
        """Bring the files to where the answers on disk lead; what a crash left half done is done now."""
        while self._files.end() is None:
            totals = self._files.totals()
            if not self._caught_up(totals) or self._end_at(self._fold.state(totals), totals):
                return
            if not self._advance(totals + 1, late):
                return
            late = False

    def _advance(self, number: int, late: bool) -> bool:
        """Whether the round got its total, or the run its end."""
        try:
            contract = self._fold.contract(number - 1)
            total = self._aggregation.advance(number, contract, late)
            if total is None:
                return False
            included = self._files.decided(number, "sums") or ()
            contract.check(total, len(included))
        except JazariError as error:
            self._files.store_end("failed", with_code(error))
            return True
        told = included_in(included, self.order.participants)
        self._files.store_total(number, total_bytes(self.order.run, number, total, told))
        return True

    def _end_at(self, state: Any, totals: int) -> bool:
        if state.failure:
            self._files.store_end("failed", state.failure)
        elif state.done:
            self._files.store_end("finished", FINISHED.format(rounds=totals))
        elif totals >= min(self.order.max_rounds, self._study.max_rounds):
            self._files.store_end("failed", NO_RESULT.format(rounds=totals))
        else:
            return False
        return True

    def _caught_up(self, totals: int) -> bool:
        try:
            self._fold_to(totals)
        except JazariError as error:
            self._files.store_end("failed", with_code(error))
            return False
        return True

    def _fold_to(self, totals: int) -> Fold:
        for number in range(self._fold.known + 1, totals + 1):
            self._fold.take(decode(self._files.total(number)).arrays)
        return self._fold

    def _stop(self, state: RunStateName, message: str) -> None:
        with self._locked():
            self._settle()
            if self._files.end() is None:
                self._files.store_end(state, message)

    def _due(self) -> datetime:
        return self._files.last_move() + timedelta(seconds=self.order.round_deadline_seconds)

    def _answered(self) -> dict[str, str]:
        last = {name: max(map(written, paths)) for name, paths in self._files.answers().items()}
        return {name: clock.timestamp(last[name]) for name in self.order.participants if name in last}

    def _confirmed(self) -> dict[str, str]:
        paths = {name: self._files.confirmation(name) for name in self.order.participants}
        return {name: path.read_text() for name, path in paths.items() if path.exists()}

    def _bytes_received(self) -> dict[str, int]:
        paths = self._files.answers()
        return {n: sum(path.stat().st_size for path in paths.get(n, ())) for n in self.order.participants}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(self._folder / "lock", "Another process of the Root's engine", LOCK_SECONDS):
            yield


def _check_order(order: RunOrder) -> StudyText:
    study = parse_study(order.study)
    if agreement_digest(study) != order.agreement:
        raise BadStudy("The text of the study is not the one that was agreed: order the run from its record.")
    named = list(order.participants) == sorted(set(order.participants)) and bool(order.participants)
    if not named or not set(order.participants) <= set(study.institutes):
        raise BadStudy("The run names other institutes than its study: order it from its record.")
    if len(order.participants) < study.minimum_institutes:
        raise BadStudy(f"The study needs at least {study.minimum_institutes} institutes: wait for more approvals.")
    if study.secure_aggregation:
        fewest(len(order.participants), study.minimum_institutes)
    return study


def _now() -> str:
    return clock.now().isoformat()
