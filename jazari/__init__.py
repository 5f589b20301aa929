"""Jazari: the software of a national network of AI institutes. See README.md, and docs/ for the rest."""

from __future__ import annotations

from typing import Any

__all__ = ["Client"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: commands and engine processes start without pandas and Django.
    if name == "Client":
        from jazari.studies.client import Client

        return Client
    raise AttributeError(f"module 'jazari' has no attribute {name!r}")
