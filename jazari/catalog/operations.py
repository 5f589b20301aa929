"""What a node does with cards and the catalogue: check one before publishing it, follow the network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from jazari.catalog.documents import read_document
from jazari.catalog.errors import UnreadableCard
from jazari.catalog.registry import CardContext, card_type, check_card, check_form
from jazari.core import clock
from jazari.core.audit import AuditEvent
from jazari.core.events import emit
from jazari.core.files import plain_os_errors
from jazari.core.identifiers import RecordRef, check_name
from jazari.federation import exchange
from jazari.federation.exchange import open_reader
from jazari.settings.home import Home
from jazari.trust.errors import RecordMissing, SourceUnavailable
from jazari.trust.records import Draft, FileRef, Record, make_record

_FIELDS = {"type", "name", "card", "files"}


def publish_draft(home: Home, draft: Draft, passphrase_file: Path | None = None) -> Record:
    """Check ``draft``, sign it and publish it in the node's own log; the record.

    The network is read first, since the card may speak of records that came just now; while the Root is away
    what is here must do, and the publication waits for it. The same draft again gives the record that is
    there. Raises ``CatalogError`` or what trust and federation raise; after a crash or a lost line it is safe
    to call again.
    """
    reader = open_reader(home)
    with suppress(SourceUnavailable):
        exchange.sync(home, reader)

    def find(ref: str) -> Record | None:
        try:
            return reader.record(ref)
        except RecordMissing:
            return None

    series = RecordRef(home.namespace, draft.type, draft.name, 1).series
    following = reader.logs.index.last_version(series) + 1
    check_draft(draft, RecordRef(home.namespace, draft.type, draft.name, following), find)
    (record,) = exchange.publish(home, [draft], passphrase_file)
    emit(AuditEvent("catalog.published", home.namespace, record.ref, {"digest": record.digest}))
    return record


def read_draft(path: Path) -> Draft:
    """The draft in a file ``{"type", "name", "card", "files"}``.

    ``files`` (optional) maps names in the record to paths, relative to the file's folder. Raises
    ``UnreadableCard``, ``CardRefused``, ``UnknownCardType`` or ``BadIdentifier``.
    """
    document = read_document(path)
    unknown = sorted(set(document) - _FIELDS)
    if unknown or not {"type", "name", "card"} <= set(document):
        raise UnreadableCard(f'{path} is no draft: write {{"type": ..., "name": ..., "card": {{...}}}}.')
    name, kind, card = document["name"], document["type"], document["card"]
    if not isinstance(name, str) or not isinstance(kind, str) or not isinstance(card, dict):
        raise UnreadableCard(f"{path} is no draft: type and name are texts and card is an object.")
    card_type(kind)
    check_name(name)
    check_form(kind, card)
    return Draft(kind, name, card, _files(document.get("files", {}), path))


def _files(value: Any, path: Path) -> dict[str, Path]:
    if not isinstance(value, dict) or not all(isinstance(item, str) and item for item in value.values()):
        raise UnreadableCard(f"{path} is no draft: files maps each name to a path.")
    return {name: path.parent / item for name, item in value.items()}


def check_draft(draft: Draft, ref: RecordRef, find: Callable[[str], Record | None]) -> None:
    """Check a draft as the Root will when it becomes ``ref``, so that what it would refuse is never signed.

    ``find`` gives an accepted record by its reference. Reads the draft's files where its type has a check.
    """
    check_form(draft.type, draft.card)
    if card_type(draft.type).check is None:
        return
    files = tuple(_file_ref(name, path) for name, path in draft.files.items())
    check_card(make_record(ref, draft, clock.now(), files), CardContext(find=find))


def _file_ref(name: str, path: Path) -> FileRef:
    with plain_os_errors(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileRef(name=name, sha256=digest, size=file.tell())
