"""A node's own dealings with the network: read what was published, publish, for a Root and an institute alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from jazari.core import events
from jazari.federation import operations, root_node
from jazari.federation.client import RootClient
from jazari.federation.cut_off import ROOT, SENTENCE, what_is_cut
from jazari.federation.errors import RootCutOff
from jazari.federation.invitation import network_of
from jazari.federation.network_events import NetworkSynced
from jazari.settings.home import Home
from jazari.settings.network import NetworkFile
from jazari.trust.errors import SourceUnavailable
from jazari.trust.http_source import HttpSource
from jazari.trust.keys import Signer
from jazari.trust.publication import Publication, Receipt
from jazari.trust.publishing import Publisher
from jazari.trust.reading import Reader, RefreshReport
from jazari.trust.records import Draft, Record
from jazari.trust.sources import FolderSource


def open_reader(home: Home) -> Reader:
    """The reader of ``home``'s mirror: from the Root over HTTPS, or at the Root from its own repository."""
    network = network_of(home)
    source = FolderSource(home.repository) if home.is_root else _RootSource(home, network)
    return Reader(home.mirror, source, network.trusted_root_bytes)


def open_mirror(home: Home) -> Reader:
    """A reader of what ``home`` has verified and keeps. It can fetch nothing, so that a page never waits for a line."""
    return Reader(home.mirror, FolderSource(home.mirror), network_of(home).trusted_root_bytes)


def root_client(home: Home, signer: Signer | None = None) -> RootClient:
    """A client of the Root for ``home``; with ``signer``, its publishing key, also for what is signed.

    Raises ``RootCutOff`` at every call while a drill keeps this node from the Root.
    """
    return RootClient(network_of(home), home.namespace, signer, partial(_check_line, home))


def _check_line(home: Home) -> None:
    if what_is_cut(home) == ROOT:
        raise RootCutOff(SENTENCE)


class _RootSource(HttpSource):
    """The Root's repository, of which nothing is read while a drill keeps ``home`` from the Root."""

    def __init__(self, home: Home, network: NetworkFile) -> None:
        super().__init__(f"{network.root_url}/repository", network.tls_certificate_pem)
        self._home = home

    def _range(self, path: str, start: int, length: int | None) -> Iterator[bytes]:
        self._check()
        for chunk in super()._range(path, start, length):
            self._check()
            yield chunk

    def _check(self) -> None:
        if what_is_cut(self._home) == ROOT:
            raise SourceUnavailable(SENTENCE)


def sync(home: Home, reader: Reader | None = None) -> RefreshReport:
    """Bring the mirror up to date and tell everybody who keeps something derived from it."""
    reader = reader or open_reader(home)
    report = reader.refresh()
    events.emit(NetworkSynced(home, reader, report))
    return report


def publish(
    home: Home, drafts: Sequence[Draft], passphrase_file: Path | None = None, signer: Signer | None = None
) -> tuple[Record, ...]:
    """Publish ``drafts`` together in the node's own log; their records.

    Survives a crash at any point: run again, everything is published exactly once.
    """
    signer = signer or root_node.open_key(home.publishing_key, passphrase_file)
    with closing(_Upload(home, signer)) as upload:
        return _publisher(home, signer).publish(drafts, upload)


def resume(home: Home, signer: Signer) -> int:
    """Send what an earlier ``publish`` prepared and could not send, and renew the log before it expires.

    How many records that published.
    """
    publisher = _publisher(home, signer)
    with closing(_Upload(home, signer)) as upload:
        resumed = publisher.resume(upload) if publisher.waiting else ()
        publisher.renew(upload)
    return len(resumed)


def _publisher(home: Home, signer: Signer) -> Publisher:
    return Publisher(home.log, home.namespace, [signer], open_reader(home))


class _Upload:
    """The way to the Root, opened when first used: HTTPS, or at the Root itself straight into the repository."""

    def __init__(self, home: Home, signer: Signer) -> None:
        self._home = home
        self._signer = signer
        self._client: RootClient | None = None

    def __call__(self, publication: Publication) -> Receipt:
        if self._home.is_root:
            repository = root_node.writable_repository(self._home)
            return operations.accept_publication(repository, self._home.namespace, publication)
        if self._client is None:
            self._client = root_client(self._home, self._signer)
        return self._client.publish(publication)

    def close(self) -> None:
        """Close the connection, if one was opened."""
        if self._client is not None:
            self._client.close()
