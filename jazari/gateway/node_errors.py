"""What goes wrong between two institutes' gateways, on either side."""

from __future__ import annotations

from typing import ClassVar

from jazari.core.errors import ExitCode
from jazari.gateway.errors import GatewayError, ProviderFailed

# Calling another institute's gateway


class ProviderDeclined(ProviderFailed):
    """Another institute's gateway answers, and will not do this call for this node; it is in good health."""

    code = "gateway.provider-declined"
    outcome: ClassVar[str] = "declined"


class ProviderNotItself(ProviderFailed):
    """Who answers at another institute's address does not show the certificate on its card."""

    code = "gateway.provider-not-itself"
    outcome: ClassVar[str] = "not itself"


# Offering, and being called


class BadOffer(GatewayError):
    """What gateway.toml offers to other institutes cannot be promised on a card."""

    code = "gateway.bad-offer"
    exit_code = ExitCode.USAGE


class BadNodeCall(GatewayError):
    """A call with a node's identity that is malformed, changed, signed for another gateway or with another key."""

    code = "gateway.bad-node-call"
    exit_code = ExitCode.REFUSED
    # Not 400: the gateway that calls would tell its own client, who can correct nothing.
    status: ClassVar[int] = 401


class NodeRefused(GatewayError):
    """The institute that calls is unknown, or the board has revoked it."""

    code = "gateway.node-refused"
    exit_code = ExitCode.REFUSED
    status: ClassVar[int] = 403


class NodeClockWrong(GatewayError):
    """The clocks of the two gateways differ by more than calls may be old."""

    code = "gateway.node-clock-wrong"
    exit_code = ExitCode.REFUSED
    status: ClassVar[int] = 401


class NodeReplayed(GatewayError):
    """The same signed call came before."""

    code = "gateway.node-replayed"
    exit_code = ExitCode.REFUSED
    status: ClassVar[int] = 409


class NotOffered(GatewayError):
    """This gateway offers nothing to the institute that calls, or not this."""

    code = "gateway.not-offered"
    exit_code = ExitCode.REFUSED
    status: ClassVar[int] = 403
