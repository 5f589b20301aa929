"""The card types of the catalogue itself: institute, dataset, withdrawal, and governance's checkpoint."""

from __future__ import annotations

from jazari.catalog.cards.dataset import DatasetCard, check_dataset
from jazari.catalog.cards.institute import InstituteCard
from jazari.catalog.cards.withdrawal import WithdrawalCard, check_withdrawal
from jazari.catalog.registry import CardType, register_card_type
from jazari.governance.cards import CheckpointCard


def register() -> None:
    """Make the catalogue's own card types known."""
    for card_type in (
        CardType("institute", InstituteCard, purpose="Who an institute is, in its own words."),
        CardType("dataset", DatasetCard, check_dataset, purpose="A data set that stays at its institute."),
        CardType("withdrawal", WithdrawalCard, check_withdrawal, purpose="Takes back a record of one's own."),
        CardType("checkpoint", CheckpointCard, purpose="Where a node's audit trail stood at a moment."),
    ):
        register_card_type(card_type)
