"""A short text that is another one whenever what readers see of the verified network may be."""

from __future__ import annotations

from jazari.catalog.queries import catalogue_version
from jazari.federation.queries import directory_stamp
from jazari.settings.runtime import this_home


def network_version() -> str:
    """From the index of the catalogue and the directory of institutes."""
    return f"{catalogue_version()}-{directory_stamp(this_home())}"
