"""Offering routes to other institutes, and finding what they offer. Needs the database; publishing needs the key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from jazari.catalog.models import CatalogItem
from jazari.catalog.operations import publish_draft
from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.core.files import plain_os_errors
from jazari.federation import exchange
from jazari.gateway.cards import ProviderCard
from jazari.gateway.configuration import GatewayConfig, OfferConfig, read_gateway
from jazari.gateway.errors import GatewayMissing
from jazari.gateway.facts import facts_of, provider_card
from jazari.gateway.knowledge import read_knowledge
from jazari.gateway.mirrored import is_member, known_directory
from jazari.gateway.node_errors import BadOffer
from jazari.gateway.offering import fingerprint, offer_card
from jazari.gateway.policy import Decision, decide
from jazari.gateway.words import DataClass, Protocol
from jazari.settings.home import Home
from jazari.trust.errors import SourceUnavailable
from jazari.trust.records import Draft, Record


@dataclass(frozen=True)
class Found:
    """What an institute offers. ``name``: what it is called in gateway.toml, or would be; ``used``: its record there.

    ``decisions``: what this node's policy says of it today, for each class of data.
    """

    name: str
    used: str
    record: str
    institute: str
    card: ProviderCard
    decisions: Mapping[DataClass, Decision]

    @property
    def allowed(self) -> list[DataClass]:
        """The classes of data that may go there."""
        return [data_class for data_class, decision in self.decisions.items() if decision.allowed]

    @property
    def lines(self) -> str:
        """What to write into gateway.toml to use it: a provider, and an example of a route."""
        first = self.card.models[0]
        return (
            f'[provider.{self.name}]\ncard = "{self.record}"\nprotocol = "jazari"\naddress = "{self.card.address}"\n\n'
            f'[route.{self.name}]\nkind = "{first.kinds[0]}"\n'
            f'targets = [{{ provider = "{self.name}", model = "{first.name}" }}]\n'
        )


def discover(home: Home) -> list[Found]:
    """What other institutes offer by the newest cards that are here, by institute."""
    config = _config(home)
    directory = known_directory(home.mirror)
    residency = read_knowledge(config, home.namespace, directory).residency
    today = clock.now().date()
    found = []
    for record, card in _offers(home.namespace):
        if not is_member(record.namespace, directory):
            continue
        name, used = _use(config, record)
        facts = facts_of(name, record)
        decisions = {one: decide(residency, one, facts, today) for one in DataClass}
        found.append(Found(name, used, record.ref, record.namespace, card, decisions))
    return found


def _config(home: Home) -> GatewayConfig:
    try:
        return read_gateway(home.path)
    except GatewayMissing:
        return GatewayConfig()  # who has no gateway yet may want to know what one could use


def _offers(own: str) -> Iterator[tuple[Record, ProviderCard]]:
    items = CatalogItem.objects.filter(type="provider", is_latest=True, withdrawn_by="", problem="")
    for item in items.exclude(namespace=own).order_by("namespace", "ref"):
        record = item.as_record()
        with suppress(JazariError):
            card = provider_card(record)
            if card.protocol is Protocol.JAZARI:
                yield record, card


def _use(config: GatewayConfig, record: Record) -> tuple[str, str]:
    series = record.ref.partition("@")[0]
    for name, provider in config.provider.items():
        if provider.card.partition("@")[0] == series:
            return name, provider.card
    return record.namespace, ""


def draft_offer(home: Home, days: int) -> Draft:
    """The card of what gateway.toml offers, good for ``days`` from today; ``BadOffer`` where it cannot be promised."""
    config = read_gateway(home.path)
    if config.offer is None:
        raise BadOffer(f"{home.path}/gateway/gateway.toml offers nothing: add [offer], as its comments show.")
    known = read_knowledge(config, home.namespace, known_directory(home.mirror))
    card = offer_card(
        config,
        known.facts,
        known.cards,
        address=_address(home, config, config.offer),
        certificate=_certificate(home, config, config.offer),
        valid_until=(clock.now().date() + timedelta(days=days)).isoformat(),
        relays=home.is_root,
    )
    return Draft("provider", config.offer.card, card.model_dump(mode="json"))


def publish_offer(home: Home, draft: Draft, passphrase_file: Path | None = None) -> Record:
    """Publish the card; the running gateway admits other institutes by it as soon as this returns."""
    record = publish_draft(home, draft, passphrase_file)
    with suppress(SourceUnavailable):
        exchange.sync(home)
    return record


def _address(home: Home, config: GatewayConfig, offer: OfferConfig) -> str:
    if offer.address is not None:
        return offer.address
    host = urlsplit(home.config.url).hostname
    if not host:
        raise BadOffer("Where others reach this gateway is not known: give [offer] an address, https://HOST:PORT/v1.")
    return f"https://{host}:{config.port}/v1"


def _certificate(home: Home, config: GatewayConfig, offer: OfferConfig) -> str | None:
    if offer.certificate == "authority":
        return None
    if not config.uses_tls:
        raise BadOffer(
            'This gateway listens without TLS, on this machine alone: set host, or tls = "always", or certificate = '
            '"authority" where a proxy stands before it.'
        )
    with plain_os_errors(home.tls_certificate):
        return fingerprint(home.tls_certificate.read_bytes())
