"""A small real network for tests: real keys, ceremonies, repository and logs; only HTTP is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jazari.core.clock import now
from jazari.trust.acceptance import accept
from jazari.trust.ceremonies.ceremony_file import CeremonyFile
from jazari.trust.ceremonies.finishing import finish_ceremony
from jazari.trust.ceremonies.proposals import create_network, propose_admission
from jazari.trust.ceremonies.requests import AdmissionRequest, make_admission_request
from jazari.trust.ceremonies.signing import sign_ceremony
from jazari.trust.directory import DirectoryEntry
from jazari.trust.keys import generate_key, load_signer, public_key
from jazari.trust.publication import Publication, PublicationReceiver, Receipt
from jazari.trust.publishing import Publisher
from jazari.trust.reading import Reader
from jazari.trust.records import Draft, Record
from jazari.trust.repository import Repository
from jazari.trust.sources import FolderSource, Source
from jazari.trust.tuf_types import CryptoSigner


def any_card(_record: Record) -> None:
    """A validator that accepts every card."""


def draft(name: str = "soil", kind: str = "dataset", files: dict[str, Path] | None = None, **card: Any) -> Draft:
    """A draft with a small card."""
    return Draft(kind, name, card or {"title": {"en": name}}, files or {})


class World:
    """A network in ``path`` with a board of three (2 needed), the Root's node and some institutes."""

    def __init__(self, path: Path, institutes: Sequence[str] = ("dakhla", "fes")) -> None:
        self.path = path
        self.signers: dict[str, CryptoSigner] = {}
        for name in ("amina", "brahim", "chama", "snapshot", "timestamp", "network", *institutes):
            self.new_key(name)
        self.board = ["amina", "brahim", "chama"]
        self.repository = self.open_repository()
        self.found()
        if institutes:
            self.admit(*institutes)

    def new_key(self, name: str) -> CryptoSigner:
        """A new plain key called ``name``."""
        generate_key(self.path / "keys" / f"{name}.pem", None)
        self.signers[name] = load_signer(self.path / "keys" / f"{name}.pem")
        return self.signers[name]

    def public(self, name: str) -> dict[str, Any]:
        """The public key called ``name``."""
        return public_key(self.signers[name])

    def open_repository(self) -> Repository:
        """Another object for the same repository, as after a restart."""
        return Repository(self.path / "root", self.signers["snapshot"], self.signers["timestamp"])

    def entry(self, namespace: str, key: str | None = None, **changes: Any) -> DirectoryEntry:
        """A directory entry of ``namespace`` with the key of the same name (or ``key``)."""
        values: dict[str, Any] = {
            "namespace": namespace,
            "titles": {"fr": f"Institut {namespace}"},
            "region": namespace,
            "publishing_keys": [self.public(key or namespace)],
            "admitted": now(),
        }
        return DirectoryEntry(**(values | changes))

    def request(self, namespace: str) -> AdmissionRequest:
        """The admission request of ``namespace``."""
        return make_admission_request(self.entry(namespace), [self.signers[namespace]])

    def found(self) -> None:
        """Create the network."""
        file = create_network(
            "Jazari",
            [self.public(name) for name in self.board],
            2,
            snapshot_key=self.public("snapshot"),
            timestamp_key=self.public("timestamp"),
            node=self.request("network"),
        )
        self.finish(file)

    def admit(self, *namespaces: str) -> None:
        """Admit institutes in one ceremony."""
        self.finish(propose_admission(self.repository, [self.request(name) for name in namespaces]))

    def signed(self, file: CeremonyFile, *signers: str) -> Path:
        """The ceremony file signed by board members in turn."""
        path = file.write(self.path / "ceremony.json")
        for name in signers or ("amina", "chama"):
            sign_ceremony(path, self.signers[name])
        return path

    def finish(self, file: CeremonyFile, *signers: str) -> None:
        """Sign and finish a ceremony."""
        finish_ceremony(self.repository, [self.signed(file, *signers)])

    @property
    def trusted_root(self) -> bytes:
        """The pinned root metadata."""
        return self.repository.root_bytes(1)

    def upload(self, publication: Publication) -> Receipt:
        """Accept a publication after it travelled as bytes."""
        return accept(self.repository, self.travelled(publication), any_card).receipt

    def travelled(self, publication: Publication) -> Publication:
        """The publication as the Root receives it."""
        folder = self.path / "spool" / str(len(list((self.path / "spool").glob("*"))))
        receiver = PublicationReceiver(folder)
        for chunk in publication.chunks():
            receiver.write(chunk)
        return receiver.finish()

    def publisher(self, namespace: str, folder: str = "", reader: Reader | None = None) -> Publisher:
        """The publisher of ``namespace`` with its folder."""
        place = self.path / "homes" / (folder or namespace) / "log"
        return Publisher(place, namespace, [self.signers[namespace]], reader)

    def publish(self, namespace: str, *drafts: Draft) -> tuple[Record, ...]:
        """Publish ``drafts`` (one small one by default)."""
        return self.publisher(namespace).publish(drafts or (draft(),), self.upload)

    def source(self) -> Source:
        """The Root's repository as a folder."""
        return FolderSource(self.path / "root")

    def reader(self, name: str = "reader", source: Source | None = None) -> Reader:
        """A reader with its own mirror."""
        return Reader(self.path / "mirrors" / name, source or self.source(), self.trusted_root)


def at(moment: datetime, action: Callable[[], Any]) -> Any:
    """What ``action`` returns when the clock says ``moment``."""
    from jazari.core.clock import frozen

    with frozen(moment):
        return action()
