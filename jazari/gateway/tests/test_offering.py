"""An offer is a promise: its card says no more than every provider behind it keeps."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.catalog.errors import CardRefused
from jazari.catalog.registry import check_form
from jazari.federation.tls import write_certificate
from jazari.gateway.card_types import register
from jazari.gateway.cards import ProviderCard
from jazari.gateway.configuration import parse_gateway
from jazari.gateway.errors import BadGatewayConfig
from jazari.gateway.facts import facts_of
from jazari.gateway.facts import provider_card as card_of
from jazari.gateway.node_errors import BadOffer
from jazari.gateway.offering import Promise, beyond, fingerprint, offer_card, promise_of
from jazari.gateway.policy import Facts
from jazari.gateway.tests.network_builders import offer_text
from jazari.gateway.tests.policy_builders import provider_card, record

register()
ADDRESS = "https://gateway.fes.example/v1"
TWO = """
[provider.campus]
card = "rabat/provider/campus@1"
protocol = "openai"
address = "https://llm.example.ma/v1"
[provider.abroad]
card = "rabat/provider/abroad@1"
protocol = "openai"
address = "https://llm.example.fr/v1"
[provider.sister]
card = "dakhla/provider/gateway@1"
protocol = "jazari"
address = "https://gateway.dakhla.example/v1"
[route.chat]
kind = "chat"
most_output_tokens = 512
targets = [{ provider = "campus", model = "small" }, { provider = "abroad", model = "large" },
           { provider = "sister", model = "far" }]
"""
CARDS = {
    "campus": provider_card(models=[{"name": "small", "kinds": ["chat"], "context_tokens": 4096, "tools": True}]),
    "abroad": provider_card(
        hosting=["FR"], models=[{"name": "large", "kinds": ["chat"], "context_tokens": 2048, "images": True}]
    ),
    "sister": provider_card(
        protocol="jazari", address="https://gateway.dakhla.example/v1",
        models=[{"name": "far", "kinds": ["chat"], "context_tokens": 1024}],
    ),
}  # fmt: skip


def offered(relays: bool = False, **changes: str) -> ProviderCard:
    config = parse_gateway(TWO + offer_text(**changes))
    records = {name: record("provider", card, name=name) for name, card in CARDS.items()}
    return offer_card(
        config,
        {name: facts_of(name, one) for name, one in records.items()},
        {name: card_of(one) for name, one in records.items()},
        address=ADDRESS,
        certificate="ab" * 32,
        valid_until="2027-03-01",
        relays=relays,
    )


def test_the_card_says_what_providers_within_the_promise_do() -> None:
    card = offered()
    assert (card.protocol, card.address, card.certificate, card.keeps) == ("jazari", ADDRESS, "ab" * 32, 0)
    (model,) = card.models
    assert (model.name, model.context_tokens, model.most_output_tokens) == ("chat", 4096, 512)
    assert (model.images, model.tools) == (False, True)
    check_form("provider", card.model_dump(mode="json"))


def test_who_promises_less_offers_more() -> None:
    (model,) = offered(hosting='["MA", "FR"]').models
    assert (model.context_tokens, model.images, model.tools) == (2048, True, True)


def test_the_root_alone_offers_what_others_compute() -> None:
    assert offered(relays=True).models[0].context_tokens == 1024


def test_what_no_provider_keeps_cannot_be_offered() -> None:
    with pytest.raises(BadOffer, match="campus: its operator is under the law of MA and not of FR"):
        offered(jurisdiction='"FR"')


@pytest.mark.parametrize(
    "changes",
    [{"routes": '["none"]'}, {"routes": "[]"}, {"institutes": '["any", "fes"]'}, {"institutes": '["Fes"]'},
     {"highest": '"all"'}, {"credits_a_month": "-1"}, {"jurisdiction": '"XX"'}, {"address": '"http://fes.example"'},
     {"hosting": "[]"}, {"certificate": '"none"'}, {"extra": "1"}],
)  # fmt: skip
def test_an_offer_that_cannot_be_meant_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(BadGatewayConfig):
        parse_gateway(TWO + offer_text(**changes))


@pytest.mark.parametrize("change", [('"jazari"', '"jazari"\nsecret = "env:KEY"'), ("https://gateway.d", "http://d")])
def test_a_gateway_is_called_with_tls_and_without_a_secret(change: tuple[str, str]) -> None:
    with pytest.raises(BadGatewayConfig):
        parse_gateway(TWO.replace(*change))


@pytest.mark.parametrize(
    "changes",
    [{"certificate": "ab" * 32}, {"protocol": "jazari"},
     {"protocol": "jazari", "address": ADDRESS, "certificate": "AB" * 32}],
)  # fmt: skip
def test_certificates_are_those_of_gateways(changes: dict[str, Any]) -> None:
    with pytest.raises(CardRefused):
        check_form("provider", provider_card(**changes))


def test_the_fingerprint_is_of_what_goes_over_the_line(tmp_path: Path) -> None:
    pem = write_certificate(tmp_path / "tls.crt", tmp_path / "tls.key", "fes", ["127.0.0.1"])
    assert fingerprint(pem.encode()) == hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    with pytest.raises(BadOffer):
        fingerprint(b"none")


some_facts = st.builds(
    Facts,
    provider=st.just("p"),
    operator=st.sampled_from(["MA", "FR"]),
    hosting=st.lists(st.sampled_from(["MA", "FR", "DE"]), max_size=3, unique=True).map(tuple),
    kept_days=st.none() | st.integers(0, 3),
    trains=st.none() | st.booleans(),
    issuer=st.just("rabat"),
    record=st.just("r"),
    valid_until=st.just(date(2027, 1, 1)),
)
some_promises = st.builds(
    Promise,
    st.sampled_from(["MA", "FR"]),
    st.lists(st.sampled_from(["MA", "FR", "DE"]), min_size=1, max_size=3, unique=True).map(tuple),
    st.none() | st.integers(0, 3),
    st.none() | st.booleans(),
)


@given(some_promises, some_facts)
def test_what_keeps_a_promise_keeps_every_weaker_one(promise: Promise, facts: Facts) -> None:
    if beyond(promise, facts) is None:
        weaker = replace(promise, hosting=(*promise.hosting, "ES"), keeps=None, trains=None)
        assert beyond(weaker, facts) is None
        assert set(facts.hosting) <= set(promise.hosting)
        assert promise.trains is not False or facts.trains is False


def test_a_card_keeps_its_own_promise() -> None:
    made = record("provider", offered().model_dump(mode="json"))
    assert beyond(promise_of(card_of(made)), facts_of("fes", made)) is None
