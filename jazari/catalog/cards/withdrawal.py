"""The withdrawal card: an institute takes back a record of its own. Nothing published ever disappears."""

from __future__ import annotations

from pydantic import Field

from jazari.catalog.cards.base import Card, Reference
from jazari.catalog.errors import CardRefused
from jazari.catalog.registry import CardContext
from jazari.catalog.texts import Text
from jazari.core.identifiers import RecordRef
from jazari.trust.records import Record

FINAL = ("withdrawal", "checkpoint", "approval", "attestation")
"""Types that cannot be withdrawn: they are evidence. An approval is taken back by a later decision."""


class WithdrawalCard(Card):
    """One version of one record is withdrawn: it stays readable and is shown as withdrawn."""

    withdraws: Reference = Field(description="The record, with its version: namespace/type/name@version.")
    reason: Text = Field(description="Why, for those who used it.")


def check_withdrawal(record: Record, context: CardContext) -> None:
    """Only one's own, only what exists, only what can be withdrawn."""
    target = RecordRef.parse(record.card["withdraws"])
    if target.namespace != record.namespace:
        raise CardRefused(
            f"{target} belongs to {target.namespace} and {record.namespace} cannot withdraw it: ask that institute."
        )
    if target.type in FINAL:
        raise CardRefused(f"{target} is evidence and cannot be withdrawn: publish a later version instead.")
    if context.find(str(target)) is None:
        raise CardRefused(f"{target} is not published, so it cannot be withdrawn: check the reference.")
