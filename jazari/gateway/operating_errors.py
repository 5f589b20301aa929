"""What the operator of a gateway is told when it is made, checked and tried; part of the gateway's family."""

from __future__ import annotations

from jazari.core.errors import ExitCode
from jazari.gateway.errors import GatewayError


class GatewayExists(GatewayError):
    """The node has settings of a gateway already."""

    code = "gateway.exists"
    exit_code = ExitCode.CONFLICT


class GatewayUnfit(GatewayError):
    """`jazari gateway check` found what keeps the gateway from working as its settings say."""

    code = "gateway.problems-found"
    exit_code = ExitCode.FAILED


class TracesMissing(GatewayError):
    """gateway.toml asks for traces, which need packages that are not installed."""

    code = "gateway.traces-missing"
    exit_code = ExitCode.UNAVAILABLE


class GatewayAway(GatewayError):
    """No gateway answers where this node's should, or it broke off."""

    code = "gateway.away"
    exit_code = ExitCode.UNAVAILABLE


class PlaygroundShut(GatewayError):
    """No operator has opened the portal's playground, or its key is over."""

    code = "gateway.playground-shut"
    exit_code = ExitCode.NOT_FOUND
