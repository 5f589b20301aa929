"""The card types of the gateway. Registered by ``nodes/wiring``."""

from __future__ import annotations

from datetime import date, timedelta

from jazari.catalog.registry import CardContext, CardType, register_card_type
from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.gateway.cards import ProviderCard, ResidencyCard
from jazari.gateway.drills.card import CALLS_FILE, DrillCard
from jazari.gateway.errors import BadGatewayCard
from jazari.trust.records import Record

LONGEST = timedelta(days=731)
"""Two years: nobody's word about a provider, and no policy, counts for good."""


def register() -> None:
    """Make the card types of the gateway known to the catalogue."""
    for card_type in (
        CardType("provider", ProviderCard, check_provider, "Who computes, where, and what is kept: an issuer's word."),
        CardType("residency", ResidencyCard, check_residency, "Where a node lets each class of data go."),
        CardType("drill", DrillCard, check_drill, "A provider cut off on purpose, and what that did."),
    ):
        register_card_type(card_type)


def check_provider(record: Record, _context: CardContext) -> None:
    """A provider card ends within two years of its publication."""
    _check_end(record, ProviderCard.model_validate_json(canonical_json(record.card)).valid_until)


def check_residency(record: Record, _context: CardContext) -> None:
    """A residency card ends within two years of its publication."""
    _check_end(record, ResidencyCard.model_validate_json(canonical_json(record.card)).valid_until)


def check_drill(record: Record, _context: CardContext) -> None:
    """A drill is past, and its calls and plots are among the record's files."""
    card = DrillCard.model_validate_json(canonical_json(record.card))
    missing = [name for name in (CALLS_FILE, *card.plots) if record.file(name) is None]
    if missing:
        raise BadGatewayCard(f"{record.ref} is refused: the file {missing[0]} is missing; publish it with its files.")
    if clock.timestamp(record.published) < card.began:
        raise BadGatewayCard(f"{record.ref} is refused: it begins after its publication; correct the clock.")


def _check_end(record: Record, valid_until: str) -> None:
    published = record.published.date()
    if not published <= date.fromisoformat(valid_until) <= published + LONGEST:
        raise BadGatewayCard(
            f"{record.ref} is refused: valid_until must be a day within two years of {published}; "
            "correct it and publish again."
        )
