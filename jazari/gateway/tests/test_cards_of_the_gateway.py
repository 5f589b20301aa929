"""Cards are refused where they say something that cannot be, and facts are those of the signed record."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from jazari.catalog.errors import CardRefused
from jazari.catalog.registry import CardContext, check_card, check_form
from jazari.gateway.card_types import register
from jazari.gateway.configuration import ProviderConfig
from jazari.gateway.errors import BadGatewayCard, ProviderUnlikeCard
from jazari.gateway.facts import check_alike, facts_of, residency_of
from jazari.gateway.facts import provider_card as card_of
from jazari.gateway.policy import Facts
from jazari.gateway.tests.policy_builders import provider_card, record, residency_card, rule

register()
NOWHERE = CardContext(find=lambda _ref: None)


def test_a_card_of_each_type_is_accepted() -> None:
    check_card(record("provider", provider_card()), NOWHERE)
    check_card(record("residency", residency_card(rule("personal"), rule("public", operators=["any"]))), NOWHERE)


MODEL = {"name": "m", "kinds": ["chat"], "context_tokens": 10}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"operator": {"name": "X", "jurisdiction": "UK"}}, "no country"),
        ({"hosting": ["MA", "ma"]}, "no country"),
        ({"hosting": []}, "hosting"),
        ({"hosting": ["MA", "MA"]}, "listed twice"),
        ({"keeps": -1}, "keeps"),
        ({"keeps": "0"}, "keeps"),
        ({"trains_on_prompts": "no"}, "trains_on_prompts"),
        ({"protocol": "telnet"}, "protocol"),
        ({"address": "http://api.example.ma"}, "https"),
        ({"address": "https://user:word@api.example.ma"}, "host"),
        ({"protocol": "embedded", "address": "https://api.example.ma"}, "embedded"),
        ({"models": []}, "models"),
        ({"models": [MODEL, MODEL]}, "listed twice"),
        ({"models": [{**MODEL, "kinds": ["chat", "chat"]}]}, "listed twice"),
        ({"models": [{**MODEL, "energy_wh_per_1000_tokens": 0.3}]}, "source"),
        ({"models": [{**MODEL, "name": "../m"}]}, "name"),
        ({"valid_until": "2027-02-30"}, "valid_until"),
        ({"valid_until": "2027-W01-1"}, "valid_until"),
        ({"prompt": "x"}, "prompt"),
    ],
)
def test_a_provider_card_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CardRefused, match=words):
        check_form("provider", provider_card(**changes))


@pytest.mark.parametrize("unknown", ["keeps", "trains_on_prompts"])
def test_unknown_is_said_and_not_left_out(unknown: str) -> None:
    card = provider_card(**{unknown: None})
    check_form("provider", card)
    del card[unknown]
    with pytest.raises(CardRefused, match=unknown):
        check_form("provider", card)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (residency_card(rule("personal", operators=["any", "MA"])), "alone"),
        (residency_card(rule("personal", hosting=["XX"])), "no country"),
        (residency_card(rule("private")), "data_class"),
        (residency_card(issuers=["targets"]), "reserved"),
        (residency_card(issuers=["rabat", "rabat"]), "listed twice"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(card: dict[str, Any], words: str) -> None:
    with pytest.raises(CardRefused, match=words):
        check_form("residency", card)


@pytest.mark.parametrize("day", ["2026-10-31", "2028-11-02", "9999-12-31"])
@pytest.mark.parametrize("kind", ["provider", "residency"])
def test_nothing_counts_for_good_or_is_published_when_over(kind: str, day: str) -> None:
    card = provider_card(valid_until=day) if kind == "provider" else residency_card(valid_until=day)
    with pytest.raises(BadGatewayCard, match="within two years of 2026-11-01"):
        check_card(record(kind, card), NOWHERE)


def test_facts_are_those_of_the_card_and_the_issuer_is_who_signed_it() -> None:
    card = provider_card(hosting=["MA", "FR"], keeps=None, trains_on_prompts=True)
    assert facts_of("campus", record("provider", card, "dakhla")) == Facts(
        "campus", "MA", ("MA", "FR"), None, True, "dakhla", "dakhla/provider/main@1", date(2027, 10, 31)
    )


def test_only_the_node_itself_makes_its_policy() -> None:
    foreign = record("residency", residency_card(rule("secret", operators=["any"])), "dakhla")
    with pytest.raises(BadGatewayCard, match="another institute's"):
        residency_of(foreign, "rabat")


@pytest.mark.parametrize(
    "bad", [record("dataset", provider_card()), record("provider", {"title": {"fr": "x"}})], ids=["type", "form"]
)
def test_no_facts_come_from_another_record(bad) -> None:
    with pytest.raises(BadGatewayCard):
        facts_of("campus", bad)


def test_a_model_is_found_by_name_or_not_at_all() -> None:
    card = card_of(record("provider", provider_card()))
    assert card.model("small").context_tokens == 8192
    assert card.model("Small") is None


def declared(**changes: Any) -> ProviderConfig:
    values = {"card": "rabat/provider/main@1", "protocol": "openai", "address": "https://api.example.ma/v1"}
    return ProviderConfig.model_validate_json(json.dumps({**values, **changes}))


def alike(config: ProviderConfig, card: dict[str, Any], namespace: str = "rabat", models: tuple[str, ...] = ()) -> None:
    check_alike("campus", config, record("provider", card, namespace), models, "rabat")


@pytest.mark.parametrize(
    "address", [None, "https://api.example.ma", "https://api.example.ma:443/", "https://api.example.ma/v1/"]
)
def test_a_provider_is_like_its_card(address: str | None) -> None:
    alike(declared(), provider_card(address=address), models=("small",))


@pytest.mark.parametrize(
    ("config", "card", "words"),
    [
        (declared(card="rabat/provider/other@1"), provider_card(), "names rabat/provider/other@1"),
        (declared(protocol="mistral"), provider_card(), "protocol openai"),
        (declared(), provider_card(address="https://api.example.fr/v1"), "says address"),
        (declared(), provider_card(address="https://api.example.ma:8443/v1"), "says address"),
        (declared(), provider_card(address="https://api.example.ma/v1/eu"), "says address"),
        (declared(address="https://api.example.ma/v11"), provider_card(address="https://api.example.ma/v1"), "address"),
    ],
)
def test_true_words_about_one_machine_do_not_count_for_another(config, card, words: str) -> None:
    with pytest.raises(ProviderUnlikeCard, match=words):
        alike(config, card)


def test_a_model_that_the_card_does_not_list_is_not_asked() -> None:
    with pytest.raises(ProviderUnlikeCard, match="no model large"):
        alike(declared(), provider_card(), models=("small", "large"))


def test_what_is_embedded_here_is_attested_here() -> None:
    config = declared(protocol="embedded", address=None, card="dakhla/provider/main@1")
    with pytest.raises(ProviderUnlikeCard, match="this node alone"):
        alike(config, provider_card(protocol="embedded"), "dakhla")
    alike(declared(protocol="embedded", address=None), provider_card(protocol="embedded"))
