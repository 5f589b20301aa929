"""What the Root accepts: the one gate between an institute's publication and what everybody reads.

In this order, and nothing is visible before the last step:

1. The namespace is admitted and not revoked; the version is the next one (a byte-equal repeat is answered
   with the same receipt).
2. The metadata is signed by the threshold of the institute's keys, names only its own log, and its expiry
   is at most what the rules allow.
3. The log continues the committed one; sealed segments stay; every record is its institute's and the next
   version of its series, and not from the future.
4. The card validator accepts every card; every file is in the publication or here already, and no other.
5. Files, log, metadata, snapshot are written; ``timestamp.json`` is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from jazari.core.audit import AuditEvent
from jazari.core.clock import now, timestamp
from jazari.core.errors import JazariError
from jazari.core.events import emit
from jazari.trust.blobs import has_blob, keep_verified
from jazari.trust.chain import LogState, Placed
from jazari.trust.delegation import verify_delegated
from jazari.trust.errors import (
    BadPublication,
    BadRecord,
    BadSegment,
    CardRefused,
    ClockWrong,
    FileMissing,
    ForeignRecord,
    HistoryChanged,
    NotAdmitted,
    NotContinuous,
    OutsideNamespace,
    PublicationRefused,
    RepositoryMissing,
    Untrusted,
    VersionConflict,
    WrongSigner,
)
from jazari.trust.metadata import (
    INSTITUTE_DAYS,
    MAX_INSTITUTE_METADATA,
    LogHead,
    expiry,
    head_of,
    log_path,
    parse,
)
from jazari.trust.publication import Publication, Receipt
from jazari.trust.records import Record
from jazari.trust.repository import Committed, Repository
from jazari.trust.steps import reached
from jazari.trust.tuf_types import Targets

CLOCK_TOLERANCE = timedelta(minutes=10)
CheckCard = Callable[[Record], None]
"""Raises a ``JazariError`` for a card that is not valid for its type; given by a slice above."""


@dataclass(frozen=True)
class Accepted:
    """What was accepted; ``records`` is empty for a repeated publication."""

    version: int
    records: tuple[Record, ...]
    receipt: Receipt
    repeated: bool = False


def accept(repository: Repository, publication: Publication, check_card: CheckCard) -> Accepted:
    """Accept ``publication`` whole, or refuse it whole with a ``PublicationRefused`` that says why.

    ``VersionConflict``: another one came first. Refusals and acceptances are reported to the audit trail.
    """
    try:
        with repository.locked():
            return _accept(repository, publication, check_card)
    except PublicationRefused as error:
        detail = {"code": error.code, "version": publication.version, "message": str(error)}
        emit(AuditEvent("trust.publication-refused", publication.namespace, publication.namespace, detail))
        raise


def _accept(repository: Repository, publication: Publication, check_card: CheckCard) -> Accepted:
    state = repository.committed()
    _check_admitted(state, publication.namespace)
    repeated = _repeated(repository, state, publication)
    if repeated is not None:
        return repeated
    head = _check_metadata(state, publication)
    reached_state, placed = _check_log(repository, state, publication, head)
    _check_records(repository, publication, placed, check_card)
    reached("acceptance.checked")
    _audit(publication, placed)
    receipt = _commit(repository, publication, reached_state, placed)
    return Accepted(publication.version, tuple(item.record for item in placed), receipt)


def _check_admitted(state: Committed, namespace: str) -> None:
    entry = state.directory.entries.get(namespace)
    if entry is None:
        raise NotAdmitted(f"{namespace!r} is not admitted to this network: request admission first.")
    if entry.status != "active":
        raise NotAdmitted(f"{namespace} was revoked by the board: ask the board to admit it again.")


def _repeated(repository: Repository, state: Committed, publication: Publication) -> Accepted | None:
    version, current = publication.version, state.version(publication.namespace)
    if version == current + 1:
        return None
    try:
        same = repository.institute_bytes(publication.namespace, version) == publication.metadata
    except RepositoryMissing:
        same = False
    if not same or version > current:
        raise VersionConflict(
            f"Version {version} of {publication.namespace} is not the next one, the Root has {current}: "
            "sync, then publish again."
        )
    return Accepted(version, (), _receipt(publication, state.snapshot.version), repeated=True)


def _check_metadata(state: Committed, publication: Publication) -> LogHead:
    namespace = publication.namespace
    if len(publication.metadata) > MAX_INSTITUTE_METADATA:
        raise BadPublication("The metadata is too large: publish with Jazari.")
    try:
        metadata = parse(Targets, publication.metadata, "The metadata of the publication")
    except Untrusted as error:
        raise BadPublication(str(error)) from error
    try:
        verify_delegated(state.targets, namespace, metadata)
    except Untrusted as error:
        raise WrongSigner(f"{error} Sign with the keys in the directory.") from error
    targets = metadata.signed
    _check_scope(namespace, publication.version, targets)
    _check_expiry(namespace, targets)
    return head_of(namespace, targets)


def _check_scope(namespace: str, version: int, targets: Targets) -> None:
    if targets.version != version:
        raise BadPublication("The metadata has another version than the publication says: publish again.")
    try:
        head = head_of(namespace, targets)
    except Untrusted as error:
        raise OutsideNamespace(f"{error} Publish only {namespace}'s own log.") from error
    if head.segment and log_path(namespace, head.segment) not in targets.targets:
        raise OutsideNamespace(f"The metadata does not name a log of {namespace}.")


def _check_expiry(namespace: str, targets: Targets) -> None:
    if targets.is_expired(now()):
        raise ClockWrong(
            f"The metadata of {namespace} expired on {timestamp(targets.expires)} while the Root's clock says "
            f"{timestamp()}: set the clock that is wrong, then publish again."
        )
    if targets.expires > expiry(INSTITUTE_DAYS + 1):
        raise ClockWrong(
            f"The metadata of {namespace} is valid until {timestamp(targets.expires)}, longer than "
            f"{INSTITUTE_DAYS} days after the Root's clock ({timestamp()}): set the clock that is wrong."
        )


@contextmanager
def _as_refusal() -> Iterator[None]:
    try:
        yield
    except NotContinuous as error:
        raise HistoryChanged(f"{error} Sync, then publish again.") from error
    except ForeignRecord as error:
        raise OutsideNamespace(str(error)) from error
    except (BadSegment, BadRecord) as error:
        raise BadPublication(str(error)) from error


def _check_log(
    repository: Repository, state: Committed, publication: Publication, head: LogHead
) -> tuple[LogState, list[Placed]]:
    namespace = publication.namespace
    repository.logs.catch_up(namespace, repository.head(namespace, state))
    cursor = repository.logs.cursor(namespace)
    with _as_refusal():
        placed = [item for piece in publication.pieces for item in cursor.feed(piece)]
        return cursor.finish(head), placed


def _check_records(
    repository: Repository, publication: Publication, placed: list[Placed], check_card: CheckCard
) -> None:
    named: set[str] = set()
    for record in (item.record for item in placed):
        _check_moment(record)
        for file in record.files:
            named.add(file.sha256)
            _check_file(repository, publication, record, file.sha256, file.size)
        try:
            check_card(record)
        except JazariError as error:
            raise CardRefused(f"The card of {record.ref} is not valid: {error}") from error
    unnamed = publication.files.keys() - named
    if unnamed:
        raise BadPublication(f"The file {min(unnamed)[:12]} belongs to no record: publish again without it.")


def _check_moment(record: Record) -> None:
    if record.published > now() + CLOCK_TOLERANCE:
        raise ClockWrong(
            f"{record.ref} is dated {timestamp(record.published)} while the Root's clock says {timestamp()}: "
            "set the clock that is wrong, then publish again."
        )


def _check_file(repository: Repository, publication: Publication, record: Record, sha256: str, size: int) -> None:
    path = publication.files.get(sha256)
    present = path.stat().st_size == size if path is not None else has_blob(repository.targets, sha256, size)
    if not present:
        raise FileMissing(f"The file {sha256[:12]} of {record.ref} is not in the publication: publish it again.")


def _audit(publication: Publication, placed: list[Placed]) -> None:
    detail = {"version": publication.version, "records": [item.record.ref for item in placed]}
    namespace, digest = publication.namespace, publication.metadata_digest
    emit(AuditEvent("trust.publication-accepted", namespace, namespace, detail, digest))


def _commit(repository: Repository, publication: Publication, state: LogState, placed: list[Placed]) -> Receipt:
    namespace = publication.namespace
    for sha256, path in publication.files.items():
        size = path.stat().st_size
        keep_verified(repository.targets, path, sha256, size, move=publication.received)
    reached("acceptance.files-stored")
    repository.logs.write(namespace, publication.pieces)
    reached("acceptance.log-written")
    snapshot = repository.commit({namespace: (publication.version, publication.metadata)})
    repository.logs.index.add(namespace, state, placed)
    reached("acceptance.indexed")
    return _receipt(publication, snapshot)


def _receipt(publication: Publication, snapshot: int) -> Receipt:
    return Receipt(publication.namespace, publication.version, publication.metadata_digest, snapshot)
