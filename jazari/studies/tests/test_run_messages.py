"""What is said of runs is known again from its English text, with what was put into it."""

from __future__ import annotations

import pytest
from django.utils.html import strip_tags
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from jazari.studies import run_messages
from jazari.studies.pages.speaking import spoken
from jazari.studies.run_messages import recognised

MESSAGES = sorted(value for name, value in vars(run_messages).items() if name.isupper() and not name.startswith("_"))
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
NUMBERS = st.integers(min_value=1, max_value=10**6)
VALUES = {
    "round": NUMBERS,
    "rounds": NUMBERS,
    "attempts": NUMBERS,
    "institute": NAMES,
    "code": st.sampled_from(["studies.too-similar", "studies.no-permit"]),
    "institutes": st.lists(NAMES, min_size=1, max_size=5).map(run_messages.listed),
    "detail": st.text(min_size=1),
    "reason": st.text(min_size=1),
}


@pytest.mark.parametrize("message", MESSAGES)
@given(data=st.data())
def test_each_sentence_is_known_again(message: str, data: st.DataObject) -> None:
    names = [name for name in VALUES if f"{{{name}}}" in message]
    text = message.format(**{name: data.draw(VALUES[name]) for name in names})
    found = recognised(text)
    assert found == text
    assert found is not None
    assert found.said.message == message
    assert set(found.said.values) == set(names)


@pytest.mark.parametrize(
    "text", ["", "Round one: waiting for rabat.", "Round 1: waiting for .", "Finished", "x" * 10_000]
)
def test_other_sentences_are_not(text: str) -> None:
    assert recognised(text) is None


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("Round 3: waiting for fes, rabat.", "Tour 3\u202f: en attente de fes et rabat."),
        ("Finished after 8 rounds.", "Terminé\u202f; nombre de tours\u202f: 8."),
        ("This institute's steward chose to refuse the study: no reason given",
         "Le référent des données de cet institut a choisi de refuser l’étude\u202f: aucun motif donné"),
        ("fes sent what the study does not allow: <b>", "fes a envoyé ce que l’étude ne permet pas\u202f: &lt;b&gt;"),
    ],
)  # fmt: skip
def test_a_page_says_them_in_the_language_of_its_reader(text: str, french: str) -> None:
    with override("fr"):
        assert strip_tags(spoken(recognised(text) or "")) == french


def test_what_is_said_in_english_stays_as_it_was_stored() -> None:
    with override("en"):
        assert strip_tags(spoken(recognised("Round 3: waiting for fes, rabat.") or "")) == (
            "Round 3: waiting for fes, rabat."
        )
