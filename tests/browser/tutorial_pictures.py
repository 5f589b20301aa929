"""``python -m tests.browser.tutorial_pictures``: renew the pictures of docs/tutorial/use-the-portal.md.

Plays the main job in a browser (``test_main_job``) and keeps what it showed, in few colours and so in few bytes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.traveller import PICTURES

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial" / "use-the-portal.md"
COLOURS = 64


def named_in(page: str) -> list[str]:
    """The pictures that a page shows, by the names of their files."""
    return re.findall(r"!\[[^\]]+\]\(pictures/([a-z-]+\.png)\)", page)


def renew(taken: Path, kept: Path, names: list[str]) -> None:
    """Each of ``names`` from ``taken``, small, into ``kept``; what no page names any longer goes."""
    kept.mkdir(exist_ok=True)
    for old in kept.glob("*.png"):
        old.unlink()
    for name in names:
        picture = Image.open(taken / name).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        picture.save(kept / name, optimize=True)


def main() -> int:
    """Take the pictures, then keep them."""
    status = pytest.main(["-q", "-m", "browser", str(ROOT / "tests" / "browser" / "test_main_job.py")])
    if status == 0:
        renew(PICTURES, TUTORIAL.parent / "pictures", named_in(TUTORIAL.read_text(encoding="utf-8")))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
