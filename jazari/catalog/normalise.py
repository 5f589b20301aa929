"""One normaliser for French, Arabic, Tamazight and English, for what is indexed and what is asked.

A word becomes a few *keys*; two words match where their keys meet. Keys are made from the word's script and
not from a declared language, since people type any language into one box. Only what differs in writing is
folded (accents, vowel signs, forms of hamza and alef, plural and gender endings, attached articles and
conjunctions); meaning is not touched. Every key is lower-case letters and digits without a space, so that
SQLite's and PostgreSQL's engines, given keys separated by spaces, find exactly the same.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

LONGEST_KEY = 64
MOST_WORDS = 20_000
MOST_BYTES = 500_000
"""Of keys per item: PostgreSQL's tsvector holds 1 MB, and one item must not stop the whole index."""
MOST_QUERY_WORDS = 16
LONGEST_QUERY = 400
SHORTEST_BEGINNING = 3

_ARABIC = re.compile(r"[\u0600-\u06ff]")
_TIFINAGH = re.compile(r"[\u2d30-\u2d6f]")
# L'eau, d'irrigation, qu'il: the elided word is no word.
_ELISION = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['\u2019\u02bc](?=\w)", re.IGNORECASE)
_FOLD = str.maketrans(
    {
        # Arabic: seats of hamza, alef maqsura, ta marbuta, and the Persian and Moroccan letters for them.
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىیئ", "ي"),
        **dict.fromkeys("کڭݣگ", "ك"),
        "ؤ": "و",
        "ة": "ه",
        "ـ": None,
        # Tifinagh: letters of other schools for IRCAM's.
        **dict.fromkeys("ⴲ", "ⴱ"),
        **dict.fromkeys("ⴴ", "ⴳ"),
        **dict.fromkeys("ⴸ", "ⴷ"),
        **dict.fromkeys("ⴺ", "ⴹ"),
        **dict.fromkeys("ⴿ", "ⴽ"),
        **dict.fromkeys("ⵗ", "ⵖ"),
        # Latin letters that do not decompose.
        "œ": "oe",
        "æ": "ae",
        "ø": "o",
        "đ": "d",
        "ł": "l",
        "ı": "i",
        "ɣ": "gh",
        "ɛ": "e",
    }
)
# Left out of questions (unless there is nothing else), not out of the index.
_SMALL_WORDS = """
    a au aux avec ce ces dans de des du elle en est et il la le les leur ou par pour qui que sa se ses son sont
    sur un une
    an and are as at by for from in is it of on or the to with
    في من على الى عن مع هذا هذه التي الذي او ان و
    ⴷ ⵏ ⵖ ⴳ ⵙ ⵉ ⴰⴷ
"""
_stemmers = threading.local()


def words(text: str) -> list[str]:
    """The words of ``text``, lower-case, without signs; letters and digits of any script count."""
    # Before NFKC, which would make the sign of labialisation a letter.
    plain = _ELISION.sub(" ", unicodedata.normalize("NFKC", text.replace("ⵯ", "")))
    return _runs(_without_signs(plain.lower()))


def _runs(text: str) -> list[str]:
    kept = "".join(character if unicodedata.category(character)[0] in "LN" else " " for character in text)
    return kept.split()


def _without_signs(text: str) -> str:
    """Drop what joins or directs but is no letter: vowel signs of Arabic, joiners, direction marks.

    Accents stay here, because the French stemmer reads them; ``_folded`` drops them.
    """
    return "".join(character for character in text if not _is_sign(character))


def _is_sign(character: str) -> bool:
    category = unicodedata.category(character)
    return category == "Cf" or (category == "Mn" and not "\u0300" <= character <= "\u036f")


def _folded(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.translate(_FOLD))
    bare = "".join(character for character in decomposed if unicodedata.category(character)[0] in "LN")
    return "".join(_digit(character) for character in bare.translate(_FOLD))


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


@lru_cache(maxsize=100_000)
def keys(word: str) -> tuple[str, ...]:
    """The keys of one word (as ``words`` gives it), the folded word first; empty if nothing is left."""
    folded = _folded(word)
    if not folded:
        return ()
    if _ARABIC.search(word):
        found = _arabic_keys(folded)
    elif _TIFINAGH.search(word):
        found = [_tamazight_stem(folded)]
    elif folded.isascii() and folded.isalpha() and len(folded) > 2:
        found = [_folded(_stem("french", word)), _stem("french", folded), _stem("english", folded)]
    else:
        found = []
    return tuple(dict.fromkeys(key[:LONGEST_KEY] for key in (folded, *found) if key))


def _stem(language: str, word: str) -> str:
    # A stemmer keeps its word in itself, so each thread has its own.
    stemmer = getattr(_stemmers, language, None)
    if stemmer is None:
        import snowballstemmer  # dear, and most commands stem nothing

        stemmer = snowballstemmer.stemmer(language)
        setattr(_stemmers, language, stemmer)
    return str(stemmer.stemWord(word))


_CONJUNCTION = re.compile(r"^[وف](?=.{3})")
_ARTICLE = re.compile(r"^(?:[بك]?ال|لل)(?=.{2})")
_PREPOSITION = re.compile(r"^[بلك](?=.{3})")
_ARABIC_END = re.compile(r"(?<=.{3})(?:ات|ون|ين|ها|هم|ه)$")


def _arabic_keys(word: str) -> list[str]:
    """Without و or ف, the article and what is attached to it, and each without ending of number and gender.

    A light stemmer: Snowball's takes so much that soil (تربة) meets education (تربية).
    """
    bare = _ARTICLE.sub("", word)
    joined = _CONJUNCTION.sub("", word)
    if bare == word and _ARTICLE.search(joined):
        bare = _ARTICLE.sub("", joined)
    found = [bare] if bare != word else [word, joined, _PREPOSITION.sub("", word)]
    return found + [_ARABIC_END.sub("", key) for key in found]


_TAMAZIGHT_START = re.compile(r"^(?:[ⵡⵢ]?[ⴰⵓⵉ]|ⵜ[ⴰⵓⵉ]?)(?=.{3})")
_TAMAZIGHT_END = re.compile(r"(?<=.{3})(?:ⵉⵏ|ⴰⵏ|ⵏ|ⵜ)$")


def _tamazight_stem(word: str) -> str:
    """Without the noun's prefix of gender, number and state (ⴰ-, ⵓ-, ⵡⴰ-, ⵉ-, ⵜⴰ-, ⵜ-, ⵜⵉ-) and its ending (-ⵏ, -ⵜ)."""
    return _TAMAZIGHT_END.sub("", _TAMAZIGHT_START.sub("", word))


def index_text(texts: Iterable[str]) -> str:
    """The keys of all words of ``texts``, each once, separated by single spaces.

    At most ``MOST_WORDS`` words and ``MOST_BYTES`` bytes; what comes later is not found by its words.
    """
    found: dict[str, None] = {}
    room = MOST_BYTES
    for word in islice((word for text in texts for word in words(text)), MOST_WORDS):
        fresh = [key for key in keys(word) if key not in found]
        room -= sum(len(key.encode()) + 1 for key in fresh)
        if room < 0:
            break
        found.update(dict.fromkeys(fresh))
    return " ".join(found)


def query_keys(query: str) -> list[tuple[str, ...]]:
    """For each word asked, the keys of which an item must have one; words such as "les" are left out.

    At most ``MOST_QUERY_WORDS`` words of the first ``LONGEST_QUERY`` characters count.
    """
    asked = [found for word in words(query[:LONGEST_QUERY]) if (found := keys(word))]
    telling = [found for found in asked if found[0] not in _FOLDED_SMALL_WORDS]
    return list(dict.fromkeys(telling or asked))[:MOST_QUERY_WORDS]


def unfinished(query: str) -> tuple[tuple[str, ...], list[str]]:
    """The keys of the last word of ``query``, and what a key begins with if that word was not typed to its end.

    No beginning has fewer than ``SHORTEST_BEGINNING`` letters.
    """
    word = "".join(words(query[:LONGEST_QUERY])[-1:])
    folded = _folded(word)
    found = (folded, _arabic_keys(folded)[0]) if _ARABIC.search(word) else (folded,)
    return keys(word), [key[:LONGEST_KEY] for key in dict.fromkeys(found) if len(key) >= SHORTEST_BEGINNING]


_FOLDED_SMALL_WORDS = frozenset(_folded(word) for word in _SMALL_WORDS.split())
