"""The invitation that a node keeps: what it needs to verify the network and to reach the Root."""

from __future__ import annotations

from jazari.federation.errors import NotAdmitted
from jazari.settings.home import Home
from jazari.settings.network import NetworkFile


def network_of(home: Home) -> NetworkFile:
    """The invitation kept in ``home``; ``NotAdmitted`` before there is one."""
    if not home.network_file.exists():
        step = "`jazari root finish`" if home.is_root else "`jazari institute request`"
        raise NotAdmitted(f"{home.namespace} belongs to no network yet: run {step} first.")
    return NetworkFile.read(home.network_file)
