"""Every relative link of every document leads somewhere, down to the heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.spoken import DOCUMENTS, REPOSITORY

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_TAG = re.compile(r'(?:src|srcset|href)="([^"]+)"')
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
READMES = sorted((REPOSITORY / "jazari").rglob("README.md"))


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page get."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(text)}


def broken(page: Path) -> list[str]:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    found = []
    for link in {*_LINK.findall(text), *_TAG.findall(text)}:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", [*DOCUMENTS, *READMES], ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_every_page_can_be_found_from_the_front_page() -> None:
    front = REPOSITORY / "docs" / "README.md"
    seen, waiting = {front}, [front]
    while waiting:
        page = waiting.pop()
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in seen:
                seen.add(target)
                waiting.append(target)
    assert [str(page) for page in DOCUMENTS if page.is_relative_to(front.parent) and page not in seen] == []


def test_the_check_sees_a_broken_link(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One two\n[a](#one-two) [b](page.md#one-two) [c](other.md) [d](#three)\n", encoding="utf-8")
    assert sorted(broken(page)) == ["#three", "other.md"]
