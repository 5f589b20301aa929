"""The card types of the gateway. Registered by ``nodes/wiring``."""

from __future__ import annotations

from datetime import date, timedelta

from jazari.catalog.registry import CardContext, CardType, register_card_type
from jazari.core.canonical import canonical_json
from jazari.gateway.cards import ProviderCard, ResidencyCard
from jazari.gateway.errors import BadGatewayCard
from jazari.trust.records import Record

LONGEST = timedelta(days=731)
"""Two years: nobody's word about a provider, and no policy, counts for good."""


def register() -> None:
    """Make the card types of the gateway known to the catalogue."""
    for card_type in (
        CardType("provider", ProviderCard, check_provider, "Who computes, where, and what is kept: an issuer's word."),
        CardType("residency", ResidencyCard, check_residency, "Where a node lets each class of data go."),
    ):
        register_card_type(card_type)


def check_provider(record: Record, _context: CardContext) -> None:
    """A provider card ends within two years of its publication."""
    _check_end(record, ProviderCard.model_validate_json(canonical_json(record.card)).valid_until)


def check_residency(record: Record, _context: CardContext) -> None:
    """A residency card ends within two years of its publication."""
    _check_end(record, ResidencyCard.model_validate_json(canonical_json(record.card)).valid_until)


def _check_end(record: Record, valid_until: str) -> None:
    published = record.published.date()
    if not published <= date.fromisoformat(valid_until) <= published + LONGEST:
        raise BadGatewayCard(
            f"{record.ref} is refused: valid_until must be a day within two years of {published}; "
            "correct it and publish again."
        )
