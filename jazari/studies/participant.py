"""An institute's side of a run: answers the rounds of runs that have a permit, and nothing else.

Everything is checked again for every message. What was computed for a round is stored before it leaves, and
sent again byte for byte; the totals that came in are stored before anything is computed from them. So a
process may die at any moment, and another one goes on.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.governance.spool import write_event
from jazari.studies import guard
from jazari.studies.agreement import StudyText
from jazari.studies.data.schema import check_agreed
from jazari.studies.data.table import Table
from jazari.studies.errors import AlteredTotal, BadData, RunEnded, RunFailed, WrongRound
from jazari.studies.ledger import Ledger
from jazari.studies.memory import Memory, question_of
from jazari.studies.messages import Message, decode, encode
from jazari.studies.notebook import Notebook
from jazari.studies.permits import Permit, check_permit, load_permit
from jazari.studies.recipes.base import divisions_of
from jazari.studies.registered import load_registered
from jazari.studies.rounds import Fold, total_bytes, transcript_digest

EVERY_REFUSAL_UP_TO = 20
"""Refusals beyond this are told at powers of two only: a flood of requests must not fill the disk."""

_log = logging.getLogger("jazari.studies.participant")


class Participant:
    """Answers the rounds of every run that has a permit in ``engine_folder``; usable from any process.

    ``engine_folder`` is the institute's ``engine/``: it reads ``permits/`` and ``stewards.json``, keeps
    ``answers/<run>/`` and ``ledger.json``, and spools AuditEvents to ``spool/``.
    """

    def __init__(self, engine_folder: Path, namespace: str) -> None:
        self._engine, self._namespace = engine_folder, namespace
        self._ledger = Ledger(engine_folder / "ledger.json")
        self._memory = Memory(engine_folder)
        self._fold: tuple[str, Fold] | None = None
        self._table: tuple[str, Table] | None = None
        self._refusals = 0

    def respond(self, run: str, request: bytes) -> bytes:
        """What an engine calls: the answer, confirmation, or a refusal message that carries a code only.

        Never raises (but for KeyboardInterrupt and the like): every exception is a refusal.
        """
        try:
            return self.answer(run, request)
        except Exception as error:
            code = error.code if isinstance(error, JazariError) else "studies.failed"
            self._tell_refusal(run, code, error)
            return _refusal(run, request, code)

    def answer(self, run: str, request: bytes) -> bytes:
        """As ``respond``, but raises the ``JazariError`` that refuses."""
        message = decode(request)
        if message.run != run or message.kind not in ("request", "final"):
            raise WrongRound("The message is no request of this run: nothing was computed.")
        permit, study = self._permitted(run)
        with Notebook(self._engine, run).locked() as notebook:
            notebook.begin(permit)
            fold = self._fold_of(permit, study, notebook)
            if message.kind == "final":
                return self._confirm(message, permit, fold, notebook)
            return self._answer_round(message, permit, study, fold, notebook)

    def check(self, run: str) -> None:
        """Raise unless this run may start here now (what a gate asks before any work)."""
        self._permitted(run)

    def answered_up_to(self, run: str) -> int:
        """The last round whose answer is stored; 0 before the first."""
        return Notebook(self._engine, run).answered()

    def finish(self, run: str) -> str:
        """The transcript digest of a run that has ended here; raises ``RunNotFound`` before."""
        return Notebook(self._engine, run).transcript()

    def result(self, run: str) -> dict[str, Any]:
        """The result recomputed here from the released totals; raises ``RunNotFound`` before the end."""
        notebook = Notebook(self._engine, run)
        notebook.transcript()
        permit = notebook.begun()
        fold = Fold(permit.study_text(), len(permit.participants))
        rounds = notebook.totals()
        for number in range(1, rounds + 1):
            fold.take(decode(notebook.total(number)).arrays)
        state = fold.state(rounds)
        if state.failure or not state.done:
            raise RunFailed(state.failure or f"Run {run} ended before it had a result: run the study again.")
        return fold.recipe.result(state, fold.plan)

    def _permitted(self, run: str) -> tuple[Permit, StudyText]:
        permit = load_permit(self._engine, run)
        study = check_permit(permit, self._engine, run, self._namespace)
        self._ledger.check(permit.agreement, run, study.max_runs)
        return permit, study

    def _fold_of(self, permit: Permit, study: StudyText, notebook: Notebook) -> Fold:
        if self._fold is None or self._fold[0] != permit.run:
            self._fold = (permit.run, Fold(study, len(permit.participants)))
        fold = self._fold[1]
        for number in range(fold.known + 1, notebook.totals() + 1):
            fold.take(decode(notebook.total(number)).arrays)
        return fold

    def _answer_round(
        self, message: Message, permit: Permit, study: StudyText, fold: Fold, notebook: Notebook
    ) -> bytes:
        number, answered = message.round, notebook.answered()
        if number > min(answered + 1, study.max_rounds) or notebook.has_ended():
            raise WrongRound(f"Round {number} is not due here after round {answered}: nothing was computed.")
        self._take_total(message, fold, notebook)
        if number <= answered:
            self._tell("studies.guard-sent-again", permit, {"round": number})
            return notebook.answer(number)
        if fold.state(number - 1).failure:
            raise RunEnded("The totals so far can lead to no result: nothing more is computed.")
        answer = self._compute(number, permit, study, fold)
        notebook.store_answer(number, answer)
        self._tell("studies.guard-released", permit, {"round": number, "bytes": len(answer)})
        return answer

    def _compute(self, number: int, permit: Permit, study: StudyText, fold: Fold) -> bytes:
        if number == 1:
            self._ledger.enter(permit.agreement, permit.run, study.max_runs)
            self._tell("studies.run-begun", permit, {"agreement": permit.agreement})
        table = self._table_of(permit, study)
        state = fold.state(number - 1)
        sums = fold.recipe.local(table, state, fold.plan)
        released = guard.release(fold.contract(number - 1), sums, study.floor)
        question = question_of(study, self._namespace, permit.run, number, permit.participants)
        self._memory.ask(question, table, divisions_of(fold.recipe, table, state, fold.plan))
        self._memory.released(question.dataset, permit.run, number, permit.participants)
        return encode(Message("answer", permit.run, number, released))

    def _take_total(self, message: Message, fold: Fold, notebook: Notebook) -> None:
        """Store the total of the round before, which must be the one stored already if there is one."""
        before = message.round - 1
        if before == 0:
            if message.arrays:
                raise AlteredTotal("The first request carries a total although nothing was computed yet.")
            return
        raw = total_bytes(message.run, before, message.arrays)
        if before <= notebook.totals():
            if raw != notebook.total(before):
                raise AlteredTotal(f"The total of round {before} is not the one sent first: tell the board.")
            return
        own = decode(notebook.answer(before)).arrays
        guard.accept_total(fold.contract(before - 1), message.arrays, own, fold.plan.institutes)
        notebook.store_total(before, raw)
        fold.take(message.arrays)

    def _confirm(self, message: Message, permit: Permit, fold: Fold, notebook: Notebook) -> bytes:
        rounds = message.round - 1
        if rounds < 1 or rounds != notebook.answered():
            raise WrongRound(f"The run cannot end after round {rounds} here: nothing was accepted.")
        self._take_total(message, fold, notebook)
        totals = [notebook.total(number) for number in range(1, rounds + 1)]
        transcript = transcript_digest(permit.run, permit.agreement, permit.participants, totals)
        if not notebook.has_ended():
            notebook.end(transcript, rounds)
            self._tell("studies.run-ended", permit, {"rounds": rounds, "transcript": transcript})
        return encode(Message("confirmation", permit.run, message.round, text=transcript))

    def _table_of(self, permit: Permit, study: StudyText) -> Table:
        if self._table is None or self._table[0] != permit.data_sha256:
            self._table = None  # frees the last one before the next is read
            schema = permit.schema_of_data()
            check_agreed(schema, study.variables)
            key = self._memory.key()
            table = load_registered(Path(permit.data_path), permit.data_sha256, schema, key)
            self._table = (permit.data_sha256, table)
        return self._table[1]

    def _tell(self, kind: str, permit: Permit, detail: dict[str, Any]) -> None:
        event = AuditEvent(kind, self._namespace, permit.run_record, {"run": permit.run, **detail})
        write_event(self._engine / "spool", event)

    def _tell_refusal(self, run: str, code: str, error: Exception) -> None:
        self._refusals += 1
        if not isinstance(error, JazariError):
            _log.exception("Run %s was refused because of an error", run[:80])
        if self._refusals > EVERY_REFUSAL_UP_TO and self._refusals.bit_count() > 1:
            return
        detail: dict[str, Any] = {"code": code, "refusals": self._refusals}
        if isinstance(error, JazariError) and not isinstance(error, BadData):  # which may quote a value
            detail["message"] = str(error)[:1000]
        try:
            subject = run[:80] or "unknown"
            write_event(self._engine / "spool", AuditEvent("studies.guard-refused", self._namespace, subject, detail))
        except Exception:
            _log.exception("The refusal of run %s could not be recorded", run[:80])


def _refusal(run: str, request: bytes, code: str) -> bytes:
    """A refusal that names the run and round of the request, as far as they can be read."""
    try:
        message = decode(request)
        return encode(Message("refusal", message.run, message.round, text=code))
    except JazariError:
        pass
    try:
        return encode(Message("refusal", run, 1, text=code))
    except JazariError:
        return encode(Message("refusal", "unknown", 1, text=code))
