"""From signed records to what decisions are made of, and whether a provider is the one that its card speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TypeVar

from pydantic import ValidationError

from jazari.catalog.cards.base import Card
from jazari.catalog.registry import explain
from jazari.core.canonical import canonical_json
from jazari.gateway.cards import ProviderCard, ResidencyCard
from jazari.gateway.configuration import ProviderConfig
from jazari.gateway.errors import BadGatewayCard, ProviderUnlikeCard
from jazari.gateway.mirrored import is_member
from jazari.gateway.policy import Facts, Residency
from jazari.gateway.provider_address import check_provider_url
from jazari.gateway.words import Protocol
from jazari.trust.directory import Directory
from jazari.trust.records import Record

C = TypeVar("C", bound=Card)


def provider_card(record: Record) -> ProviderCard:
    """The card of a provider record; ``BadGatewayCard`` for any other record."""
    return _card(record, "provider", ProviderCard)


def facts_of(provider: str, record: Record) -> Facts:
    """What the verified ``record`` attests about ``provider`` (its name in gateway.toml).

    The issuer is the namespace of the record, whose keys signed it. The caller leaves out withdrawn records.
    """
    card = provider_card(record)
    return Facts(
        provider=provider,
        operator=card.operator.jurisdiction,
        hosting=tuple(card.hosting),
        kept_days=card.keeps,
        trains=card.trains_on_prompts,
        issuer=record.namespace,
        record=record.ref,
        valid_until=date.fromisoformat(card.valid_until),
    )


def residency_of(record: Record, namespace: str) -> Residency:
    """The policy of the node ``namespace`` in the verified ``record`` of its own log; no other institute's rules it."""
    if record.namespace != namespace:
        raise BadGatewayCard(f"{record.ref} is another institute's policy: publish your own as {namespace}.")
    return Residency(record.ref, _card(record, "residency", ResidencyCard))


def check_alike(name: str, provider: ProviderConfig, record: Record, models: Iterable[str], namespace: str) -> None:
    """Raise ``ProviderUnlikeCard`` unless the provider declared as ``name`` is the one that ``record`` speaks of.

    Its protocol, its address where the card has one, and every model asked of it are the card's; and what is embedded
    in the node ``namespace`` only that node can attest. Otherwise true words about one machine would count for another.
    """
    card = provider_card(record)
    problem = None
    if record.ref != provider.card:
        problem = f"it names {provider.card}"
    elif provider.protocol is not card.protocol:
        problem = f"the card says protocol {card.protocol}"
    elif provider.protocol is Protocol.EMBEDDED and record.namespace != namespace:
        problem = "what is embedded in this node is attested by this node alone"
    elif provider.protocol is Protocol.JAZARI and record.namespace == namespace:
        problem = "a gateway does not call itself"
    elif card.address is not None and not _within(provider.address or "", card.address):
        problem = f"the card says address {card.address}"
    else:
        unknown = [model for model in models if card.model(model) is None]
        problem = f"the card has no model {unknown[0]}" if unknown else None
    if problem is not None:
        raise ProviderUnlikeCard(f"The provider {name} is not what {record.ref} attests ({problem}): correct either.")


def check_member(institute: str, directory: Directory | None) -> None:
    """Raise ``ProviderUnlikeCard`` unless ``institute`` is in the network as known here."""
    if not is_member(institute, directory):
        raise ProviderUnlikeCard(
            f"Nothing is sent to {institute}, which is revoked, or not in the network as known here: "
            "sync, or take its gateway out."
        )


def _within(address: str, card_address: str) -> bool:
    """Whether ``address`` has the origin of the card's and a path below it."""
    ours, theirs = check_provider_url(address), check_provider_url(card_address)
    same = (ours.scheme, ours.hostname, ours.port or 443) == (theirs.scheme, theirs.hostname, theirs.port or 443)
    return same and f"{ours.path.rstrip('/')}/".startswith(f"{theirs.path.rstrip('/')}/")


def _card(record: Record, kind: str, model: type[C]) -> C:
    if record.type != kind:
        raise BadGatewayCard(f"{record.ref} is no record of type {kind}: name one.")
    try:
        return model.model_validate_json(canonical_json(record.card))
    except ValidationError as error:
        raise BadGatewayCard(f"{record.ref} is not valid: {explain(error)}; name another version.") from error
