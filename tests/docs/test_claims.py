"""What documents name exists: tests in the threat model, codes, files of this repository, both pictures alike."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.docs.errors_page import SLICES, WITHOUT_CLASS, errors
from tests.docs.source import REPOSITORY, strings
from tests.docs.spoken import DOCUMENTS

THREATS = (REPOSITORY / "docs" / "explanation" / "threat-model.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`([\w/]+\.py)?::(test_\w+)`")
_CODE = re.compile(rf"`((?:{'|'.join(SLICES)})\.[a-z]+(?:-[a-z]+)*)`")
_PATH = re.compile(r"`((?:jazari|tests|benchmarks|docs|requirements)/[\w./-]+)`")


def attacks() -> list[str]:
    """The rows of the table of attacks."""
    table = THREATS.partition("## Attacks, defences, tests")[2].partition("\n## ")[0]
    return [line for line in table.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("row", attacks(), ids=lambda row: row.split(" | ")[0].strip("| "))
def test_every_defence_names_tests_that_exist(row: str) -> None:
    named = _TEST.findall(row)
    assert named
    file = ""
    for path, name in named:
        file = path or file
        assert f"def {name}(" in (REPOSITORY / file).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_codes_and_paths_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {*errors(), *WITHOUT_CLASS, *strings()}
    assert [code for code in _CODE.findall(text) if code not in known and not code.endswith((".py", ".toml"))] == []
    assert [path for path in _PATH.findall(text) if not (REPOSITORY / path).exists() and "<" not in path] == []


def drawing(name: str) -> list[tuple[str, dict[str, str]]]:
    """Every element of a picture with its attributes; texts and their weight of words left out."""
    root = ET.parse(REPOSITORY / "docs" / name).getroot()  # noqa: S314  our own file
    return [(element.tag, dict(element.attrib)) for element in root.iter()]


def test_the_picture_is_the_same_in_both_languages() -> None:
    assert drawing("network.svg") == drawing("network.fr.svg")


@pytest.mark.parametrize("name", ["network.svg", "network.fr.svg"])
def test_the_picture_can_be_read_aloud(name: str) -> None:
    root = ET.parse(REPOSITORY / "docs" / name).getroot()  # noqa: S314  our own file
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title")
    assert len(root.findtext(f"{space}desc") or "") > 200
