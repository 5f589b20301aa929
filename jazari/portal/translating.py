"""``python -m jazari.portal.translating extract|compile|check``: catalogues of translations, without system gettext.

The strings in the code are English; there is one catalogue for each other language, and one more for what pages borrow
from Django and allauth (``borrowed``). ``extract`` brings the ``.po`` files up to date with the code, ``compile`` makes
the ``.mo`` files that Django reads (both are kept in the repository, so that an installation needs no step of
building), ``check`` says what is missing.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.dates import MONTHS, MONTHS_3, WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation.template import templatize

from jazari.portal import borrowed

PACKAGE = Path(__file__).parents[1]
FOLDER = PACKAGE / "portal" / "locale"
LANGUAGES = ("fr", "ar", "zgh")
TO_REVIEW = "Not yet read by a native reader."
"""Stands at each Tamazight string until somebody whose language it is has read it, and takes it away."""
FROM_CLDR = "From the Unicode CLDR."
_LEFT_OUT = {"tests", "migrations", "testing"}
_KEYWORDS: dict[str, tuple[object, ...] | None] = {
    "_": None, "worded": None, "worded_many": (1, 1), "gettext": None, "gettext_lazy": None, "gettext_noop": None,
    "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}  # fmt: skip
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w[^>]*>")
"""Tags too: a link must be where it leads, whatever the language."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Instead of the time of writing, so that the same strings make the same file."""

Identity = tuple[str | None, tuple[str, ...]]
Wanted = Callable[[str], Catalog]
"""The strings that the catalogue of a language is to have."""


def sources(package: Path = PACKAGE) -> Iterator[Path]:
    """Python files and templates that speak to people."""
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package).parts
        code = path.suffix == ".py" and not _LEFT_OUT & set(inside)
        if code or (path.suffix in (".html", ".txt") and "templates" in inside):
            yield path


def strings_in(text: str, *, template: bool) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Each string of a source: itself (and its plural), and its context."""
    if template:
        # What is no text of ours has become X; its indentation means nothing and would only confuse.
        text = "\n".join(line.lstrip() for line in templatize(text).splitlines())
    found = extract_python(io.BytesIO(text.encode()), _KEYWORDS, [], {"encoding": "utf-8"})
    for _line, function, messages, _comments in found:
        words = messages if isinstance(messages, tuple) else (messages,)
        numbers = _KEYWORDS[function] or (1,)
        context = None
        ids = []
        for number in numbers:
            place = number[0] if isinstance(number, tuple) else number
            word = words[place - 1] if isinstance(place, int) and place <= len(words) else None
            if isinstance(number, tuple):
                context = word
            elif word:
                ids.append(word)
        if ids:
            yield tuple(ids), context


def template_catalog(package: Path = PACKAGE) -> Catalog:
    """Every string that the code has, with the files where it stands."""
    catalog = Catalog(fuzzy=False)
    for path in sources(package):
        place = path.relative_to(package.parent).as_posix()
        for ids, context in strings_in(path.read_text(encoding="utf-8"), template=path.suffix != ".py"):
            catalog.add(_id(ids), locations=[(place, 0)], context=context)
    return catalog


def _id(ids: Sequence[str]) -> str | tuple[str, str]:
    return ids[0] if len(ids) == 1 else (ids[0], ids[1])


def _ids(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def _texts(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def po_file(language: str, folder: Path = FOLDER) -> Path:
    """The catalogue that people edit."""
    return folder / language / "LC_MESSAGES" / "django.po"


def read(language: str, folder: Path = FOLDER) -> Catalog:
    """The catalogue of ``language``; an empty one where there is none yet."""
    path = po_file(language, folder)
    if not path.is_file():
        return Catalog(locale=language, domain="django")
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="django", abort_invalid=True)


def merged(template: Catalog, before: Catalog, language: str) -> Catalog:
    """The strings of the code with the translations that there are; what the code no longer has is left out."""
    catalog = Catalog(
        locale=language, domain="django", project="Jazari", version="1", fuzzy=False, header_comment=f"# {language}",
        creation_date=_LONG_AGO, revision_date=_LONG_AGO, last_translator="Jazari", language_team=language,
    )  # fmt: skip
    for message in _messages(template):
        old = before.get(_ids(message)[0], message.context)
        usable = old if old is not None and _ids(old) == _ids(message) else None
        comments = message.user_comments or ([TO_REVIEW] if language == "zgh" else [])
        catalog.add(
            message.id,
            usable.string if usable else message.string,
            locations=message.locations,
            flags=set(usable.flags) & {"fuzzy"} if usable else set(),
            user_comments=usable.user_comments if usable else comments,
            context=message.context,
        )
    return catalog


def borrowed_template(ours: Catalog | None = None) -> Catalog:
    """Every string that is borrowed, with the places where it stands; without those that are ``ours`` as well."""
    own = {_identity(message) for message in _messages(ours or template_catalog())}
    catalog = Catalog(fuzzy=False)
    for place, text, template in borrowed.sources():
        for ids, context in strings_in(text, template=template):
            if (context, ids) not in own:
                catalog.add(_id(ids), locations=[(place, 0)], context=context)
    return catalog


def borrowed_catalog(language: str, template: Catalog, before: Catalog) -> Catalog:
    """Of ``template`` what its makers did not translate into ``language``, and what we do all the same."""
    done = {_identity(message) for made in borrowed.makers_catalogues(language) for message in _translated(made)}
    done -= {_identity(message) for message in _translated(before)}
    catalog = Catalog(fuzzy=False)
    for message in _messages(template):
        if _identity(message) not in done:
            catalog.add(message.id, locations=message.locations, context=message.context)
    for english, text in calendar_of(language).items():
        catalog.add(english, text, user_comments=[FROM_CLDR])
    return catalog


def calendar_of(language: str) -> dict[str, str]:
    """Months and days by Django's English names, for a language that Django does not have."""
    if language != "zgh":
        return {}
    locale = Locale.parse("zgh_MA")
    names: dict[str, str] = {}
    for english, form in ((MONTHS, "wide"), (MONTHS_3, "abbreviated")):
        names |= {_english(english[n]): locale.months["format"][form][n] for n in range(1, 13)}
    for english, form in ((WEEKDAYS, "wide"), (WEEKDAYS_ABBR, "abbreviated")):
        names |= {_english(english[n]): locale.days["format"][form][n] for n in range(7)}
    return names


