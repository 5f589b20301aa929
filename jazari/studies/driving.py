"""What the Root's worker does about runs: start what is recorded, watch the engine, end what may not go on."""

from __future__ import annotations

from dataclasses import dataclass, field

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.studies.agreement import study_dict
from jazari.studies.cards import RunCard
from jazari.studies.decisions import Choice
from jazari.studies.each import OncePerChange, each
from jazari.studies.engine import Engine, RunOrder
from jazari.studies.errors import with_code
from jazari.studies.following import new_row
from jazari.studies.models import Run
from jazari.studies.operations import Here
from jazari.studies.overview import Study, run_problem, study_of
from jazari.studies.run_messages import NOT_APPROVED, WITHDRAWN
from jazari.trust.records import Record


@dataclass(frozen=True)
class Driver:
    """The Root: it decides nothing but whether a recorded run may start, and then only serves it.

    It looks for new runs ``once`` after each change of the records.
    """

    here: Here
    engine: Engine
    once: OncePerChange = field(default_factory=OncePerChange)

    def drive(self) -> bool:
        """Look at every run of the network; whether anything changed."""
        steps = (self._shut_out_revoked, lambda: self.once.do(self._take_up_new), self._watch_active)
        return each(steps, lambda step: step())

    def _take_up_new(self) -> bool:
        known = set(Run.objects.values_list("reference", flat=True))
        return each([r for r in self.here.records.of("run") if r.ref not in known], self._take_up)

    def _watch_active(self) -> bool:
        return each(Run.objects.filter(state__in=(Run.State.WAITING, Run.State.RUNNING)), self._watch)

    def _take_up(self, record: Record) -> bool:
        card = RunCard.model_validate(record.card)
        study = study_of(self.here.records, card.study)
        row = new_row(record, card)
        problem = run_problem(card, study, clock.now())
        if self.here.records.is_withdrawn(record.ref):
            problem = "its proposer withdrew it"
        if problem:
            self._end(row, Run.State.FAILED, f"The run was not started: {problem}; record a new one.")
            return True
        # The row first: after a crash between the two the order is given again, which the engine takes as one.
        row.save()
        self._order(row, study)
        return True

    def _order(self, row: Run, study: Study) -> None:
        order = RunOrder(
            run=row.run,
            agreement=study.agreement,
            study=study_dict(study.text),
            participants=tuple(row.participants),
            max_rounds=study.text.max_rounds,
            round_deadline_seconds=study.text.round_deadline_seconds,
        )
        try:
            self.engine.start(order)
        except JazariError as error:
            self._end(row, Run.State.FAILED, with_code(error))

    def _watch(self, row: Run) -> bool:
        study = study_of(self.here.records, row.study)
        self._order(row, study)
        reason = self._must_end(row, study)
        if reason:
            self.engine.cancel(row.run, reason)
        before = (row.state, row.round, row.answered)
        status = self.engine.status(row.run)
        row.state, row.round, row.message = status.state, status.round, status.message
        row.answered = status.answered
        if status.ended:
            self._end(row, status.state, status.message)
        row.save()
        return (row.state, row.round, row.answered) != before

    def _must_end(self, row: Run, study: Study) -> str:
        if study.withdrawn or self.here.records.is_withdrawn(row.reference):
            return WITHDRAWN.format(institute=study.proposer)
        entries = self.here.directory().entries
        for institute in row.participants:
            if institute in entries and entries[institute].status == "revoked":
                continue  # it withdrew nothing: the engine was told, and fails the run (see _shut_out_revoked)
            mine = study.decisions.get(institute)
            if mine is None or mine.choice is not Choice.APPROVE:
                return NOT_APPROVED.format(institute=institute)
        return ""

    def _end(self, row: Run, state: str, message: str) -> None:
        row.state, row.message, row.ended = state, message, clock.now()
        if state == Run.State.FINISHED:
            row.outcome = self.engine.outcome(row.run).model_dump(mode="json")
        row.save()
        events.emit(AuditEvent(kind=f"studies.run-{state}", actor=self.here.namespace, subject=row.reference,
                               detail={"message": message}))  # fmt: skip

    def _shut_out_revoked(self) -> bool:
        for entry in self.here.directory().entries.values():
            if entry.status == "revoked":
                self.engine.revoke(entry.namespace)
        return False
