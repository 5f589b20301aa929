"""What can go wrong in a study, from the file an institute holds to the result of a run.

::

    StudyError
    ├── data          BadSchema, BadData, UnreadableData, ColumnMissing, IncompatibleData, BadMapping
    ├── study         BadStudy, UnknownRecipe, BadParameters, RecipeChanged, StudyNotFound, DataSetNotFound,
    │                 NotAsked, NotRunnable, NotConfirmed, OtherAgreement, BadStudyRecord
    ├── messages      BadMessage, BrokenContract, BelowFloor, Saturated
    ├── models        BadModel, BadModelInput, ModelNotFound, NoModel, UnverifiedModel
    ├── memory        TooSimilar, OtherInstitutes, MemoryUnreadable
    ├── secure        Unbounded, BadShares, BadSession, AlteredSet, TooFewInstitutes
    ├── permission    NoPermit, BadPermit, PermitExpired, RunsUsedUp, NoBudget, BudgetSpent,
    │                 SameData
    └── runs          WrongRound, AlteredTotal, RunNotFound, RunEnded, RunFailed, RunConflict,
                      BackendMissing, TimedOut

A message that leaves an institute carries the code alone, never the sentence.
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


def with_code(error: JazariError) -> str:
    """The sentence of ``error`` and its code, by which a page says what the sentence means."""
    return f"{error} ({error.code})"


class StudyError(JazariError):
    """Anything that stops a study."""

    code = "studies.failed"


class BadSchema(StudyError):
    """The schema file that declares a data set is not valid."""

    code = "studies.bad-schema"
    exit_code = ExitCode.USAGE


class BadData(StudyError):
    """A value breaks a rule of the schema; the sentence names row, column and rule."""

    code = "studies.bad-data"
    exit_code = ExitCode.USAGE


class UnreadableData(StudyError):
    """The data file is absent, too large, in another encoding or not of its declared format."""

    code = "studies.unreadable-data"
    exit_code = ExitCode.UNAVAILABLE


class ColumnMissing(StudyError):
    """A declared or agreed column is not in the data."""

    code = "studies.column-missing"
    exit_code = ExitCode.USAGE


class IncompatibleData(StudyError):
    """The data of two institutes, or of one and the study, do not mean the same thing."""

    code = "studies.incompatible-data"
    exit_code = ExitCode.USAGE


class BadMapping(StudyError):
    """The mapping of an institute's columns to a study's variables cannot be applied."""

    code = "studies.bad-mapping"
    exit_code = ExitCode.USAGE


class BadStudy(StudyError):
    """The text of a study is not valid."""

    code = "studies.bad-study"
    exit_code = ExitCode.USAGE


class UnknownRecipe(StudyError):
    """No installed recipe has this name."""

    code = "studies.unknown-recipe"
    exit_code = ExitCode.NOT_FOUND


class BadParameters(StudyError):
    """The parameters do not fit the recipe or the variables of the study."""

    code = "studies.bad-parameters"
    exit_code = ExitCode.USAGE


class RecipeChanged(StudyError):
    """The installed code is not the code that was approved."""

    code = "studies.recipe-changed"
    exit_code = ExitCode.REFUSED


class BadMessage(StudyError):
    """Bytes that are no message of ours."""

    code = "studies.bad-message"
    exit_code = ExitCode.REFUSED


class BrokenContract(StudyError):
    """Sums whose names, shapes, types or values are not those of the output contract."""

    code = "studies.broken-contract"
    exit_code = ExitCode.REFUSED


class BelowFloor(StudyError):
    """Sums that tell about fewer distinct subjects than the study's floor."""

    code = "studies.below-floor"
    exit_code = ExitCode.REFUSED


class Saturated(StudyError):
    """More numbers would be estimated from the rows than a third of the subjects."""

    code = "studies.saturated"
    exit_code = ExitCode.REFUSED


class TooSimilar(StudyError):
    """The answer and earlier ones about the same data set could together tell about too few subjects."""

    code = "studies.too-similar"
    exit_code = ExitCode.REFUSED


class OtherInstitutes(StudyError):
    """The same was answered with other institutes: the difference of the totals would be theirs."""

    code = "studies.other-institutes"
    exit_code = ExitCode.REFUSED


class MemoryUnreadable(StudyError):
    """What this institute has answered before cannot be read, so that nothing more is answered."""

    code = "studies.memory-unreadable"
    exit_code = ExitCode.REFUSED


class NoPermit(StudyError):
    """This institute has no permit for the run: it did not approve, or has not seen the run record."""

    code = "studies.no-permit"
    exit_code = ExitCode.REFUSED


class BadPermit(StudyError):
    """The permit does not allow what is asked: another study, institute, data set, key or signature."""

    code = "studies.bad-permit"
    exit_code = ExitCode.REFUSED


class PermitExpired(StudyError):
    """The study or the permit is past its date."""

    code = "studies.permit-expired"
    exit_code = ExitCode.REFUSED


