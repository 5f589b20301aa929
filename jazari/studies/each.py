"""Doing something for each of several, so that one that fails holds up no other, and only when there is cause to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from jazari.core.errors import JazariError

Item = TypeVar("Item")


@dataclass
class OncePerChange:
    """Does something again only when ``version`` is another one: a network has many records, and a worker looks often.

    Without a ``version``, every time is taken for a change.
    """

    version: Callable[[], object] = object
    _done: object = None

    def do(self, action: Callable[[], bool]) -> bool:
        """What ``action`` returns; False if it was done since the last change. One that raises is tried again."""
        version = self.version()
        if version == self._done:
            return False
        changed = action()
        self._done = version
        return changed


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
