"""Synchronous typed events: a slice announces what happened, others listen, nobody reaches up.

Handlers run in the caller's thread, in the order they subscribed; an error in a handler reaches the
caller, so that an audit trail that cannot be written stops the operation that it should have recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

Event = TypeVar("Event")
_handlers: dict[type[Any], list[Callable[[Any], None]]] = defaultdict(list)


def subscribe(kind: type[Event], handler: Callable[[Event], None]) -> None:
    """Call ``handler`` with every later event of class ``kind`` or of a subclass; twice is once."""
    if handler not in _handlers[kind]:
        _handlers[kind].append(handler)


def unsubscribe(kind: type[Event], handler: Callable[[Event], None]) -> None:
    """Stop calling ``handler``; harmless if it was not subscribed."""
    if handler in _handlers[kind]:
        _handlers[kind].remove(handler)


def emit(event: object) -> None:
    """Tell every subscriber of the event's class and of its base classes."""
    for kind in type(event).__mro__:
        for handler in tuple(_handlers.get(kind, ())):
            handler(event)
