"""The Root's side of a run: adds up what institutes send, round by round, and decides when it ends.

Every answer is stored as it came; a total is durable before anybody is told of it, always over the same
institutes in the same order, and never computed again. Any process may open the folder and go on::

    <run>/order.json
          began                  when the first institute was asked
          rounds/0001.<namespace>.answer
          rounds/0001.total      once all have answered; its time is when round 2 began
          confirmations/<namespace>
          end.json               {"state", "message", "moment"}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.core.errors import JazariError
from jazari.core.files import locked, plain_os_errors, write_atomic, write_private
from jazari.studies.agreement import StudyText, agreement_digest, parse_study
from jazari.studies.engine import EngineStatus, Outcome, RunOrder, RunStateName
from jazari.studies.errors import BadMessage, BadStudy, RunConflict, RunEnded, RunFailed, RunNotFound, WrongRound
from jazari.studies.messages import Message, check_run_id, decode, encode
from jazari.studies.rounds import Fold, add_up, total_bytes, transcript_digest

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
        self._study = _check_order(order)
        self._fold = Fold(self._study, len(order.participants))
        path, raw = self._folder / "order.json", canonical_json(order.model_dump(mode="json"))
        with self._locked():
            if not path.exists():
                write_private(path, raw)
            elif path.read_bytes() != raw:
                raise RunConflict(f"Run {order.run} was ordered differently before: record a new run.")
            self._settle()

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

    def request(self) -> bytes:
        """The request of the round in progress (kind ``final`` after the last); same bytes every time.

        Raises ``RunEnded`` for a run that failed or was cancelled.
        """
        with self._locked():  # never between a total and the end that it leads to
            self._settle()
            end, number = self._end(), self._totals() + 1
        if end and end["state"] != "finished":
            raise RunEnded(f"Run {self.order.run} is over: {end['message']}")
        began = self._folder / "began"
        if not began.exists():
            write_atomic(began, _now().encode())
        total = decode(self._total(number - 1)).arrays if number > 1 else {}
        return encode(Message("final" if end else "request", self.order.run, number, total))

    def pending(self) -> tuple[str, ...]:
        """Institutes whose answer (or, once finished, confirmation) is awaited; empty once nobody is."""
        names = self._pending()
        if not names and self._end() is None:
            with self._locked():  # all have answered and another process is closing the round, or died over it
                self._settle()
        return names or self._pending()

    def _pending(self) -> tuple[str, ...]:
        end = self._end()
        if end:
            waiting = end["state"] == "finished"
            return tuple(n for n in self.order.participants if waiting and not self._confirmation(n).exists())
        number = self._totals() + 1
        return tuple(n for n in self.order.participants if not self._answer(number, n).exists())

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
        """Apply the round's deadline (fails the run, naming who is missing); returns the status."""
        if self._end() is None and clock.now() > self._due():
            with self._locked():
                self._settle()
                if self._end() is None and clock.now() > self._due():
                    self._finish("failed", _late(self._totals() + 1, self._pending()))
        return self.status()

    def cancel(self, reason: str = "") -> None:
        """End the run as cancelled; harmless when it has ended."""
        self._stop("cancelled", reason or "The run was cancelled.")

    def fail(self, message: str) -> None:
        """End the run as failed with one plain sentence; harmless when it has ended."""
        self._stop("failed", message)

    def status(self) -> EngineStatus:
        """Where the run stands, from disk."""
        pending = self.pending()
        end, totals = self._end(), self._totals()
        state: RunStateName = end["state"] if end else "running" if (self._folder / "began").exists() else "waiting"
        return EngineStatus(
            run=self.order.run,
            state=state,
            round=max(totals, 1) if end else totals + 1,
            message=end["message"] if end else f"Round {totals + 1}: waiting for {', '.join(pending)}.",
            answered=self._answered(),
            pending=pending,
        )

    def outcome(self) -> Outcome:
        """What it produced; raises ``RunFailed`` with the reason, also while it is still running."""
        end, rounds = self._end(), self._totals()
        if end is None or end["state"] != "finished":
            raise RunFailed(end["message"] if end else f"Run {self.order.run} has not finished: wait for it.")
        totals = [self._total(number) for number in range(1, rounds + 1)]
        fold = self._fold_to(rounds)
        return Outcome(
            run=self.order.run,
            result=fold.recipe.result(fold.state(rounds), fold.plan),
            transcript=transcript_digest(self.order.run, self.order.agreement, self.order.participants, totals),
            rounds=rounds,
            participants=self.order.participants,
            confirmed=self._confirmed(),
            bytes_received=self._bytes_received(),
            seconds=(datetime.fromisoformat(end["moment"]) - _written(self._folder / "order.json")).total_seconds(),
        )

    def _take_answer(self, namespace: str, message: Message, answer: bytes) -> None:
        path, current = self._answer(message.round, namespace), self._totals() + 1
        if path.exists():
            if path.read_bytes() != answer:
                raise RunConflict(f"{namespace} answered round {message.round} twice and differently: ignored.")
            return
        if self._end():
            raise RunEnded(f"Run {self.order.run} is over: the answer of {namespace} came too late.")
        if message.round != current:
            raise WrongRound(f"{namespace} answered round {message.round} and {current} is due: ignored.")
        self._fold_to(current - 1).contract(current - 1).check(message.arrays)
        write_private(path, answer)
        self._settle()

    def _take_refusal(self, namespace: str, message: Message) -> None:
        current = self._totals() + 1
        if self._end() or message.round < current or self._answer(current, namespace).exists():
            return
        code = message.text if _CODE.fullmatch(message.text) else "studies.failed"
        self._finish("failed", f"{namespace} refused round {current} ({code}): its audit trail says why.")

    def _take_confirmation(self, namespace: str, message: Message) -> None:
        end = self._end()
        if not end or end["state"] != "finished":
            raise WrongRound(f"{namespace} confirmed a run that has not finished: ignored.")
        if not _DIGEST.fullmatch(message.text):
            raise BadMessage(f"{namespace} confirmed without a digest: ignored.")
        if not self._confirmation(namespace).exists():
            write_private(self._confirmation(namespace), message.text.encode())

    def _settle(self) -> None:
        """Bring the files to where the answers on disk lead; what a crash left half done is done now."""
        while self._end() is None:
            totals = self._totals()
            if not self._caught_up(totals) or self._end_at(self._fold.state(totals), totals):
                return
            answers = [self._answer(totals + 1, name) for name in sorted(self.order.participants)]
            if not all(path.exists() for path in answers):
                return
            self._close_round(totals + 1, answers)

    def _close_round(self, number: int, answers: list[Path]) -> None:
        try:
            total = add_up([decode(path.read_bytes()).arrays for path in answers])
            self._fold.contract(number - 1).check(total, len(answers))
        except JazariError as error:
            self._finish("failed", str(error))
            return
        path = self._folder / "rounds" / f"{number:04}.total"
        write_private(path, total_bytes(self.order.run, number, total))

    def _end_at(self, state: Any, totals: int) -> bool:
        if state.failure:
            self._finish("failed", state.failure)
        elif state.done:
            self._finish("finished", f"Finished after {totals} rounds.")
        elif totals >= min(self.order.max_rounds, self._study.max_rounds):
            self._finish("failed", f"There is no result after {totals} rounds: propose the study with more rounds.")
        else:
            return False
        return True

    def _caught_up(self, totals: int) -> bool:
        try:
            self._fold_to(totals)
        except JazariError as error:
            self._finish("failed", str(error))
            return False
        return True

    def _fold_to(self, totals: int) -> Fold:
        for number in range(self._fold.known + 1, totals + 1):
            self._fold.take(decode(self._total(number)).arrays)
        return self._fold

    def _stop(self, state: RunStateName, message: str) -> None:
        with self._locked():
            self._settle()
            if self._end() is None:
                self._finish(state, message)

    def _finish(self, state: RunStateName, message: str) -> None:
        end = {"state": state, "message": message, "moment": _now()}
        write_private(self._folder / "end.json", canonical_json(end))

    def _end(self) -> dict[str, Any] | None:
        with plain_os_errors(self._folder):
            try:
                return dict(json.loads((self._folder / "end.json").read_bytes()))
            except FileNotFoundError:
                return None

    def _due(self) -> datetime:
        totals = self._totals()
        began = self._folder / ("order.json" if totals == 0 else f"rounds/{totals:04}.total")
        return _written(began) + timedelta(seconds=self.order.round_deadline_seconds)

    def _totals(self) -> int:
        number = 0
        while (self._folder / "rounds" / f"{number + 1:04}.total").exists():
            number += 1
        return number

    def _total(self, number: int) -> bytes:
        with plain_os_errors(self._folder):
            return (self._folder / "rounds" / f"{number:04}.total").read_bytes()

    def _answer(self, number: int, namespace: str) -> Path:
        return self._folder / "rounds" / f"{number:04}.{namespace}.answer"

    def _confirmation(self, namespace: str) -> Path:
        return self._folder / "confirmations" / namespace

    def _answers(self, namespace: str) -> list[Path]:
        return sorted((self._folder / "rounds").glob(f"[0-9][0-9][0-9][0-9].{namespace}.answer"))

    def _answered(self) -> dict[str, str]:
        last = {name: self._answers(name)[-1:] for name in self.order.participants}
        return {name: clock.timestamp(_written(paths[0])) for name, paths in last.items() if paths}

    def _confirmed(self) -> dict[str, str]:
        paths = {name: self._confirmation(name) for name in self.order.participants}
        return {name: path.read_text() for name, path in paths.items() if path.exists()}

    def _bytes_received(self) -> dict[str, int]:
        return {n: sum(path.stat().st_size for path in self._answers(n)) for n in self.order.participants}

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
    return study


def _late(number: int, missing: tuple[str, ...]) -> str:
    return (f"Round {number} was not answered in time by {', '.join(missing)}: run the study again when "
            "they are back.")  # fmt: skip


def _now() -> str:
    return clock.now().isoformat()


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
