"""A network in memory for tests of slices above trust: real keys, real records, real card checks, no transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jazari.catalog.registry import CardContext, check_card
from jazari.core import clock
from jazari.core.identifiers import RecordRef
from jazari.studies.operations import Here
from jazari.trust.directory import Directory, DirectoryEntry
from jazari.trust.keys import Signer, generate_key, key_id, load_signer
from jazari.trust.records import Draft, FileRef, Record, make_record


@dataclass(frozen=True)
class _Node(Here):
    """An institute whose files come from the network in memory."""

    network: MemoryNetwork

    def file(self, record: Record, name: str) -> Path:
        """The bytes of a record's file, in the institute's own folder."""
        path = self.network.folder / self.namespace / "files" / f"{record.digest[7:19]}-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.network.file(record, name))
        return path


class MemoryNetwork:
    """Institutes with publishing and steward keys, and one list of accepted records. Implements ``Records``."""

    def __init__(self, folder: Path, namespaces: Sequence[str]) -> None:
        self.folder = folder
        self.records: list[Record] = []
        self.files: dict[str, bytes] = {}
        self.stewards: dict[str, Signer] = {}
        entries = {name: self._admit(name) for name in ("network", *namespaces)}
        self.directory = Directory(network_name="Test network", root="network", entries=entries)

    def _admit(self, namespace: str) -> DirectoryEntry:
        keys = self.folder / namespace / "keys"
        publishing = generate_key(keys / "publishing.pem", None)
        steward = generate_key(keys / "steward.pem", None)
        self.stewards[namespace] = load_signer(keys / "steward.pem", None)
        return DirectoryEntry(
            namespace=namespace,
            titles={"en": namespace.title()},
            publishing_keys=[publishing.key],
            steward_keys=[steward.key],
            admitted=clock.now(),
        )

    def here(self, namespace: str) -> Here:
        """The node of one institute."""
        return _Node(
            namespace=namespace,
            records=self,
            directory=lambda: self.directory,
            publish=lambda drafts: self.publish(namespace, drafts),
            signer=lambda: load_signer(self.folder / namespace / "keys" / "publishing.pem", None),
            engine_folder=self.folder / namespace / "engine",
            network=self,
        )

    def publish(self, namespace: str, drafts: Sequence[Draft]) -> list[Record]:
        """Append records to the institute's log, as the Root would: refused cards change nothing."""
        accepted = [self._accept(namespace, draft) for draft in drafts]
        self.records += accepted
        return accepted

    def _accept(self, namespace: str, draft: Draft) -> Record:
        versions = self.of(draft.type, namespace=namespace, name=draft.name)
        ref = RecordRef(namespace, draft.type, draft.name, len(versions) + 1)
        record = make_record(ref, draft, clock.now(), tuple(self._keep(draft, name) for name in draft.files))
        check_card(record, CardContext(find=self.get, directory=self.directory))
        return record

    def _keep(self, draft: Draft, name: str) -> FileRef:
        import hashlib

        data = draft.files[name].read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        self.files[sha256] = data
        media_type = draft.media_types.get(name, "application/octet-stream")
        return FileRef(name=name, sha256=sha256, size=len(data), media_type=media_type)

    def file(self, record: Record, name: str) -> bytes:
        """The bytes of a record's file."""
        found = record.file(name)
        assert found is not None
        return self.files[found.sha256]

    # What ``jazari.studies.overview.Records`` asks for.
    def get(self, reference: str) -> Record | None:
        """The record of this version, or None."""
        return next((record for record in self.records if record.ref == reference), None)

    def of(self, kind: str, *, namespace: str = "", name: str = "") -> list[Record]:
        """All versions of all records of a type, oldest first."""
        return [
            r for r in self.records
            if r.type == kind and namespace in ("", r.namespace) and name in ("", r.name)
        ]  # fmt: skip

    def is_withdrawn(self, reference: str) -> bool:
        """Whether its author has withdrawn it."""
        return any(record.card["withdraws"] == reference for record in self.of("withdrawal"))

    def steward_keys(self, namespace: str) -> list[str]:
        """The ids of the keys whose decisions count."""
        entry = self.directory.entries.get(namespace)
        return [key_id(key) for key in entry.steward_keys] if entry and entry.status == "active" else []
