"""How an institute publishes: prepare, keep, send, and only then count it as published.

After a crash at any point, publishing again (or ``resume``) ends with every record published exactly once.
Publishers that share a folder take turns by a lock; a publisher elsewhere with the same key is noticed as a
``VersionConflict``, and what it published is fetched before trying again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from jazari.core.audit import AuditEvent
from jazari.core.clock import now
from jazari.core.errors import JazariError
from jazari.core.events import emit
from jazari.core.files import locked
from jazari.core.identifiers import RecordRef, check_namespace
from jazari.trust.blobs import keep_copy
from jazari.trust.chain import LogState
from jazari.trust.errors import ClockWrong, NotContinuous, NotKept, PublicationRefused, VersionConflict
from jazari.trust.log_store import LogStore, renamed
from jazari.trust.log_writer import LogWriter
from jazari.trust.metadata import INSTITUTE_DAYS, LogHead, institute_metadata, parse
from jazari.trust.outbox import Item, Outbox, Pending, items_digest
from jazari.trust.publication import Publication, Receipt
from jazari.trust.records import Draft, FileRef, Record, make_record
from jazari.trust.steps import reached
from jazari.trust.tuf_types import Signer, Targets

Upload = Callable[[Publication], Receipt]
"""Sends a publication to the Root. It raises ``PublicationRefused`` (or a subclass) when sending it again is
useless, ``VersionConflict`` when another one came first, anything else when it may be tried again later."""

ATTEMPTS = 8
"""Each attempt that is lost is one that another publisher won."""


class PublishedLog(Protocol):
    """What is known of the network's view of the log (a ``Reader``), for recovery."""

    @property
    def logs(self) -> LogStore:
        """The verified logs."""

    def refresh(self) -> object:
        """Fetch what is new."""

    def head(self, namespace: str) -> LogHead:
        """The verified end of a log."""


