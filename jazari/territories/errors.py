"""Errors of territories.

TerritoryError
├── UnknownRegion    territories.unknown-region
└── BadTerritories   territories.bad-file        the network's own reference file cannot be used
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


class TerritoryError(JazariError):
    code = "territories.failed"


class UnknownRegion(TerritoryError):
    code = "territories.unknown-region"
    exit_code = ExitCode.USAGE


class BadTerritories(TerritoryError):
    code = "territories.bad-file"
    exit_code = ExitCode.USAGE
