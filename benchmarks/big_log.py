"""A network whose institute has published many records already, and one publication more."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.network import Network, network
from jazari.federation import exchange, operations, root_node
from jazari.nodes import wiring
from jazari.settings.home import Home
from jazari.trust.acceptance import accept
from jazari.trust.http_source import HttpSource
from jazari.trust.keys import Signer
from jazari.trust.publication import Publication, PublicationReceiver, Receipt
from jazari.trust.publishing import Publisher
from jazari.trust.reading import Reader
from jazari.trust.records import Draft

INSTITUTE = "rabat"
BATCH = 2_000


def card(number: int) -> dict[str, object]:
    """A dataset card of an ordinary size: about 2 kB, of which some 300 bytes are like no other card's."""
    unlike = " ".join(hashlib.sha256(f"{number}.{place}".encode()).hexdigest() for place in range(8))
    variables = [
        {"name": f"measure_{place}", "kind": "numeric", "unit": "mg/kg", "levels": [], "lower": 0.0,
         "upper": 100.0 + place, "missing": [0.0], "description": {"fr": f"Mesure {place} du lieu {number}"}}
        for place in range(6)
    ]  # fmt: skip
    return {
        "title": {"fr": f"Analyses de sol, campagne {number}", "ar": f"تحاليل التربة {number}"},
        "description": {"fr": f"Un relevé par lieu, là où il existe. {unlike}"},
        "keywords": ["soil", "sol", "تربة"],
        "variables": variables,
        "subject": [],
        "rows": 1000 + number,
        "subjects": 1000 + number,
        "floor": 10,
        "quality": [],
        "licence": {"name": "CC-BY-4.0", "url": None},
        "terms": {"fr": "Études d'agronomie publique."},
        "citation": None,
    }


def draft(number: int) -> Draft:
    """Something to publish that was not published before."""
    return Draft("dataset", f"soil-{number}", card(number))


@dataclass(frozen=True)
class Measured:
    """One publication: seconds and bytes at the institute, the Root and the reader.

    ``institute_bytes`` are sent, ``root_bytes`` written, ``reader_bytes`` received.
    """

    institute_seconds: float
    institute_bytes: int
    root_seconds: float
    root_bytes: int
    reader_seconds: float
    reader_bytes: int
    https_seconds: float


class BigLog:
    """One network that holds ``size`` records before the first ``publish_one``."""

    def __init__(self, made: Network, size: int) -> None:
        self.size, self._made, self._next = size, made, 0
        self._home, self._root = Home.open(made.home(INSTITUTE)), Home.open(made.root)
        self._signer: Signer = root_node.open_key(self._home.publishing_key)
        invitation = made.invitation
        source = HttpSource(f"{invitation.root_url}/repository", invitation.tls_certificate_pem)
        self.reader = Reader(made.folder / "outsider", source, invitation.trusted_root_bytes)
        self._publisher = Publisher(self._home.log, INSTITUTE, [self._signer])

    def fill(self) -> float:
        """Publish ``size`` records in large batches, accepted here without looking at the cards; seconds."""
        started = time.perf_counter()
        repository = root_node.writable_repository(self._root)

        def upload(publication: Publication) -> Receipt:
            return accept(repository, publication, lambda _record: None).receipt

        while self._next < self.size:
            count = min(BATCH, self.size - self._next)
            self._publisher.publish([draft(self._next + place) for place in range(count)], upload)
            self._next += count
        return time.perf_counter() - started

    def read_all(self) -> tuple[float, int]:
        """Seconds and bytes of a reader that has nothing yet."""
        started = time.perf_counter()
        report = self.reader.refresh()
        return time.perf_counter() - started, report.bytes_downloaded

    def publish_one(self) -> Measured:
        """One publication with the Root's part in this process, one by HTTPS; a reader follows each."""
        uploaded = _Upload(self._root)
        started = time.perf_counter()
        self._publisher.publish([self._draft()], uploaded)
        total = time.perf_counter() - started
        reader_seconds, reader_bytes = self.read_all()
        started = time.perf_counter()
        exchange.publish(self._home, [self._draft()], signer=self._signer)
        https = time.perf_counter() - started
        again, _ = self.read_all()
        return Measured(
            institute_seconds=total - uploaded.seconds,
            institute_bytes=uploaded.sent,
            root_seconds=uploaded.seconds,
            root_bytes=uploaded.written,
            reader_seconds=(reader_seconds + again) / 2,
            reader_bytes=reader_bytes,
            https_seconds=https,
        )

    def _draft(self) -> Draft:
        self._next += 1
        return draft(self._next)


class _Upload:
    """The Root's part of one publication, timed: taking the body apart, every check, the commit."""

    def __init__(self, root: Home) -> None:
        self._root = root
        self.seconds, self.sent, self.written = 0.0, 0, 0

    def __call__(self, publication: Publication) -> Receipt:
        body = b"".join(publication.chunks())
        started = time.perf_counter()
        receiver = PublicationReceiver(self._root.run / "benchmark")
        receiver.write(body)
        repository = root_node.writable_repository(self._root)
        receipt = operations.accept_publication(repository, publication.namespace, receiver.finish())
        self.seconds, self.sent = time.perf_counter() - started, len(body)
        names = (f"{receipt.version}.{receipt.namespace}.json", f"{receipt.snapshot}.snapshot.json", "timestamp.json")
        metadata = sum((repository.metadata / name).stat().st_size for name in names)
        self.written = metadata + sum(len(piece.data) for piece in publication.pieces)
        return receipt


@contextmanager
def big_log(size: int) -> Iterator[BigLog]:
    """A network of one institute with so many records; its Root serves HTTPS from a process of its own."""
    wiring.connect()
    with network([INSTITUTE], parts=("web",)) as made:
        yield BigLog(made, size)
