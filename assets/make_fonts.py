"""Make the portal's fonts again: ``python assets/make_fonts.py FOLDER``, with fonttools and brotli installed.

``FOLDER`` holds the npm packages @fontsource/noto-sans, noto-kufi-arabic and noto-sans-tifinagh 5.3.0 (OFL 1.1) as
``npm pack`` writes them. Each is cut down to the letters that the four languages need; the style sheet names the same
ranges, so that a browser loads only what a page uses.
"""

from __future__ import annotations

import sys
import tarfile
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parents[1] / "jazari/portal/static/portal/fonts"
LICENCES = FONTS.parent / "licences"

LATIN = "U+0020-007E,U+00A0-00FF,U+0131,U+0152-0153,U+02C6,U+02DA,U+02DC,U+2010-2027,U+202F-203A,U+20AC,U+2122,U+2212"
LATIN_EXT = (
    "U+0100-0130,U+0132-0151,U+0154-017F,U+0190,U+0194,U+01CD-01DC,U+01E6-01E7,U+0218-021B,U+025B,U+0263,U+02B7,"
    "U+1E00-1EF9"
)
ARABIC = (
    "U+060C,U+061B-061C,U+061F-063A,U+0640-0656,U+0660-0671,U+067E,U+0686,U+0698,U+06A4,U+06A8-06A9,U+06AD,U+06AF,"
    "U+06BE,U+06C1,U+06CC,U+06F0-06F9,U+0762-0763,U+200C-200F,U+25CC"
)
TIFINAGH = "U+2D30-2D67,U+2D6F-2D70,U+2D7F"

ARABIC_NAME = "U+0627-0628,U+0629,U+0631,U+0639,U+0644,U+064A"
TIFINAGH_NAME = "U+2D30,U+2D35,U+2D3D,U+2D49,U+2D4E,U+2D56,U+2D5C,U+2D63,U+2D65"
"""The letters of العربية and ⵜⴰⵎⴰⵣⵉⵖⵜ: every page offers these languages, few need their whole fonts."""

FILES = (
    ("noto-sans", "latin-400", LATIN),
    ("noto-sans", "latin-700", LATIN),
    ("noto-sans", "latin-ext-400", LATIN_EXT),
    ("noto-sans", "latin-ext-700", LATIN_EXT),
    ("noto-kufi-arabic", "arabic-400", ARABIC),
    ("noto-kufi-arabic", "arabic-700", ARABIC),
    ("noto-sans-tifinagh", "tifinagh-400", TIFINAGH),
)
NAMES = (("noto-kufi-arabic", "arabic-400", ARABIC_NAME), ("noto-sans-tifinagh", "tifinagh-400", TIFINAGH_NAME))


def main(folder: Path) -> None:
    """Write every font and every licence."""
    FONTS.mkdir(exist_ok=True)
    wanted = [(*file, "") for file in FILES] + [(*name, "-name") for name in NAMES]
    for family, cut, ranges, end in wanted:
        with tarfile.open(folder / f"fontsource-{family}-5.3.0.tgz") as packed:
            whole = _content(packed, f"package/files/{family}-{cut}-normal.woff2")
            licence = _content(packed, "package/LICENSE")
        small = subset(whole, _points(ranges))
        (FONTS / f"{family}-{cut}{end}.woff2").write_bytes(small)
        (LICENCES / f"{family}.txt").write_bytes(licence)
        print(f"{family}-{cut}{end}: {len(whole):,} -> {len(small):,} bytes")


def subset(whole: bytes, points: set[int]) -> bytes:
    """The font with only these letters and what joins and marks them."""
    options = Options()
    options.flavor, options.hinting, options.desubroutinize = "woff2", False, True
    options.name_IDs = [0, 1, 2, 5, 13, 14]  # the copyright and the licence stay in the file
    font = TTFont(BytesIO(whole))
    cutter = Subsetter(options)
    cutter.populate(unicodes=points)
    cutter.subset(font)
    font.flavor = "woff2"
    out = BytesIO()
    font.save(out)
    return out.getvalue()


def _points(ranges: str) -> set[int]:
    ends = [part.removeprefix("U+").split("-") for part in ranges.split(",")]
    return {point for end in ends for point in range(int(end[0], 16), int(end[-1], 16) + 1)}


def _content(packed: tarfile.TarFile, name: str) -> bytes:
    found = packed.extractfile(name)
    if found is None:
        raise SystemExit(f"{name} is missing in the package.")
    return found.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
