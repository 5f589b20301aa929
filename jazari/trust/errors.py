"""What can go wrong with keys, ceremonies, publications and what is read.

TrustError
├── KeyProblem            KeyMissing, KeyExists, KeyTooOpen, WrongPassphrase, PassphraseNeeded, BadKey
├── BadSignature          bytes that the named key did not sign
├── BadRecord             a record, draft or file reference that breaks a rule of its form
├── BadSegment, NotContinuous, ForeignRecord
│                         bytes of a log that are malformed, out of order, or another institute's
├── CeremonyProblem       BadCeremony, NotABoardMember, NotEnoughSignatures, CeremonyOutdated
├── RepositoryProblem     RepositoryMissing, RepositoryExists, RepositoryDamaged, OnlineKeyMissing
├── PublicationRefused    what the Root answers to a publication that can never be accepted as it is:
│                         BadPublication, TooLarge, NotAdmitted, WrongSigner, OutsideNamespace,
│                         HistoryChanged, CardRefused, FileMissing, ClockWrong
├── VersionConflict       another publication of the same institute was first: fetch it and try again
├── NotKept               an earlier publication waits for the Root, so that this one was not prepared
├── SourceUnavailable     the Root or a folder could not be read: try again later
└── Untrusted             what was read fails verification:
                          Expired, BadDownload, HistoryRewritten, RollbackSeen

RecordMissing and FileAbsent say that something verified does not exist.
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


class TrustError(JazariError):
    code = "trust.failed"


class KeyProblem(TrustError):
    code = "trust.key"


class KeyMissing(KeyProblem):
    code = "trust.key-missing"
    exit_code = ExitCode.NOT_FOUND


class KeyExists(KeyProblem):
    code = "trust.key-exists"
    exit_code = ExitCode.CONFLICT


class KeyTooOpen(KeyProblem):
    """Others than the owner may read the key file."""

    code = "trust.key-too-open"
    exit_code = ExitCode.REFUSED


class WrongPassphrase(KeyProblem):
    code = "trust.wrong-passphrase"
    exit_code = ExitCode.REFUSED


class PassphraseNeeded(KeyProblem):
    code = "trust.passphrase-needed"
    exit_code = ExitCode.USAGE


class BadKey(KeyProblem):
    """The file or the text is no Ed25519 key of ours."""

    code = "trust.bad-key"
    exit_code = ExitCode.USAGE


class BadSignature(TrustError):
    code = "trust.bad-signature"
    exit_code = ExitCode.UNTRUSTED


class BadRecord(TrustError):
    code = "trust.bad-record"
    exit_code = ExitCode.USAGE


class BadSegment(TrustError):
    """Bytes that are no well-formed part of a log."""

    code = "trust.bad-segment"
    exit_code = ExitCode.UNTRUSTED


class NotContinuous(TrustError):
    """A part of a log that does not continue what came before it."""

    code = "trust.not-continuous"
    exit_code = ExitCode.UNTRUSTED


class ForeignRecord(TrustError):
    """A record in the log of another institute than the one it names."""

    code = "trust.foreign-record"
    exit_code = ExitCode.UNTRUSTED


class CeremonyProblem(TrustError):
    code = "trust.ceremony"


class BadCeremony(CeremonyProblem):
    """A ceremony file that is damaged, inconsistent or does not follow from the trusted state."""

    code = "trust.bad-ceremony"
    exit_code = ExitCode.UNTRUSTED


class NotABoardMember(CeremonyProblem):
    code = "trust.not-a-board-member"
    exit_code = ExitCode.REFUSED


class NotEnoughSignatures(CeremonyProblem):
    code = "trust.not-enough-signatures"
    exit_code = ExitCode.REFUSED


class CeremonyOutdated(CeremonyProblem):
    """The repository has moved on since the ceremony was prepared."""

    code = "trust.ceremony-outdated"
    exit_code = ExitCode.CONFLICT


class RepositoryProblem(TrustError):
    code = "trust.repository"


class RepositoryMissing(RepositoryProblem):
    code = "trust.repository-missing"
    exit_code = ExitCode.NOT_FOUND


class RepositoryExists(RepositoryProblem):
    code = "trust.repository-exists"
    exit_code = ExitCode.CONFLICT


class RepositoryDamaged(RepositoryProblem):
    code = "trust.repository-damaged"
    exit_code = ExitCode.UNTRUSTED


class OnlineKeyMissing(RepositoryProblem):
    """The repository was opened without the snapshot and timestamp keys that this step needs."""

    code = "trust.online-key-missing"
    exit_code = ExitCode.USAGE


class PublicationRefused(TrustError):
    """The Root will never accept this publication as it is; sending it again does not help."""

    code = "trust.publication-refused"
    exit_code = ExitCode.REFUSED


class BadPublication(PublicationRefused):
    """The body or the log segments in it are malformed."""

    code = "trust.bad-publication"


class TooLarge(PublicationRefused):
    code = "trust.too-large"


class NotAdmitted(PublicationRefused):
    """The namespace is unknown to the board, or revoked."""

    code = "trust.not-admitted"


class WrongSigner(PublicationRefused):
    """The signatures do not reach the threshold of the keys that the board delegated to."""

    code = "trust.wrong-signer"


class OutsideNamespace(PublicationRefused):
    code = "trust.outside-namespace"


class HistoryChanged(PublicationRefused):
    """The publication changes or drops what was published before."""

    code = "trust.history-changed"


class CardRefused(PublicationRefused):
    code = "trust.card-refused"


class FileMissing(PublicationRefused):
    """A record names a file that is neither in the publication nor at the Root."""

    code = "trust.file-missing"


class ClockWrong(PublicationRefused):
    """The publisher's clock and the Root's clock disagree too much."""

    code = "trust.clock-wrong"


class VersionConflict(TrustError):
    """Another publication of the same institute came first; nothing is lost."""

    code = "trust.version-conflict"
    exit_code = ExitCode.CONFLICT


class NotKept(TrustError):
    """An earlier publication still waits for the Root, so this one was not prepared."""

    code = "trust.not-kept"
    exit_code = ExitCode.UNAVAILABLE


class SourceUnavailable(TrustError):
    code = "trust.source-unavailable"
    exit_code = ExitCode.UNAVAILABLE


class Untrusted(TrustError):
    """What was read does not verify; nothing of it was kept."""

    code = "trust.untrusted"
    exit_code = ExitCode.UNTRUSTED


class Expired(Untrusted):
    code = "trust.expired"


class BadDownload(Untrusted):
    """The bytes differ from what was signed."""

    code = "trust.bad-download"


class HistoryRewritten(Untrusted):
    """Signed by its institute, yet no continuation of what the institute signed before."""

    code = "trust.history-rewritten"


class RollbackSeen(Untrusted):
    """Older metadata than what this reader has already verified."""

    code = "trust.rollback"


class RecordMissing(TrustError):
    code = "trust.record-missing"
    exit_code = ExitCode.NOT_FOUND


class FileAbsent(TrustError):
    """The verified record names no such file."""

    code = "trust.file-absent"
    exit_code = ExitCode.NOT_FOUND
