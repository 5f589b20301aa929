"""A record as a BibTeX entry. Nothing that a card says may be a command of TeX's or end the entry."""

from __future__ import annotations

import re
import unicodedata

from jazari.trust.records import Record

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    '"': "''",
    "@": r"{\char64}",
}


def to_bibtex(record: Record, *, title: str, institute: str, address: str) -> str:
    """``@misc`` with the version, the date of its signature and its digest; ``address``: where its page is."""
    fields = {
        "title": f"{{{escape(title)}}}",
        "author": f"{{{escape(institute)}}}",
        "year": f"{record.published:%Y}",
        "month": f"{record.published:%m}",
        "version": str(record.version),
        "howpublished": rf"\url{{{_address(address)}}}",
        "note": escape(f"{record.ref}, {record.digest}"),
    }
    key = re.sub(r"[^a-z0-9]+", "-", record.ref.lower()).strip("-")
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{key},\n{lines}\n}}\n"


def escape(text: str) -> str:
    """``text`` on one line, with every character that TeX would read as more than itself made harmless."""
    plain = "".join(" " if unicodedata.category(letter)[0] in "ZC" else letter for letter in text)
    return "".join(_ESCAPES.get(letter, letter) for letter in " ".join(plain.split()))


def _address(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9:/._-]", "", text)
