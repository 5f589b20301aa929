"""What signed records say about providers and policy, as the catalogue has it now. Needs the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from jazari.catalog.models import CatalogItem
from jazari.core.errors import JazariError
from jazari.gateway.cards import ProviderCard
from jazari.gateway.configuration import GatewayConfig, RouteConfig, Target
from jazari.gateway.facts import check_alike, check_member, facts_of, provider_card, residency_of
from jazari.gateway.policy import Decision, Facts, Residency, decide
from jazari.gateway.words import DataClass, Protocol
from jazari.trust.directory import Directory


@dataclass(frozen=True)
class Knowledge:
    """One look at the catalogue. A provider without usable facts is in ``problems``, and nothing goes to it.

    ``offer``: the newest card by which this node offers routes to other institutes; None: it offers nothing.
    """

    residency: Residency | None = None
    facts: Mapping[str, Facts] = field(default_factory=dict)
    cards: Mapping[str, ProviderCard] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    offer: ProviderCard | None = None

    def decisions(self, route: RouteConfig, data_class: DataClass, today: date) -> dict[Target, Decision]:
        """What policy says of every target of ``route`` on ``today``."""
        return {
            target: decide(self.residency, data_class, self.facts.get(target.provider), today)
            for target in route.targets
        }


def read_knowledge(config: GatewayConfig, namespace: str, directory: Directory | None = None) -> Knowledge:
    """The policy of ``namespace`` and the facts on every provider of ``config`` that records attest.

    Gateways of institutes that are not, or no longer, in ``directory`` are left out: what they published remains.
    """
    problems: dict[str, str] = {}
    facts: dict[str, Facts] = {}
    cards: dict[str, ProviderCard] = {}
    for name, provider in config.provider.items():
        item = CatalogItem.objects.filter(ref=provider.card, withdrawn_by="").first()
        if item is None:
            problems[name] = f"{provider.card} is not in the catalogue, or was withdrawn: sync, or name another card."
            continue
        record = item.as_record()
        try:
            check_alike(name, provider, record, config.models_of(name), namespace)
            if provider.protocol is Protocol.JAZARI:
                check_member(record.namespace, directory)
            facts[name], cards[name] = facts_of(name, record), provider_card(record)
        except JazariError as error:
            problems[name] = str(error)
    residency = _residency(config, namespace, problems)
    return Knowledge(residency, facts, cards, problems, _offer(config, namespace, problems))


def _latest(series: str) -> CatalogItem | None:
    return CatalogItem.objects.filter(series=series, is_latest=True, withdrawn_by="").first()


def _residency(config: GatewayConfig, namespace: str, problems: dict[str, str]) -> Residency | None:
    series = f"{namespace}/residency/{config.policy}"
    item = _latest(series)
    if item is None:
        problems["policy"] = f"There is no {series}: publish one with `jazari publish`."
        return None
    try:
        return residency_of(item.as_record(), namespace)
    except JazariError as error:
        problems["policy"] = str(error)
        return None


def _offer(config: GatewayConfig, namespace: str, problems: dict[str, str]) -> ProviderCard | None:
    if config.offer is None:
        return None
    series = f"{namespace}/provider/{config.offer.card}"
    item = _latest(series)
    if item is None:
        problems["offer"] = f"There is no {series}: publish it with `jazari gateway offer`."
        return None
    try:
        card = provider_card(item.as_record())
    except JazariError as error:
        problems["offer"] = str(error)
        return None
    if card.protocol is not Protocol.JAZARI:
        problems["offer"] = f"{item.ref} offers no gateway: give [offer] the name of another card."
        return None
    return card
