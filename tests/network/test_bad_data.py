"""Data files that cannot be used: each is refused where it is registered, in one sentence, and leaves nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jazari.testing import made_up
from jazari.testing.commands import Commands
from tests.network.cases import rare_ones_slow

pytestmark = pytest.mark.xdist_group("bad-input")

Files = dict[str, Path]
Spoil = Callable[[Files], None]
SOME = made_up.rows("some", 40)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An institute that has not joined anything yet; nothing of what follows may change it."""
    path = tmp_path_factory.mktemp("homes") / "settat"
    Commands().run("institute", "create", "settat", "--title", "fr=Settat", "--plain", "--steward-plain", home=path)
    yield path
    assert Commands().run("dataset", "list", home=path)["datasets"] == []


def _rows(*changed: dict[str, Any], start: list[made_up.Row] | None = None) -> Spoil:
    return lambda files: made_up.write_csv(files["--data"], [*(SOME if start is None else start), *changed]) and None


def _bytes(option: str, data: bytes) -> Spoil:
    return lambda files: files[option].write_bytes(data) and None


def _remove(files: Files) -> None:
    files["--data"].unlink()


def _folder(files: Files) -> None:
    files["--data"].unlink()
    files["--data"].mkdir()


def _column(files: Files) -> None:
    made_up.write_csv(files["--data"], [{k: v for k, v in row.items() if k != "ph"} for row in SOME])


def _latin(files: Files) -> None:
    text = files["--data"].read_text(encoding="utf-8").replace("some-", "Fès-")
    files["--data"].write_bytes(text.encode("windows-1252"))


def _parquet(files: Files) -> None:
    files["--data"] = files["--data"].rename(files["--data"].with_suffix(".parquet"))


GOOD = SOME[0]
CASES: dict[str, tuple[Spoil, str, int, tuple[str, ...]]] = {
    "no file": (_remove, "studies.unreadable-data", 5, ("plots.csv", "cannot be read")),
    "a folder": (_folder, "studies.unreadable-data", 5, ("no regular file",)),
    "an empty file": (_bytes("--data", b""), "studies.unreadable-data", 5, ("is empty",)),
    "only a header": (_bytes("--data", b"site,crop,ph,harvest,good\n"), "studies.unreadable-data", 5, ("no rows",)),
    "bytes of no format": (_bytes("--data", bytes(range(256)) * 20), "studies.unreadable-data", 5, ("UTF-8",)),
    "CSV called Parquet": (_parquet, "studies.unreadable-data", 5, ("Parquet", "export it again")),
    "another encoding": (_latin, "studies.unreadable-data", 5, ("UTF-8", "windows-1252")),
    "a column is missing": (_column, "studies.column-missing", 2, ("'ph'", "is missing", "harvest")),
    "one subject only": (
        _rows(start=[row | {"site": "the-only-one"} for row in SOME]), "studies.below-floor", 3, ("1 distinct", "10"),
    ),
    "a text where a number should be": (
        _rows(GOOD | {"ph": "acid"}), "studies.bad-data", 2, ("Row 42", "'ph'", "'acid' is no number"),
    ),
    "a value out of range": (_rows(GOOD | {"ph": 15}), "studies.bad-data", 2, ("Row 42", "'ph'", "upper bound 14")),
    "an infinite value": (_rows(GOOD | {"ph": "1e999"}), "studies.bad-data", 2, ("Row 42", "'ph'", "finite")),
    "an undeclared level": (_rows(GOOD | {"crop": "rye"}), "studies.bad-data", 2, ("Row 42", "'crop'", "'rye'")),
    "a subject without name": (_rows(GOOD | {"site": ""}), "studies.bad-data", 2, ("Row 42", "'site'", "subject")),
    "broken quotes": (_bytes("--data", b'site,crop,ph,harvest,good\n"a,b\n'), "studies.bad-data", 2, ("Line",)),
    "a declaration of no format": (_bytes("--schema", b"{]"), "studies.bad-schema", 2, ("not valid TOML or JSON",)),
    "a declaration that is not text": (_bytes("--schema", b"\xff\xfe\x00"), "studies.bad-schema", 2, ("schema",)),
    "a huge declaration": (_bytes("--schema", b" " * (2**20 + 1)), "studies.bad-schema", 2, ("larger than 1 MiB",)),
    "a description of no format": (_bytes("--about", b"= ="), "studies.bad-schema", 2, ("not valid TOML",)),
    "a description that is not text": (_bytes("--about", b"\xff\xfe"), "studies.bad-schema", 2, ("not valid TOML",)),
    "a huge description": (_bytes("--about", b"#" * 2**22), "studies.bad-schema", 2, ("larger than 1 MiB",)),
    "an incomplete description": (_bytes("--about", b""), "studies.bad-schema", 2, ("not complete", "title")),
}  # fmt: skip


RARE = {
    "only a header", "bytes of no format", "CSV called Parquet", "an infinite value", "a subject without name",
    "broken quotes", "a huge declaration", "a declaration of no format", "an incomplete description",
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "code", "status", "words"), rare_ones_slow(CASES, RARE))
def test_a_bad_file_is_refused_in_one_sentence(
    home: Path, tmp_path: Path, spoil: Spoil, code: str, status: int, words: tuple[str, ...]
) -> None:
    files = made_up.write_data_set(tmp_path, SOME)
    spoil(files)
    refusal = Commands().refused("dataset", "register", "plots", *made_up.options(files), home=home)
    assert (refusal.code, refusal.status) == (code, status)
    assert all(word in refusal.sentence for word in words), refusal.sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_refused(home: Path, tmp_path: Path) -> None:
    files = made_up.write_data_set(tmp_path, SOME)
    files["--data"].chmod(0)
    refusal = Commands().refused("dataset", "register", "plots", *made_up.options(files), home=home)
    assert refusal.code == "studies.unreadable-data"
    assert "permission" in refusal.sentence


def test_a_column_without_any_value_is_registered_as_such(tmp_path: Path) -> None:
    home = tmp_path / "azrou"
    Commands().run("institute", "create", "azrou", "--title", "fr=Azrou", "--plain", "--steward-plain", home=home)
    files = made_up.write_data_set(tmp_path / "data", [row | {"ph": ""} for row in SOME])
    card = Commands().run("dataset", "register", "plots", *made_up.options(files), home=home)["card"]
    assert {item["variable"]: item["missing"] for item in card["quality"]}["ph"] == 1.0
