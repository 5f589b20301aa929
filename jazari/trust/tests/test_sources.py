"""Sources: what carries the bytes, over real HTTP and TLS and from folders, under one contract."""

from __future__ import annotations

import datetime
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError

from jazari.trust.downloads import download_file, download_range
from jazari.trust.errors import BadDownload, SourceUnavailable
from jazari.trust.http_source import HttpSource, pinned_tls
from jazari.trust.sources import FolderSource, Source, SourceFetcher, SourceMissing
from jazari.trust.tests.web import WebFolder

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "served/targets").mkdir(parents=True)
    (tmp_path / "served/targets/a.bin").write_bytes(CONTENT)
    return tmp_path / "served"


@pytest.fixture
def server(folder: Path) -> Iterator[WebFolder]:
    web = WebFolder(folder)
    yield web
    web.close()


@pytest.fixture(params=["folder", "http", "http without ranges"])
def source(request: pytest.FixtureRequest, folder: Path, server: WebFolder) -> Source:
    if request.param == "folder":
        return FolderSource(folder)
    server.ranges = request.param == "http"
    return HttpSource(server.url)


class TestEverySource:
    """The contract: any part of a file, exactly; missing and unreachable are told apart."""

    @pytest.mark.parametrize(
        ("start", "length"), [(0, None), (0, 10), (5, None), (5, 7), (0, 0), (10_239, 1), (10_230, 100), (0, 10**9)]
    )
    def test_any_part(self, source: Source, start: int, length: int | None) -> None:
        stop = None if length is None else start + length
        assert b"".join(source.open("targets/a.bin", start, length)) == CONTENT[start:stop]
        assert source.bytes_read == len(CONTENT[start:stop])

    def test_past_the_end_there_is_nothing(self, source: Source) -> None:
        assert b"".join(source.open("targets/a.bin", len(CONTENT))) == b""

    def test_a_missing_file(self, source: Source) -> None:
        for path in ("targets/b.bin", "targets"):
            with pytest.raises(SourceMissing):
                list(source.open(path))

    def test_nothing_outside_is_reached(self, source: Source, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("x")
        with pytest.raises(SourceUnavailable):
            list(source.open("targets/../../secret"))

    def test_a_download_is_what_was_signed(self, source: Source, tmp_path: Path) -> None:
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        target = tmp_path / "got/a.bin"
        assert download_file(source, "targets/a.bin", target, sha256, len(CONTENT)).read_bytes() == CONTENT
        with pytest.raises(BadDownload):
            download_file(source, "targets/a.bin", target, "0" * 64, len(CONTENT))
        with pytest.raises(SourceUnavailable, match="shorter"):
            download_file(source, "targets/a.bin", tmp_path / "b", sha256, len(CONTENT) + 1)

    def test_a_range_is_what_was_asked(self, source: Source, tmp_path: Path) -> None:
        data = download_range(source, "targets/a.bin", (100, 300), tmp_path / "p", lambda data: len(data) == 200)
        assert data == CONTENT[100:300]
        assert not (tmp_path / "p").exists()


def test_the_fetcher_reports_as_tuf_expects(server: WebFolder, tmp_path: Path) -> None:
    fetcher = SourceFetcher(HttpSource(server.url), parts=tmp_path / "parts")
    assert fetcher.download_bytes("source:targets/a.bin", len(CONTENT)) == CONTENT
    with pytest.raises(DownloadLengthMismatchError):
        fetcher.download_bytes("source:targets/a.bin", len(CONTENT) - 1)
    with pytest.raises(DownloadHTTPError) as caught:
        fetcher.download_bytes("source:targets/b.bin", 10)
    assert caught.value.status_code == 404
    server.down = True
    with pytest.raises(DownloadError):
        fetcher.download_bytes("source:targets/a.bin", len(CONTENT))


def test_the_fetcher_resumes_targets_and_drops_poison(server: WebFolder, tmp_path: Path) -> None:
    fetcher = SourceFetcher(HttpSource(server.url), parts=tmp_path / "parts")
    url = "source:targets/a.bin"
    server.cut_after["targets/a.bin"] = 4000
    with pytest.raises(DownloadError), fetcher.download_file(url, len(CONTENT)):
        pass
    kept = list((tmp_path / "parts").iterdir())
    assert [path.stat().st_size for path in kept] == [4000]
    with fetcher.download_file(url, len(CONTENT)) as file:
        assert file.read() == CONTENT
    assert ("targets/a.bin", "bytes=4000-", len(CONTENT) - 4000) in server.requests
    assert list((tmp_path / "parts").iterdir()) == []
    kept[0].write_bytes(b"poison")
    with pytest.raises(ValueError, match="wrong"), fetcher.download_file(url, len(CONTENT)) as file:
        raise ValueError("wrong")
    assert list((tmp_path / "parts").iterdir()) == []
    with pytest.raises(DownloadLengthMismatchError), fetcher.download_file(url, 100):
        pass
    assert list((tmp_path / "parts").iterdir()) == []


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for another host name than we use, as nodes are reached by address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    moment = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - datetime.timedelta(days=1))
        .not_valid_after(moment + datetime.timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / f"{name}.crt", folder / f"{name}.key"


def test_the_pinned_certificate_is_the_server(folder: Path, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "root.example.ma")
    other, _ = self_signed(tmp_path, "other.example.ma")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    web = WebFolder(folder, tls)
    url = web.url.replace("http://", "https://")
    assert b"".join(HttpSource(url, certificate.read_text()).open("targets/a.bin")) == CONTENT
    for pem in (other.read_text(), None):
        with pytest.raises(SourceUnavailable, match="check the connection"):
            list(HttpSource(url, pem).open("targets/a.bin"))
    web.close()


def test_a_broken_pin_is_refused() -> None:
    with pytest.raises(SourceUnavailable, match=r"new network\.json"):
        pinned_tls("not a certificate")


def test_a_shrunken_file_ends_early(server: WebFolder) -> None:
    server.replaced["targets/a.bin"] = CONTENT[:2]
    assert b"".join(HttpSource(server.url).open("targets/a.bin", 3, 3)) == b""
