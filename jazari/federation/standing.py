"""How an institute stands: member or not, which processes run, what its worker complains about."""

from __future__ import annotations

from typing import Any

from jazari.core.errors import JazariError
from jazari.federation import exchange, joining
from jazari.settings.home import Home
from jazari.settings.process_state import read_duties, read_state


def institute_status(home: Home) -> dict[str, Any]:
    """The facts of ``jazari institute status``, from this machine alone: nothing is fetched."""
    joining.require_institute(home)
    processes = read_state(home).get("processes", {})
    duties = read_duties(home)
    return {
        "namespace": home.namespace,
        "network": home.config.network,
        "membership": membership(home),
        "request": joining.kept_digest(home),
        "processes": {name: facts.get("pid") for name, facts in processes.items()},
        "problems": {name: facts["problem"] for name, facts in duties.items() if facts.get("problem")},
    }


def membership(home: Home) -> str:
    """One of: no request yet, waiting for the board, member, revoked, or what speaks against it."""
    if not joining.kept_digest(home):
        return "no request yet"
    try:
        joining.check_admitted(home, exchange.open_reader(home).directory())
    except JazariError as error:
        return str(error)
    return "member"