class Publisher:
    """Publishes in ``namespace`` from ``folder``, signing with all of ``signers`` (the threshold of them).

    ``reader`` is used only to recover: after the folder was lost, or when somebody else published.
    """

    def __init__(
        self, folder: Path, namespace: str, signers: Sequence[Signer], reader: PublishedLog | None = None
    ) -> None:
        self.folder = folder
        self.namespace = check_namespace(namespace)
        self.logs = LogStore(folder, folder / "index.sqlite3")
        self._signers = signers
        self._reader = reader
        self._outbox = Outbox(folder / "outbox", folder)

    @property
    def head(self) -> LogHead:
        """The end of the log as this publisher knows it; version 1 is the empty log of the admission."""
        return self._state().head

    def publish(self, drafts: Sequence[Draft], upload: Upload) -> tuple[Record, ...]:
        """Publish ``drafts`` together and return their records, in order.

        A draft that says exactly what the newest version of its series says is published already: its
        record is returned and nothing is sent for it, so that repeating a command is harmless. What cannot
        be sent waits for ``resume``; while something waits already, ``NotKept`` says that this does not.
        """
        with self._turn():
            reached("publisher.started")
            items = tuple(self._keep(draft) for draft in drafts)
            reached("publisher.files-kept")
            waiting = self._outbox.get()
            if waiting is not None:
                same = items_digest(waiting.items) == items_digest(items)
                refs = self._send(waiting, upload) if same else self._send_first(waiting, upload)
                if same:
                    return self._records(refs)
            refs = self._publish(items, upload)
            return self._records(refs)

    def resume(self, upload: Upload) -> tuple[Record, ...]:
        """Send what an earlier call prepared and could not finish; returns its records."""
        with self._turn():
            waiting = self._outbox.get()
            return self._records(self._send(waiting, upload)) if waiting else ()

    @property
    def waiting(self) -> bool:
        """Whether something prepared has not reached the Root yet."""
        return self._outbox.get() is not None

    def renew(self, upload: Upload, *, force: bool = False) -> bool:
        """Sign the log again before its metadata expires (at half its life); returns whether it did."""
        with self._turn():
            expires = self.logs.index.fact("expires")
            limit = now() + timedelta(days=INSTITUTE_DAYS / 2)
            if not force and expires and datetime.fromisoformat(expires) > limit:
                return False
            waiting = self._outbox.get() or self._prepare(())
            self._send(waiting, upload)
            return True

    def prepare_rotation(self, new_signers: Sequence[Signer]) -> bytes:
        """The log's metadata, next version and same content, signed by the new keys, for the board.

        Nothing may be published between this and the end of the ceremony.
        """
        with self._turn():
            if self._reader is not None:
                self._recover()
            head = self.head
            following = LogHead(head.version + 1, head.segment, head.length, head.sha256, head.records)
            return institute_metadata(self.namespace, following, new_signers)

    def recover(self) -> LogHead:
        """Take over the log as the network knows it (after a restore, a rotation or a conflict)."""
        with self._turn():
            self._recover()
            return self.head

    def _turn(self) -> AbstractContextManager[None]:
        return locked(self.folder / "lock", f"Another publication of {self.namespace}", 60.0)

    def _state(self) -> LogState:
        state = self.logs.index.state(self.namespace)
        return state if state.head.version else LogState(LogHead(1))

    def _keep(self, draft: Draft) -> Item:
        files = []
        for name, path in draft.files.items():
            sha256, size = keep_copy(self.folder, path)
            media_type = draft.media_types.get(name, "application/octet-stream")
            files.append(FileRef(name=name, sha256=sha256, size=size, media_type=media_type))
        return Item(draft.type, draft.name, draft.card, tuple(files))

    def _publish(self, items: Sequence[Item], upload: Upload) -> tuple[str, ...]:
        known = {index: ref for index, item in enumerate(items) if (ref := self._published(item))}
        new = [item for index, item in enumerate(items) if index not in known]
        if not new:
            return tuple(known.values())
        refs = iter(self._send(self._prepare(new), upload))
        return tuple(known.get(index) or next(refs) for index in range(len(items)))

    def _published(self, item: Item) -> str:
        series = f"{self.namespace}/{item.type}/{item.name}"
        if self.logs.index.last_content(series) != item.content:
            return ""
        return f"{series}@{self.logs.index.last_version(series)}"

    def _prepare(self, items: Sequence[Item]) -> Pending:
        state = self._state()
        records = self._number(items)
        stored = self.logs.stored(self.namespace, state.head.segment, state.head.length)
        writer = LogWriter(self.namespace, state, stored)
        writer.append([record.to_line() for record in records])
        following, pieces = writer.result(state.head.version + 1)
        metadata = institute_metadata(self.namespace, following.head, self._signers)
        refs = tuple(record.ref for record in records)
        pending = Pending(tuple(items), refs, following, metadata, tuple(pieces))
        self._outbox.put(pending)
        reached("publisher.prepared")
        return pending

    def _number(self, items: Sequence[Item]) -> list[Record]:
        versions: dict[str, int] = {}
        records, moment = [], now()
        for item in items:
            series = f"{self.namespace}/{item.type}/{item.name}"
            version = (versions.get(series) or self.logs.index.last_version(series)) + 1
            versions[series] = version
            ref = RecordRef(self.namespace, item.type, item.name, version)
            draft = Draft(item.type, item.name, item.card)
            records.append(make_record(ref, draft, moment, item.files))
        return records

    def _send(self, pending: Pending, upload: Upload) -> tuple[str, ...]:
        for attempt in range(ATTEMPTS):
            publication = pending.publication(self.namespace, self.folder)
            try:
                receipt = upload(publication)
            except ClockWrong:
                if attempt:
                    self._outbox.clear()
                    raise
                # What waited was dated by a clock that has been set since.
                pending = self._prepare(pending.items)
                continue
            except PublicationRefused:
                self._outbox.clear()
                raise
            except VersionConflict:
                if self._reader is None or attempt + 1 == ATTEMPTS:
                    raise
                pending = self._rebase(pending)
                continue
            reached("publisher.received")
            self._commit(pending, publication, receipt)
            return pending.refs
        raise AssertionError("unreachable")

    def _send_first(self, waiting: Pending, upload: Upload) -> tuple[str, ...]:
        try:
            return self._send(waiting, upload)
        except (PublicationRefused, VersionConflict):
            raise
        except JazariError as error:
            raise NotKept(
                f"An earlier publication of {self.namespace} still waits, and this one was not kept: publish it "
                f"again later. {error}"
            ) from error

    def _rebase(self, pending: Pending) -> Pending:
        """Prepare the same items again after what somebody else published."""
        self._recover()
        return self._prepare(pending.items)

    def _commit(self, pending: Pending, publication: Publication, receipt: Receipt) -> None:
        expected = (self.namespace, pending.state.head.version, publication.metadata_digest)
        if (receipt.namespace, receipt.version, receipt.metadata) != expected:
            raise VersionConflict("The Root's receipt is for another publication: sync, then publish again.")
        if self.head != pending.state.head:
            self._append(pending)
        detail = {"records": list(pending.refs), "snapshot": receipt.snapshot}
        # Before the outbox forgets it: where the trail cannot be written now, all this is done again later.
        emit(AuditEvent("trust.published", self.namespace, str(receipt.version), detail, receipt.metadata))
        self._outbox.clear()
        reached("publisher.cleared")

    def _append(self, pending: Pending) -> None:
        cursor = self.logs.cursor(self.namespace, self._state())
        placed = [item for piece in pending.pieces for item in cursor.feed(piece)]
        cursor.finish(pending.state.head)
        self.logs.write(self.namespace, pending.pieces)
        reached("publisher.log-written")
        self.logs.index.add(self.namespace, pending.state, placed)
        expires = parse(Targets, pending.metadata, "The prepared metadata").signed.expires
        self.logs.index.remember("expires", expires.isoformat())
        reached("publisher.indexed")

    def _records(self, refs: Sequence[str]) -> tuple[Record, ...]:
        return tuple(self.logs.find(ref) for ref in refs)

    def _recover(self) -> None:
        if self._reader is None:
            raise VersionConflict("This log moved on elsewhere: run `jazari sync`, then publish again.")
        self._reader.refresh()
        head = self._reader.head(self.namespace)
        if head.version > self._state().head.version:
            self._take_over(self._reader.logs, head)

    def _take_over(self, source: LogStore, head: LogHead) -> None:
        """Copy the verified segments that are new to us; start over if ours is another history."""
        state = self._state()
        if state.head.same_content(head):
            self.logs.index.add(self.namespace, renamed(state, head), ())
            return
        try:
            self._continue(source, state.head, head)
        except NotContinuous:
            self.logs.index.cut(self.namespace, LogState(LogHead(0)))
            self._copy(source, LogHead(0), head)

    def _continue(self, source: LogStore, known: LogHead, head: LogHead) -> None:
        if (head.segment, head.length) < (known.segment, known.length):
            # Revoked, frozen earlier and admitted again: the board decided where the log goes on.
            self.logs.cut(self.namespace, head)
        else:
            self._copy(source, known, head)

    def _copy(self, source: LogStore, start: LogHead, head: LogHead) -> None:
        self.logs.write(self.namespace, source.pieces(self.namespace, start, head))
        self.logs.catch_up(self.namespace, head)
