"""What a node's worker does again and again about studies; ``nodes/wiring`` lists these as duties."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jazari.catalog.freshness import network_version
from jazari.federation.exchange import root_client
from jazari.federation.root_node import open_key
from jazari.settings.home import Home
from jazari.studies.checks import anything_waits, do_waiting_checks
from jazari.studies.driving import Driver
from jazari.studies.each import OncePerChange
from jazari.studies.engine import Engine
from jazari.studies.following import Follower
from jazari.studies.here import Node, open_here
from jazari.studies.http_api import PURPOSE, run_path


def follow_runs(home: Home) -> bool:
    """An institute: permits, attestations, its own results. Whether anything changed."""
    return _follower(home).follow()


def check_studies(home: Home) -> bool:
    """An institute: the checks on site that were asked for at a page. Whether there was one."""
    return anything_waits() and do_waiting_checks(open_here(home.path))


def drive_runs(home: Home) -> bool:
    """The Root: start what is recorded and watch it. Whether anything changed."""
    return _driver(home).drive()


@lru_cache(maxsize=1)
def _follower(home: Home) -> Follower:
    node = _node(home)
    client = root_client(home, open_key(home.publishing_key))

    def ask_root(reference: str) -> dict[str, Any]:
        return client.ask(run_path(reference), PURPOSE)

    return Follower(node, ask_root, OncePerChange(network_version))


@lru_cache(maxsize=1)
def _driver(home: Home) -> Driver:
    return Driver(_node(home), _engine(home), OncePerChange(network_version))


def _node(home: Home) -> Node:
    return open_here(home.path, signer=open_key(home.publishing_key))


def _engine(home: Home) -> Engine:
    from jazari.studies.flare.engine import FlareEngine

    return FlareEngine(home.path)
