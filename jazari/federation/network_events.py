"""What the network makes happen at a node, for whoever follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jazari.settings.home import Home
    from jazari.trust.reading import Reader, RefreshReport


class NetworkSynced:
    """Event: the mirror of ``home`` was brought up to date; ``report`` says what is new."""

    def __init__(self, home: Home, reader: Reader, report: RefreshReport) -> None:
        self.home = home
        self.reader = reader
        self.report = report
