"""The node in a home folder, as operations on studies need it: verified records, and a way to publish."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from jazari.catalog.models import CatalogItem
from jazari.federation import exchange, root_node
from jazari.settings.home import Home
from jazari.studies.operations import Here
from jazari.trust.directory import Directory
from jazari.trust.keys import Signer, key_id
from jazari.trust.reading import Reader
from jazari.trust.records import Draft, Record


class CatalogRecords:
    """``overview.Records`` over the catalogue's index, which holds only what the reader verified."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def get(self, reference: str) -> Record | None:
        """The record of this version, or None; one whose card this node cannot read does not count."""
        item = CatalogItem.objects.filter(ref=reference, problem="").first()
        return item.as_record() if item else None

    def of(self, kind: str, *, namespace: str = "", name: str = "") -> list[Record]:
        """All versions of all records of a type, oldest first."""
        items = CatalogItem.objects.filter(type=kind, problem="")
        if namespace:
            items = items.filter(namespace=namespace)
        if name:
            items = items.filter(series__endswith=f"/{kind}/{name}")
        return [item.as_record() for item in items.order_by("published", "ref", "version")]

    def is_withdrawn(self, reference: str) -> bool:
        """Whether its author has withdrawn it."""
        return CatalogItem.objects.filter(ref=reference).exclude(withdrawn_by="").exists()

    def steward_keys(self, namespace: str) -> Collection[str]:
        """The ids of the keys whose decisions count: those of an institute that is admitted now."""
        entry = self._reader.directory().entries.get(namespace)
        return [key_id(key) for key in entry.steward_keys] if entry and entry.status == "active" else []


@dataclass(frozen=True)
class Node(Here):
    """A node with its home and its reader."""

    home: Home
    reader: Reader

    def sync(self) -> None:
        """Fetch and verify what is new, and bring everything that follows from it up to date."""
        exchange.sync(self.home, self.reader)

    def file(self, record: Record, name: str) -> Path:
        """A file of a record, fetched if need be and checked against the signed record."""
        return self.reader.file(record, name)


def open_here(path: Path, passphrase_file: Path | None = None, signer: Signer | None = None) -> Node:
    """The node at ``path``, whose database is ready. The publishing key is opened only to publish.

    Raises ``HomeMissing`` or ``NotAdmitted``.
    """
    home = Home.open(path)
    reader = exchange.open_reader(home)

    def publish(drafts: Sequence[Draft]) -> Sequence[Record]:
        records = exchange.publish(home, drafts, passphrase_file, signer)
        exchange.sync(home, reader)
        return records

    def publishing_signer() -> Signer:
        return signer or root_node.open_key(home.publishing_key, passphrase_file)

    def directory() -> Directory:
        return reader.directory()

    return Node(
        namespace=home.namespace,
        records=CatalogRecords(reader),
        directory=directory,
        publish=publish,
        signer=publishing_signer,
        engine_folder=home.engine,
        home=home,
        reader=reader,
    )
