"""Public files over HTTP: exact bytes for every range, and nothing outside the folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette

from jazari.nodes.files import PIECE, Span, file_routes, open_public, parse_range

CONTENT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "metadata").mkdir()
    (folder / "targets" / "fes" / "log").mkdir(parents=True)
    (folder / "state").mkdir()
    (folder / "metadata" / "timestamp.json").write_bytes(b'{"signed": 1}')
    (folder / "targets" / "fes" / "log" / "1.ndjson.zst").write_bytes(CONTENT)
    (folder / "targets" / "empty").write_bytes(b"")
    (folder / "targets" / "large").write_bytes(os.urandom(3 * PIECE + 7))
    (folder / "targets" / ".hidden").write_text("secret")
    (folder / "state" / "lock").write_text("secret")
    (folder.parent / "outside").write_text("secret")
    (folder / "targets" / "link").symlink_to(folder.parent / "outside")
    (folder / "targets" / "folder-link").symlink_to(folder.parent)
    os.mkfifo(folder / "targets" / "pipe")
    return folder


class Client:
    """Asks the application itself; ``on_start`` is called once it has begun to answer."""

    def __init__(self, folder: Path, on_start: Any = None) -> None:
        self._application = Starlette(routes=file_routes("/repository", folder))
        self._on_start = on_start

    def request(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._request(method, path, headers))

    async def _request(self, method: str, path: str, headers: dict[str, str] | None) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._watched), base_url="http://x") as http:
            return await http.request(method, path, headers=headers)

    async def _watched(self, scope: Any, receive: Any, send: Any) -> None:
        async def watch(message: Any) -> None:
            if message["type"] == "http.response.start" and self._on_start:
                self._on_start()
            await send(message)

        await self._application(scope, receive, watch)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, headers)


@pytest.fixture(scope="module")
def client(folder: Path) -> Client:
    return Client(folder)


LOG = "/repository/targets/fes/log/1.ndjson.zst"


@given(st.integers(0, len(CONTENT) + 10), st.integers(0, len(CONTENT) + 10))
def test_a_range_is_what_slicing_says(client: Client, first: int, last: int) -> None:
    response = client.get(LOG, headers={"range": f"bytes={first}-{last}"})
    if first >= len(CONTENT) or last < first:
        assert response.status_code == 416
        assert response.headers["content-range"] == f"bytes */{len(CONTENT)}"
    else:
        assert response.status_code == 206
        assert response.content == CONTENT[first : last + 1]
        end = min(last, len(CONTENT) - 1)
        assert response.headers["content-range"] == f"bytes {first}-{end}/{len(CONTENT)}"


@given(st.integers(1, len(CONTENT) + 10))
def test_a_range_may_count_from_the_end_or_to_the_end(client: Client, number: int) -> None:
    assert client.get(LOG, headers={"range": f"bytes=-{number}"}).content == CONTENT[-number:]
    if number < len(CONTENT):
        assert client.get(LOG, headers={"range": f"bytes={number}-"}).content == CONTENT[number:]


@given(st.text(max_size=30))
@example("bytes=")
@example("bytes=-")
@example("bytes=0-0,5-6")
@example("bytes=99999999999999999999-")
def test_an_odd_range_is_ignored_or_refused_and_never_wrong(text: str) -> None:
    try:
        span = parse_range(text, len(CONTENT))
    except ValueError:
        return
    assert span is None or 0 <= span.first <= span.last < len(CONTENT)


def test_the_suffix_of_nothing_is_outside() -> None:
    with pytest.raises(ValueError, match="bytes=-0"):
        parse_range("bytes=-0", 10)
    assert parse_range("bytes=2-4", 10) == Span(2, 4, 10)
    assert Span(2, 4, 10).length == 3


def test_whole_files(client: Client, folder: Path) -> None:
    assert client.get(LOG).content == CONTENT
    assert client.get("/repository/targets/large").content == (folder / "targets" / "large").read_bytes()
    assert client.get("/repository/targets/empty").content == b""
    head = client.request("HEAD", LOG)
    assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")


def test_an_unchanged_file_is_not_sent_again(client: Client) -> None:
    tag = client.get(LOG).headers["etag"]
    assert client.get(LOG, headers={"if-none-match": tag}).status_code == 304
    resumed = client.get(LOG, headers={"range": "bytes=5-", "if-range": tag})
    assert resumed.content == CONTENT[5:]
    changed = client.get(LOG, headers={"range": "bytes=5-", "if-range": '"other"'})
    assert (changed.status_code, changed.content) == (200, CONTENT)


@pytest.mark.parametrize(
    "name",
    [
        "state/lock",
        "targets/../state/lock",
        "targets/fes/../../state/lock",
        "targets/%2e%2e/state/lock",
        "../outside",
        "targets/.hidden",
        "targets/link",
        "targets/folder-link/outside",
        "targets/pipe",
        "targets/fes",
        "targets//fes/log/1.ndjson.zst",
        "targets/missing",
        "targets",
        "",
        "/etc/passwd",
        "targets/x" + "y" * 5000,
    ],
)
def test_nothing_else_is_served(client: Client, folder: Path, name: str) -> None:
    response = client.get(f"/repository/{name}")
    assert response.status_code == 404
    assert open_public(folder, name) is None


@given(st.text(max_size=60))
def test_no_name_leads_outside(folder: Path, name: str) -> None:
    file = open_public(folder, f"targets/{name}")
    if file is not None:
        with file:
            assert Path(f"/proc/self/fd/{file.fileno()}").readlink().is_relative_to(folder / "targets")


def test_other_methods_are_refused(client: Client) -> None:
    assert client.request("POST", LOG).status_code == 405
    assert client.request("DELETE", LOG).status_code == 405


def test_a_log_that_grows_while_it_is_sent_is_sent_as_it_was(folder: Path) -> None:
    path = folder / "targets" / "growing"
    path.write_bytes(b"a" * (2 * PIECE))

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"b" * PIECE)

    response = Client(folder, grow).get("/repository/targets/growing")
    assert response.content == b"a" * (2 * PIECE)
    assert response.headers["content-length"] == str(2 * PIECE)
    assert path.stat().st_size == 3 * PIECE
