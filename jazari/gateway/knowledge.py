"""What signed records say about providers and policy, as the catalogue has it now.

Reading needs the database; the module itself does not, so that a process can import it before Django is set up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jazari.core.errors import JazariError
from jazari.gateway.cards import ProviderCard
from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.facts import check_alike, facts_of, provider_card, residency_of
from jazari.gateway.policy import Facts, Residency


@dataclass(frozen=True)
class Knowledge:
    """One look at the catalogue. A provider without usable facts is in ``problems``, and nothing goes to it."""

    residency: Residency | None = None
    facts: Mapping[str, Facts] = field(default_factory=dict)
    cards: Mapping[str, ProviderCard] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


def read_knowledge(config: GatewayConfig, namespace: str) -> Knowledge:
    """The policy of ``namespace`` and the facts on every provider of ``config`` that records attest."""
    from jazari.catalog.models import CatalogItem

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
            facts[name], cards[name] = facts_of(name, record), provider_card(record)
        except JazariError as error:
            problems[name] = str(error)
    residency = _residency(config, namespace, problems)
    return Knowledge(residency, facts, cards, problems)


def _residency(config: GatewayConfig, namespace: str, problems: dict[str, str]) -> Residency | None:
    from jazari.catalog.models import CatalogItem

    series = f"{namespace}/residency/{config.policy}"
    item = CatalogItem.objects.filter(series=series, is_latest=True, withdrawn_by="").first()
    if item is None:
        problems["policy"] = f"There is no {series}: publish one with `jazari publish`."
        return None
    try:
        return residency_of(item.as_record(), namespace)
    except JazariError as error:
        problems["policy"] = str(error)
        return None
