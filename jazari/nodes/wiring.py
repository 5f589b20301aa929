"""Who listens to whom: the one place where the slices of a node are connected.

``connect`` is cheap: it registers names; what they stand for is imported when it is first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jazari.federation import hooks
from jazari.settings.home import Home

if TYPE_CHECKING:
    from jazari.nodes.duties import Duty
    from jazari.trust.directory import Directory


def connect() -> None:
    """Give lower slices what they need from higher ones. Harmless to repeat."""
    hooks.set_card_checker(_card_checker)
    hooks.set_card_types(register_cards)
    hooks.set_engine(_LazyEngine())


def register_cards() -> None:
    """Make every card type known. Harmless to repeat."""
    from jazari.catalog import cards
    from jazari.gateway import card_types as gateway_types
    from jazari.studies import card_types

    cards.register()
    gateway_types.register()
    card_types.register()


def duties(home: Home) -> list[Duty]:
    """What the worker of ``home`` does, by name."""
    from jazari.nodes import node_duties

    connect()
    register_cards()
    return node_duties.duties(home)


def _card_checker(find: hooks.Find, directory: Directory) -> hooks.CardCheck:
    from jazari.catalog.registry import CardContext, card_checker

    register_cards()
    return card_checker(CardContext(find=find, directory=directory))


class _LazyEngine:
    """Imports the engine's parts only when one is asked for."""

    def __getattr__(self, name: str) -> Any:
        from jazari.nodes.engine_hooks import FlareHooks

        return getattr(FlareHooks(), name)
