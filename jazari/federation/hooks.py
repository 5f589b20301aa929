"""What federation needs from slices above it: ``jazari.nodes`` fills these in, so that nothing reaches up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jazari.federation.errors import EngineMissing, NotConnected
from jazari.settings.home import Home

if TYPE_CHECKING:  # every command connects the slices, and most need none of this
    from jazari.trust.directory import Directory
    from jazari.trust.records import Record

    CardCheck = Callable[[Record], None]
    Find = Callable[[str], Record | None]
    CardChecker = Callable[[Find, Directory], CardCheck]
    """Makes the check for one publication, from a way to find accepted records and from who is admitted."""


class Engine(Protocol):
    """The study engine's keys and kits; certificates and requests are PEM text that federation never reads."""

    def found(self, home: Home, hosts: list[str]) -> tuple[str, str]:
        """At the Root: make the engine's authority and server; (authority, server certificate)."""

    def create_request(self, home: Home) -> str:
        """At an institute: make the engine key; the certificate request. The same again if it exists."""

    def check_request(self, request: str, namespace: str) -> None:
        """Raise a ``JazariError`` unless ``request`` is one of ``namespace`` that could be issued."""

    def issue(self, home: Home, request: str, namespace: str) -> str:
        """At the Root: the certificate that answers ``request``."""

    def install(self, home: Home, directory: Directory) -> None:
        """Write what the engine of this node needs, from the verified directory; harmless to repeat."""

    def refresh(self, home: Home, directory: Directory) -> None:
        """Tell a running engine whom the verified directory admits now."""


@dataclass
class _Hooks:
    card_checker: CardChecker | None = None
    register_cards: Callable[[], None] | None = None
    engine: Engine | None = None


_hooks = _Hooks()


def set_card_checker(checker: CardChecker) -> None:
    """Decide who checks the cards of publications that the Root receives."""
    _hooks.card_checker = checker


def card_check(find: Find, directory: Directory) -> CardCheck:
    """The check for the cards of one publication. Without a checker nothing is accepted."""
    if _hooks.card_checker is None:
        raise NotConnected("This process cannot check cards: use the `jazari` command.")
    return _hooks.card_checker(find, directory)


def set_card_types(register: Callable[[], None]) -> None:
    """Decide how every slice's card types are made known."""
    _hooks.register_cards = register


def register_card_types() -> None:
    """Make the card types of every slice known; harmless to repeat."""
    if _hooks.register_cards is None:
        raise NotConnected("This process does not know all card types: use the `jazari` command.")
    _hooks.register_cards()


def set_engine(engine: Engine) -> None:
    """Decide which study engine this node has."""
    _hooks.engine = engine


def engine() -> Engine:
    """The study engine of this node; ``EngineMissing`` if none is installed."""
    if _hooks.engine is None:
        raise EngineMissing("No study engine is installed with this node: install Jazari completely.")
    return _hooks.engine