def _english(lazy: object) -> str:
    from django.utils.translation import override

    with override("en"):
        return str(lazy)


def _messages(catalog: Catalog) -> Iterable[Message]:
    return (message for message in catalog if message.id)


def _translated(catalog: Catalog) -> Iterable[Message]:
    return (message for message in _messages(catalog) if all(_texts(message)))


def extract(folder: Path = FOLDER, package: Path = PACKAGE) -> None:
    """Bring our ``.po`` files up to date with the code."""
    template = template_catalog(package)
    _write(folder, lambda _language: template)


def extract_borrowed(folder: Path = borrowed.FOLDER, template: Catalog | None = None) -> None:
    """Bring the ``.po`` files of what is borrowed up to date with the installed packages."""
    found = template or borrowed_template()
    _write(folder, lambda language: borrowed_catalog(language, found, read(language, folder)))


def _write(folder: Path, wanted: Wanted) -> None:
    for language in LANGUAGES:
        catalog = merged(wanted(language), read(language, folder), language)
        path = po_file(language, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=100, sort_output=True, include_lineno=False, ignore_obsolete=True)


def compiled(language: str, folder: Path = FOLDER) -> bytes:
    """The catalogue as Django reads it."""
    output = io.BytesIO()
    write_mo(output, read(language, folder))
    return output.getvalue()


def compile_all(folder: Path = FOLDER) -> None:
    """Write the ``.mo`` files."""
    for language in LANGUAGES:
        po_file(language, folder).with_suffix(".mo").write_bytes(compiled(language, folder))


def problems(folder: Path = FOLDER, package: Path = PACKAGE) -> list[str]:
    """What is wrong with our catalogues, a sentence each; nothing if every string is translated everywhere."""
    template = template_catalog(package)
    return _problems(folder, lambda _language: template)


def borrowed_problems(folder: Path = borrowed.FOLDER, template: Catalog | None = None) -> list[str]:
    """What is wrong with the catalogues of what is borrowed: something is after most upgrades of allauth."""
    found = template or borrowed_template()
    return _problems(folder, lambda language: borrowed_catalog(language, found, read(language, folder)))


def _problems(folder: Path, wanted: Wanted) -> list[str]:
    found = []
    for language in LANGUAGES:
        catalog = read(language, folder)
        needed = {_identity(message) for message in _messages(wanted(language))}
        there = {_identity(message) for message in _messages(catalog)}
        found += [f"{language}: {ids[0]!r} is not in the catalogue" for _, ids in sorted(needed - there, key=str)]
        for message in _messages(catalog):
            found += [f"{language}: {_ids(message)[0]!r} {fault}" for fault in faults(message, catalog.num_plurals)]
        compiled_file = po_file(language, folder).with_suffix(".mo")
        if not compiled_file.is_file() or compiled_file.read_bytes() != compiled(language, folder):
            found.append(f"{language}: the .mo file is not of this .po file; run compile")
    return found


def _identity(message: Message) -> Identity:
    return message.context, _ids(message)


def faults(message: Message, plurals: int) -> Iterator[str]:
    """What is wrong with one translation."""
    texts, ids = _texts(message), _ids(message)
    if "fuzzy" in message.flags:
        yield "is marked fuzzy"
    if not all(texts) or (len(ids) == 2 and len(texts) != plurals):
        yield "is not translated"
        return
    usual = set(_PLACEHOLDER.findall(ids[-1]))
    for place, text in enumerate(texts):
        seen = set(_PLACEHOLDER.findall(text))
        # A form for one or two may leave the number out; the last, for all others, may not.
        if seen - usual or (place == len(texts) - 1 and seen != usual):
            yield f"has other placeholders: {', '.join(sorted(seen ^ usual))}"


def main(arguments: Sequence[str]) -> int:
    """Run one of the three; 1 if ``check`` finds something, 2 for another word."""
    if list(arguments) == ["extract"]:
        extract()
        extract_borrowed()
    elif list(arguments) == ["compile"]:
        compile_all()
        compile_all(borrowed.FOLDER)
    elif list(arguments) == ["check"]:
        found = problems() + borrowed_problems()
        print("\n".join(found) or f"Every string is translated into {', '.join(LANGUAGES)}.")
        return int(bool(found))
    else:
        print("Use: python -m jazari.portal.translating extract|compile|check", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jazari.settings.test")
    django.setup()
    sys.exit(main(sys.argv[1:]))
