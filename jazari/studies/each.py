"""Doing something for each of several, so that one that fails holds up no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from jazari.core.errors import JazariError

Item = TypeVar("Item")


def each(items: Iterable[Item], action: Callable[[Item], bool]) -> bool:
    """Do ``action`` for every item; whether any changed something. The first error is raised at the end."""
    changed, problem = False, None
    for item in items:
        try:
            changed = action(item) or changed
        except JazariError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    return changed
