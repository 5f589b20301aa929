"""Secrets are read from where the file says, if nobody else can read them there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jazari.gateway.errors import SecretUnusable
from jazari.gateway.secrets import LARGEST, read_secret


def put(home: Path, data: bytes, mode: int = 0o600) -> Path:
    path = home / "keys" / "provider.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("data", [b"sk-123", b"sk-123\n", b"sk-123\r\n"])
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file(tmp_path: Path, data: bytes, mode: int) -> None:
    put(tmp_path, data, mode)
    assert read_secret(tmp_path, "file:keys/provider.txt") == "sk-123"


def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "sk-456")
    assert read_secret(tmp_path, "env:PROVIDER_KEY") == "sk-456"
    monkeypatch.delenv("PROVIDER_KEY")
    with pytest.raises(SecretUnusable, match="environment variable PROVIDER_KEY is missing"):
        read_secret(tmp_path, "env:PROVIDER_KEY")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_read_is_refused(tmp_path: Path, mode: int) -> None:
    put(tmp_path, b"sk-123", mode)
    with pytest.raises(SecretUnusable, match="chmod 600") as caught:
        read_secret(tmp_path, "file:keys/provider.txt")
    assert "sk-123" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n", b"two\nlines", b"a b", b"sk-1\r\nX-Admin: 1", "clé".encode(), b"\x00"])
def test_what_cannot_stand_in_a_header_is_refused_and_not_repeated(tmp_path: Path, data: bytes) -> None:
    put(tmp_path, data)
    with pytest.raises(SecretUnusable, match="one line of printable ASCII") as caught:
        read_secret(tmp_path, "file:keys/provider.txt")
    assert "Admin" not in str(caught.value)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    put(tmp_path, b"x" * (LARGEST + 1))
    with pytest.raises(SecretUnusable):
        read_secret(tmp_path, "file:keys/provider.txt")


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(SecretUnusable, match="There is no"):
        read_secret(tmp_path, "file:keys/provider.txt")


def test_a_link_out_of_the_home_is_refused(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    outside.write_text("sk-123")
    outside.chmod(0o600)
    (home / "link").symlink_to(outside)
    with pytest.raises(SecretUnusable, match="leads out of the home"):
        read_secret(home, "file:link")


def test_a_pipe_does_not_make_the_reader_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretUnusable, match="is no file"):
        read_secret(tmp_path, "file:pipe")


@pytest.mark.parametrize("place", ["file:../x", "file:/etc/passwd", "plain", "env:", "FILE:x"])
def test_no_other_place(tmp_path: Path, place: str) -> None:
    with pytest.raises(ValueError, match="env:NAME"):
        read_secret(tmp_path, place)
