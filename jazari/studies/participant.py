"""An institute's side of a run: answers the rounds of runs that have a permit, and nothing else.

Everything is checked again for every message. What was computed for a round is stored before it leaves, and
sent again byte for byte; the totals that came in are stored before anything is computed from them. So a
process may die at any moment, and another one goes on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.governance.spool import write_event
from jazari.studies import guard
from jazari.studies.agreement import StudyText
from jazari.studies.contract import Contract
from jazari.studies.data.mapping import check_mapping, mapping_digest
from jazari.studies.data.schema import texts_among
from jazari.studies.data.table import Table
from jazari.studies.errors import AlteredTotal, BadData, BadSession, RunEnded, RunFailed, WrongRound
from jazari.studies.ledger import Ledger
from jazari.studies.memory import Memory, question_of
from jazari.studies.messages import Message, Sums, decode, encode
from jazari.studies.notebook import Notebook
from jazari.studies.permits import Permit, check_permit, check_time, load_permit, permit_bytes
from jazari.studies.privacy.payment import Payments
from jazari.studies.recipes.base import divisions_of
from jazari.studies.registered import load_registered, studied
from jazari.studies.rounds import Fold, included_in, read_included, total_bytes, transcript_digest
from jazari.studies.secure.fixed_point import exponents, from_words, to_words
from jazari.studies.secure.participation import Participation
from jazari.studies.secure.session import Session, forget_session, load_session

EVERY_REFUSAL_UP_TO = 20
"""Refusals beyond this are told at powers of two only: a flood of requests must not fill the disk."""

_log = logging.getLogger("jazari.studies.participant")


@dataclass(frozen=True)
class _Turn:
    """One message of a run, and what this institute knows of the run when it comes."""

    message: Message
    permit: Permit
    study: StudyText
    fold: Fold
    notebook: Notebook
    way: Participation | None


class Participant:
    """Answers the rounds of every run that has a permit in ``engine_folder``; usable from any process.

    ``engine_folder`` is the institute's ``engine/``: it reads ``permits/`` and ``stewards.json``, keeps
    ``answers/<run>/``, ``ledger.json`` and ``budget.json``, and spools AuditEvents to ``spool/``.
    """

    def __init__(self, engine_folder: Path, namespace: str) -> None:
        self._engine, self._namespace = engine_folder, namespace
        self._ledger = Ledger(engine_folder / "ledger.json")
        self._payments = Payments(engine_folder)
        self._memory = Memory(engine_folder)
        self._fold: tuple[str, Fold] | None = None
        self._table: tuple[str, Table] | None = None
        self._joined: tuple[Session, Permit, Participation] | None = None
        self._checked: tuple[tuple[str, bytes | None, bytes | None], Permit, StudyText] | None = None
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
            turn = _Turn(message, permit, study, fold, notebook, self._way(permit, study, notebook))
            if message.kind == "final":
                return self._confirm(turn)
            return self._answer_round(turn) if message.step == "sums" else self._answer_step(turn)

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
        rests_on = (run, *permit_bytes(self._engine, run))
        if self._checked is not None and self._checked[0] == rests_on:
            _, permit, study = self._checked
            check_time(permit, study)
        else:
            permit = load_permit(self._engine, run)
            study = check_permit(permit, self._engine, run, self._namespace)
            # Kept only if nobody changed anything meanwhile.
            same = (run, *permit_bytes(self._engine, run)) == rests_on
            self._checked = (rests_on, permit, study) if same else None
        self._ledger.check(permit.agreement, run, study.max_runs)
        return permit, study

    def _fold_of(self, permit: Permit, study: StudyText, notebook: Notebook) -> Fold:
        if self._fold is None or self._fold[0] != permit.run:
            self._fold = (permit.run, Fold(study, len(permit.participants), self._engine / "inputs"))
        fold = self._fold[1]
        for number in range(fold.known + 1, notebook.totals() + 1):
            fold.take(decode(notebook.total(number)).arrays)
        return fold

    def _way(self, permit: Permit, study: StudyText, notebook: Notebook) -> Participation | None:
        """This institute's part in secure aggregation, if the study asks for it and the run has not ended here."""
        if not study.secure_aggregation or notebook.has_ended():
            return None
        if permit.certificate is None:
            raise BadSession(f"The permit of run {permit.run} has no keys: let the worker write it again.")
        session = load_session(self._engine, permit.run, permit.namespace)
        if self._joined is None or self._joined[:2] != (session, permit):
            keys, minimum = permit.publishing_keys, study.minimum_institutes
            way = Participation(session, permit.certificate, permit.participants, keys, minimum, notebook)
            self._joined = (session, permit, way)
        return self._joined[2]

    def _answer_step(self, turn: _Turn) -> bytes:
        """Keys, shares and unmasking; like sums, each is said once and then only said again."""
        number, step, notebook = turn.message.round, turn.message.step, turn.notebook
        due = 1 if step in ("keys", "shares") else notebook.answered()
        if turn.way is None or turn.message.arrays or number > due:
            raise WrongRound(f"The {step} of round {number} are not due here: nothing was sent.")
        notebook.store_told(number, step, turn.message.extra)
        said = notebook.said(number, step)
        if said is None:
            if number < due or number <= notebook.totals():
                raise WrongRound(f"The {step} of round {number} are not due here any more: nothing was sent.")
            extra = turn.way.answer(number, step, turn.message.extra)
            if step == "unmask":
                self._note_release(turn, turn.way.would_open(turn.message.extra))
            said = encode(Message("answer", turn.permit.run, number, step=step, extra=extra))
            notebook.store_said(number, step, said)
        return said

    def _note_release(self, turn: _Turn, finished: tuple[str, ...]) -> None:
        """Before the masks come off: over whom this total becomes known; refused beside totals over others."""
        if turn.fold.contract(turn.message.round - 1).noise is None:
            dataset = RecordRef.parse(turn.permit.dataset).name
            self._memory.released(dataset, turn.permit.run, turn.message.round, finished)

    def _answer_round(self, turn: _Turn) -> bytes:
        number, notebook = turn.message.round, turn.notebook
        answered = notebook.answered()
        if number > min(answered + 1, turn.study.max_rounds) or notebook.has_ended():
            raise WrongRound(f"Round {number} is not due here after round {answered}: nothing was computed.")
        self._take_total(turn)
        if turn.way is not None:
            told = {name: array for name, array in turn.message.extra.items() if name != "included"}
            notebook.store_told(number, "sums", told)
        if number <= answered:
            self._tell("studies.guard-sent-again", turn.permit, {"round": number})
            return notebook.answer(number)
        if turn.fold.state(number - 1).failure:
            raise RunEnded("The totals so far can lead to no result: nothing more is computed.")
        answer = self._compute(turn)
        notebook.store_answer(number, answer)
        self._tell("studies.guard-released", turn.permit, {"round": number, "bytes": len(answer)})
        return answer

    def _compute(self, turn: _Turn) -> bytes:
        number, permit, study, fold = turn.message.round, turn.permit, turn.study, turn.fold
        self._payments.pay(permit, study, fold.contract(number - 1), number)
        if number == 1:
            self._ledger.enter(permit.agreement, permit.run, study.max_runs)
            self._tell("studies.run-begun", permit, {"agreement": permit.agreement})
        table = self._table_of(permit, study)
        contract, state = fold.contract(number - 1), fold.state(number - 1)
        released = guard.release(contract, fold.recipe.local(table, state, fold.plan), study.floor)
        if contract.noise is None:
            self._remember(turn, table, state)
        if turn.way is None:
            return encode(Message("answer", permit.run, number, released))
        return self._masked(turn, turn.way, contract, released)

    def _remember(self, turn: _Turn, table: Table, state: Any) -> None:
        """Refuse an answer that would tell too much together with earlier ones; noisy ones are paid for instead."""
        permit, fold = turn.permit, turn.fold
        known = permit.participants if turn.way is None else ()
        question = question_of(turn.study, self._namespace, permit.run, turn.message.round, known)
        self._memory.ask(question, table, divisions_of(fold.recipe, table, state, fold.plan))
        if known:
            self._memory.released(question.dataset, permit.run, turn.message.round, known)

    @staticmethod
    def _masked(turn: _Turn, way: Participation, contract: Contract, released: Sums) -> bytes:
        """The released sums as words under this round's masks; what they stand for stays here."""
        message, institutes = turn.message, len(turn.permit.participants)
        scale = exponents(contract, turn.study.largest_rows, institutes)
        words = to_words(contract, released, scale, institutes)
        turn.notebook.store_own(message.round, from_words(contract, words, scale))
        masked, extra = way.mask(message.round, message.extra, contract, words, _transcript(turn, message.round - 1))
        guard.check_masked(contract, masked)
        return encode(Message("answer", turn.permit.run, message.round, masked, extra=extra))

    @staticmethod
    def _take_total(turn: _Turn) -> None:
        """Store the total of the round before, which must be the one stored already if there is one."""
        message, notebook, participants = turn.message, turn.notebook, turn.permit.participants
        before = message.round - 1
        if before == 0:
            if message.arrays:
                raise AlteredTotal("The first request carries a total although nothing was computed yet.")
            return
        included = read_included(message.extra, participants)
        raw = total_bytes(message.run, before, message.arrays, included_in(included, participants))
        if before <= notebook.totals():
            if raw != notebook.total(before):
                raise AlteredTotal(f"The total of round {before} is not the one sent first: tell the board.")
            return
        if turn.permit.namespace not in included or (turn.way is not None and included != turn.way.finished(before)):
            raise AlteredTotal(f"The total of round {before} is over other institutes than agreed: tell the board.")
        guard.accept_total(turn.fold.contract(before - 1), message.arrays, notebook.own(before), len(included))
        notebook.store_total(before, raw)
        turn.fold.take(message.arrays)

    def _confirm(self, turn: _Turn) -> bytes:
        message, permit, notebook = turn.message, turn.permit, turn.notebook
        rounds = message.round - 1
        if rounds < 1 or rounds != notebook.answered():
            raise WrongRound(f"The run cannot end after round {rounds} here: nothing was accepted.")
        self._take_total(turn)
        transcript = _transcript(turn, rounds)
        if not notebook.has_ended():
            notebook.end(transcript, rounds)
            forget_session(self._engine, permit.run)
            self._tell("studies.run-ended", permit, {"rounds": rounds, "transcript": transcript})
        return encode(Message("confirmation", permit.run, message.round, text=transcript))

    def _table_of(self, permit: Permit, study: StudyText) -> Table:
        schema, mapping = permit.schema_of_data(), permit.column_mapping()
        check_mapping(mapping, schema, study.variables)
        key = f"{permit.agreement} {permit.data_sha256} {mapping_digest(mapping)}"
        if self._table is None or self._table[0] != key:
            self._table = None  # frees the last one before the next is read
            texts, identity = texts_among(study.variables), self._memory.key()
            table = load_registered(Path(permit.data_path), permit.data_sha256, schema, texts, identity)
            self._table = (key, studied(table, study, mapping))
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


def _transcript(turn: _Turn, rounds: int) -> str:
    """The digest of the totals of so many rounds, as this institute was told them."""
    permit, notebook = turn.permit, turn.notebook
    totals = [notebook.total(number) for number in range(1, rounds + 1)]
    return transcript_digest(permit.run, permit.agreement, permit.participants, totals)


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
