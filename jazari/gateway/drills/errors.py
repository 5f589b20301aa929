"""What stands in the way of a drill."""

from __future__ import annotations

from collections.abc import Collection

from jazari.core.errors import ExitCode
from jazari.federation.cut_off import REGISTRY, ROOT
from jazari.gateway.errors import GatewayError


class DrillError(GatewayError):
    """A drill that cannot be run, read or published."""

    code = "gateway.drill-failed"


class GatewayNotRunning(DrillError):
    """Nobody listens on the gateway's control socket, so there is nothing to cut."""

    code = "gateway.not-running"
    exit_code = ExitCode.UNAVAILABLE


class BadOrder(DrillError):
    """The control socket got something that is no order."""

    code = "gateway.bad-order"
    exit_code = ExitCode.USAGE


class NothingToCut(DrillError):
    """Nothing that can be cut here has this name."""

    code = "gateway.nothing-to-cut"
    exit_code = ExitCode.NOT_FOUND


def check_cut(what: str, providers: Collection[str]) -> None:
    """Raise ``NothingToCut`` unless ``what`` is among ``providers`` (of gateway.toml), ``registry`` or ``root``."""
    if what not in (REGISTRY, ROOT) and what not in providers:
        known = ", ".join(sorted(providers)) or "none"
        raise NothingToCut(f"There is no provider {what[:60]!r} in gateway.toml: cut one of {known}, registry or root.")


class CutAlready(DrillError):
    """One cut is on: there is never a second at the same time."""

    code = "gateway.cut-already"
    exit_code = ExitCode.CONFLICT


class BadDrill(DrillError):
    """A drill cannot be run with these settings."""

    code = "gateway.bad-drill"
    exit_code = ExitCode.USAGE


class BadEvaluation(DrillError):
    """The evaluation file is not one."""

    code = "gateway.bad-evaluation"
    exit_code = ExitCode.USAGE


class BadDrillReport(DrillError):
    """The file is no report of a drill, or its figures do not follow from its measurements."""

    code = "gateway.bad-drill-report"
    exit_code = ExitCode.UNTRUSTED


class DrillNotFound(DrillError):
    """The record is no drill."""

    code = "gateway.drill-not-found"
    exit_code = ExitCode.NOT_FOUND