class RunsUsedUp(StudyError):
    """The agreement has run as often as the institute approved."""

    code = "studies.runs-used-up"
    exit_code = ExitCode.REFUSED


class NoBudget(StudyError):
    """The study would spend a privacy budget, and none is declared for the data set here."""

    code = "studies.no-budget"
    exit_code = ExitCode.REFUSED


class BudgetSpent(StudyError):
    """What is left of the data set's privacy budget does not pay for this, or the ledger cannot be read."""

    code = "studies.budget-spent"
    exit_code = ExitCode.REFUSED


class SameData(StudyError):
    """The same file already has a budget under another name: a second one would let it be spent twice."""

    code = "studies.same-data"
    exit_code = ExitCode.REFUSED


class WrongRound(StudyError):
    """A message of another run, or of a round that is not due."""

    code = "studies.wrong-round"
    exit_code = ExitCode.REFUSED


class AlteredTotal(StudyError):
    """A total that cannot be, or is not the one that was released for this round."""

    code = "studies.altered-total"
    exit_code = ExitCode.REFUSED


class RunNotFound(StudyError):
    """No run of this name here."""

    code = "studies.run-not-found"
    exit_code = ExitCode.NOT_FOUND


class RunEnded(StudyError):
    """The run is over: nothing more is accepted or computed for it."""

    code = "studies.run-ended"
    exit_code = ExitCode.CONFLICT


class RunFailed(StudyError):
    """The run ended without a result; the sentence says why."""

    code = "studies.run-failed"


class RunConflict(StudyError):
    """A second order, answer or permit that differs from the first under the same name."""

    code = "studies.run-conflict"
    exit_code = ExitCode.CONFLICT


class StudyNotFound(StudyError):
    """No verified study record of this reference."""

    code = "studies.study-not-found"
    exit_code = ExitCode.NOT_FOUND


class DataSetNotFound(StudyError):
    """No data set of this name is registered here, or its file is gone or has changed."""

    code = "studies.data-set-not-found"
    exit_code = ExitCode.NOT_FOUND


class NotAsked(StudyError):
    """The study does not name this institute, or somebody else proposed it."""

    code = "studies.not-asked"
    exit_code = ExitCode.REFUSED


class NotRunnable(StudyError):
    """The study may not run: too few approvals, expired, withdrawn or run as often as agreed."""

    code = "studies.not-runnable"
    exit_code = ExitCode.REFUSED


class NotConfirmed(StudyError):
    """A decision at a page that no fresh answer of the steward's passkey confirms."""

    code = "studies.not-confirmed"
    exit_code = ExitCode.REFUSED


class OtherAgreement(StudyError):
    """The study does not have the digest that the steward read."""

    code = "studies.other-agreement"
    exit_code = ExitCode.REFUSED


class BadStudyRecord(StudyError):
    """A card of a study does not fit the records that it speaks of."""

    code = "studies.bad-record"
    exit_code = ExitCode.REFUSED


class BackendMissing(StudyError):
    """The study trains with a library that is not installed here, or in another version."""

    code = "studies.backend-missing"
    exit_code = ExitCode.UNAVAILABLE


class TimedOut(StudyError):
    """Somebody waited for a run, which goes on."""

    code = "studies.timed-out"
    exit_code = ExitCode.UNAVAILABLE


class BadModel(StudyError):
    """A file that is no model of ours: cut, altered, of another format or schema, or not what was agreed."""

    code = "studies.bad-model"
    exit_code = ExitCode.UNTRUSTED


class BadModelInput(StudyError):
    """Rows that a model cannot read: a column is missing, of another type, or holds an unknown level."""

    code = "studies.bad-model-input"
    exit_code = ExitCode.USAGE


class ModelNotFound(StudyError):
    """No verified model record of this reference, or its file is not here."""

    code = "studies.model-not-found"
    exit_code = ExitCode.NOT_FOUND


class NoModel(StudyError):
    """A result that holds no model, or whose model cannot be written as a file."""

    code = "studies.no-model"
    exit_code = ExitCode.USAGE


class UnverifiedModel(StudyError):
    """A model file without a signed record was to be used without saying so."""

    code = "studies.unverified-model"
    exit_code = ExitCode.REFUSED


class Unbounded(StudyError):
    """An output without finite bounds, which no fixed-point number can be promised to hold."""

    code = "studies.unbounded"
    exit_code = ExitCode.USAGE


class BadShares(StudyError):
    """Shares of a secret, or their encryption, that somebody altered or mixed up."""

    code = "studies.bad-shares"
    exit_code = ExitCode.REFUSED


class BadSession(StudyError):
    """Keys of a run that their institute did not sign, or that are not there."""

    code = "studies.bad-session"
    exit_code = ExitCode.REFUSED


class AlteredSet(StudyError):
    """Another set of institutes than the one that this institute was first told for the step."""

    code = "studies.altered-set"
    exit_code = ExitCode.REFUSED


class TooFewInstitutes(StudyError):
    """Fewer institutes than a total must hold."""

    code = "studies.too-few-institutes"
    exit_code = ExitCode.REFUSED
