"""Passphrases: from a file, the environment or a person, never guessed and never empty."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from jazari.cli.errors import PassphraseMissing, PassphraseUnusable
from jazari.cli.passphrases import LONGEST, VARIABLE, new_passphrase, passphrase_reader, read_passphrase
from jazari.core.errors import Unavailable


@pytest.fixture(autouse=True)
def _nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at the terminal who types these, one after the other."""
    answers: list[str] = []
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: answers.pop(0))
    return answers


@pytest.mark.parametrize("content", [b"s\xc3\xa9same\n", b"s\xc3\xa9same\r\nsecond line\n", b"s\xc3\xa9same"])
def test_the_first_line_of_the_file_counts(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    assert read_passphrase(file, "the key") == "sésame".encode()


def test_a_huge_file_is_read_no_further_than_a_passphrase_goes(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(b"x" * 1_000_000)
    assert len(read_passphrase(file, "the key")) == LONGEST


def test_the_file_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(b"from the file")
    monkeypatch.setenv(VARIABLE, "from the environment")
    assert read_passphrase(file, "the key") == b"from the file"
    assert read_passphrase(None, "the key") == b"from the environment"


def test_a_lost_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nowhere"):
        read_passphrase(tmp_path / "nowhere", "the key")


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\nx"])
def test_an_empty_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    with pytest.raises(PassphraseUnusable, match="empty"):
        read_passphrase(file, "the key")


def test_where_nobody_can_be_asked_the_sentence_says_what_to_give() -> None:
    with pytest.raises(PassphraseMissing, match="the key of Amina: give --passphrase-file"):
        read_passphrase(None, "the key of Amina")


def test_a_person_is_asked(typing: list[str]) -> None:
    typing.append("sesame")
    assert read_passphrase(None, "the key") == b"sesame"


def test_a_new_passphrase_is_typed_twice(typing: list[str]) -> None:
    typing += ["sesame", "sesame"]
    assert new_passphrase(None, False, "the key") == b"sesame"
    typing += ["sesame", "sesamy"]
    with pytest.raises(PassphraseUnusable, match="differ"):
        new_passphrase(None, False, "the key")


def test_a_plain_key_needs_no_passphrase() -> None:
    assert new_passphrase(None, True, "the key") is None


def test_other_keys_have_a_variable_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAZARI_STEWARD_PASSPHRASE", "steward")
    assert new_passphrase(None, False, "the key", variable="JAZARI_STEWARD_PASSPHRASE") == b"steward"
    with pytest.raises(PassphraseMissing):
        new_passphrase(None, False, "the key")


def test_the_reader_asks_only_when_called(tmp_path: Path) -> None:
    reader = passphrase_reader(tmp_path / "nowhere", "the key")
    with pytest.raises(Unavailable):
        reader()
