"""The body of a publication: whole after any journey, bounded before it is read, refused when damaged."""

from __future__ import annotations

import hashlib
import itertools
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.trust.chain import Piece
from jazari.trust.errors import BadPublication, PublicationRefused, TooLarge
from jazari.trust.publication import MAGIC, Limits, Publication, PublicationReceiver, Receipt

_COUNTER = itertools.count()


def publication(folder: Path, *contents: bytes, pieces: tuple[Piece, ...] = ()) -> Publication:
    files = {}
    for content in contents:
        path = folder / f"source-{next(_COUNTER)}"
        path.write_bytes(content)
        files[hashlib.sha256(content).hexdigest()] = path
    return Publication("dakhla", 3, b'{"signed":{}}', pieces or (Piece(1, 10, b"abc"), Piece(2, 0, b"")), files)


def receive(body: bytes, folder: Path, sizes: list[int] | None = None, limits: Limits | None = None) -> Publication:
    receiver = PublicationReceiver(folder / f"spool-{next(_COUNTER)}", limits)
    position = 0
    for size in sizes or []:
        receiver.write(body[position : position + size])
        position += size
    receiver.write(body[position:])
    return receiver.finish()


@given(
    st.lists(st.binary(max_size=300), max_size=3, unique=True),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.binary(max_size=50)), max_size=3),
    st.lists(st.integers(0, 100), max_size=12),
)
def test_it_arrives_as_it_was_sent_however_it_is_cut(
    contents: list[bytes], parts: list[tuple[int, int, bytes]], sizes: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sent = publication(folder, *contents, pieces=tuple(Piece(*part) for part in parts))
        body = b"".join(sent.chunks())
        assert len(body) == sent.size
        got = receive(body, folder, sizes)
        assert (got.namespace, got.version, got.metadata, got.pieces) == (
            sent.namespace,
            sent.version,
            sent.metadata,
            sent.pieces,
        )
        assert {sha: path.read_bytes() for sha, path in got.files.items()} == {
            hashlib.sha256(content).hexdigest(): content for content in contents
        }
        assert got.metadata_digest == sent.metadata_digest


@given(st.data())
def test_a_body_cut_short_is_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        body = b"".join(publication(Path(name), b"content").chunks())
        cut = data.draw(st.integers(0, len(body) - 1))
        with pytest.raises(BadPublication):
            receive(body[:cut], Path(name))


def test_bytes_after_the_end_are_refused(tmp_path: Path) -> None:
    body = b"".join(publication(tmp_path, b"content").chunks())
    with pytest.raises(BadPublication, match="after its end"):
        receive(body + b"x", tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    body = b"".join(publication(tmp_path, b"content").chunks())
    with pytest.raises(BadPublication, match="damaged on its way"):
        receive(body[:-1] + b"X", tmp_path)


def body_with(header: object) -> bytes:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return MAGIC + len(data).to_bytes(4, "big") + data


GOOD = {"namespace": "dakhla", "version": 1, "metadata": 2, "pieces": [], "files": []}


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"x",
        b"[" * 50_000,
        GOOD | {"namespace": "../fes"},
        GOOD | {"namespace": "root"},
        GOOD | {"version": 0},
        GOOD | {"version": "1"},
        GOOD | {"metadata": -1},
        GOOD | {"metadata": 0},
        GOOD | {"pieces": [[1, 0, -5]]},
        GOOD | {"pieces": [[1, 0]]},
        GOOD | {"files": [["0" * 64, -1]]},
        GOOD | {"files": [["../../etc/passwd", 1]]},
        GOOD | {"files": [["0" * 64, 1], ["0" * 64, 2]]},
        GOOD | {"more": 1},
    ],
)
def test_a_malformed_header_is_refused(tmp_path: Path, header: object) -> None:
    with pytest.raises(BadPublication):
        receive(body_with(header), tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        MAGIC + b"\xff\xff\xff\xff",
        body_with(GOOD | {"metadata": 10**9}),
        body_with(GOOD | {"pieces": [[1, 0, 10**10]]}),
        body_with(GOOD | {"pieces": [[n, 0, 0] for n in range(1, 400)]}),
        body_with(GOOD | {"files": [["0" * 64, 10 * 1024**3]]}),
        body_with(GOOD | {"files": [[f"{n:064x}", 1] for n in range(1001)]}),
    ],
)
def test_too_much_is_refused_before_it_arrives(tmp_path: Path, body: bytes) -> None:
    """10 GB are refused when the header is read, not when the disk is full."""
    with pytest.raises(TooLarge, match="publish less at once"):
        PublicationReceiver(tmp_path / "spool").write(body)
    assert not (tmp_path / "spool").exists()


def test_limits_are_the_roots_to_set(tmp_path: Path) -> None:
    body = b"".join(publication(tmp_path, b"x" * 100).chunks())
    with pytest.raises(TooLarge):
        receive(body, tmp_path, limits=Limits(file_bytes=99))
    assert receive(body, tmp_path, limits=Limits(file_bytes=100)).files


def test_something_else_is_no_publication(tmp_path: Path) -> None:
    with pytest.raises(BadPublication, match="no publication of Jazari"):
        PublicationReceiver(tmp_path).write(b"GET / HTTP/1.1\r\n\r\n")


def test_receipts_travel_as_json() -> None:
    receipt = Receipt("dakhla", 3, "ab", 7)
    assert Receipt.from_json(json.loads(json.dumps(receipt.to_json()))) == receipt
    with pytest.raises(PublicationRefused):
        Receipt.from_json({"namespace": "dakhla"})
