"""What a node promises other institutes about the routes that it offers, and whether a provider keeps within it. Pure.

A card has one operator and one list of countries, while an offered route may lead to several providers. So the promise
comes first: what goes beyond it takes no call of another institute, today or after a change of gateway.toml.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError

from jazari.catalog.registry import explain
from jazari.core.canonical import canonical_json
from jazari.gateway.cards import ProviderCard, ProviderModel
from jazari.gateway.configuration import GatewayConfig, OfferConfig
from jazari.gateway.node_errors import BadOffer
from jazari.gateway.policy import Facts
from jazari.gateway.words import Protocol


@dataclass(frozen=True)
class Promise:
    """What is stated about whoever computes a call; None is not stated."""

    operator: str
    hosting: tuple[str, ...]
    keeps: int | None
    trains: bool | None


def promise_of(card: ProviderCard) -> Promise:
    """What ``card`` states."""
    return Promise(card.operator.jurisdiction, tuple(card.hosting), card.keeps, card.trains_on_prompts)


def beyond(promise: Promise, facts: Facts) -> str | None:
    """What speaks against sending others' calls to the provider with these ``facts``; None if it keeps the promise."""
    return next(_excesses(promise, facts), None)


def _excesses(promise: Promise, facts: Facts) -> Iterator[str]:
    if facts.operator != promise.operator:
        yield f"its operator is under the law of {facts.operator} and not of {promise.operator}"
    outside = [country for country in facts.hosting if country not in promise.hosting]
    if outside or not facts.hosting:
        yield f"it is hosted in {', '.join(outside) or 'an unknown country'}"
    if promise.keeps is not None and (facts.kept_days is None or facts.kept_days > promise.keeps):
        yield f"it may keep prompts for longer than {promise.keeps} days"
    if promise.trains is False and facts.trains is not False:
        yield "it may train on prompts"


def offer_card(
    config: GatewayConfig,
    facts: Mapping[str, Facts],
    cards: Mapping[str, ProviderCard],
    *,
    address: str,
    certificate: str | None,
    valid_until: str,
    relays: bool,
) -> ProviderCard:
    """The card that offers what ``[offer]`` names; ``BadOffer`` where a route has no target that keeps the promise.

    ``certificate``: see ``fingerprint``, None where an authority vouches for it. ``relays``: this is the Root's.
    """
    if config.offer is None:
        raise BadOffer("This gateway offers nothing: add [offer] to gateway.toml.")
    offer = config.offer
    promise = Promise(offer.jurisdiction, offer.hosting, offer.keeps, offer.trains_on_prompts)
    models = [_model(config, alias, promise, facts, cards, relays) for alias in offer.routes]
    try:
        return ProviderCard.model_validate_json(
            canonical_json(_document(offer, models) | {
                "address": address,
                "certificate": certificate,
                "valid_until": valid_until,
            })
        )  # fmt: skip
    except ValidationError as error:
        raise BadOffer(f"[offer] in gateway.toml cannot become a card: {explain(error)}; correct it.") from error


def _document(offer: OfferConfig, models: list[ProviderModel]) -> dict[str, object]:
    return {
        "title": dict(offer.title),
        "operator": {"name": offer.operator, "jurisdiction": offer.jurisdiction},
        "hosting": list(offer.hosting),
        "keeps": offer.keeps,
        "trains_on_prompts": offer.trains_on_prompts,
        "protocol": str(Protocol.JAZARI),
        "models": [model.model_dump(mode="json") for model in models],
    }


def _model(
    config: GatewayConfig,
    alias: str,
    promise: Promise,
    facts: Mapping[str, Facts],
    cards: Mapping[str, ProviderCard],
    relays: bool,
) -> ProviderModel:
    """The route ``alias`` as a model: what any of its targets takes, for as much context as all of them."""
    route, objections, models = config.route[alias], [], []
    for target in route.targets:
        objection = _objection(config, target.provider, promise, facts, relays)
        model = cards[target.provider].model(target.model) if objection is None else None
        if model is not None:
            models.append(model)
        else:
            objections.append(f"{target.provider}: {objection or 'its card does not list the model'}")
    if not models:
        raise BadOffer(
            f"The route {alias} cannot be offered, as no provider of it keeps what [offer] states "
            f"({'; '.join(objections)}): state what is true, or offer another route."
        )
    return ProviderModel(
        name=alias,
        kinds=[route.kind],
        context_tokens=min(model.context_tokens for model in models),
        most_output_tokens=route.most_output_tokens,
        images=any(model.images for model in models),
        tools=any(model.tools for model in models),
    )


def _objection(
    config: GatewayConfig, provider: str, promise: Promise, facts: Mapping[str, Facts], relays: bool
) -> str | None:
    if provider not in facts:
        return "nobody attests where it is"
    if config.provider[provider].protocol is Protocol.JAZARI and not relays:
        return "it is another institute's, and only the Root passes calls on"
    return beyond(promise, facts[provider])


def fingerprint(pem: bytes) -> str:
    """SHA-256 of the first certificate in ``pem`` as it goes over the line (DER); ``BadOffer`` if there is none."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise BadOffer("The node's TLS certificate cannot be read: restore keys/tls.crt.") from error
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
