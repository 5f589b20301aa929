"""The named steps of a publication and of a ceremony, in order, at which a crash must do no harm.

Tests kill a process at each of them and check that the next attempt ends well.
"""

from __future__ import annotations

from collections.abc import Callable

PUBLISHER_STEPS = (
    "publisher.started",
    "publisher.files-kept",
    "publisher.prepared",
    "publisher.received",
    "publisher.log-written",
    "publisher.indexed",
    "publisher.cleared",
)
ACCEPTANCE_STEPS = (
    "acceptance.checked",
    "acceptance.files-stored",
    "acceptance.log-written",
    "repository.metadata-written",
    "repository.snapshot-written",
    "repository.committed",
    "acceptance.indexed",
)
INSTALL_STEPS = (
    "install.journal-written",
    "install.directory-written",
    "repository.metadata-written",
    "repository.snapshot-written",
    "install.root-written",
    "repository.committed",
    "install.frozen",
)

_observers: list[Callable[[str], None]] = []


def reached(step: str) -> None:
    """Say that ``step`` is done; nobody listens in production."""
    for observer in _observers:
        observer(step)


def observe(observer: Callable[[str], None]) -> None:
    """Call ``observer`` at every step from now on (tests)."""
    _observers.append(observer)


def stop_observing(observer: Callable[[str], None]) -> None:
    """Stop calling ``observer``."""
    _observers.remove(observer)
