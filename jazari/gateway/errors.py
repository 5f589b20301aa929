"""What the gateway refuses, and what its users can do about it.

``GatewayError`` is the family. Each class names the HTTP status that an API client gets.
"""

from __future__ import annotations

from typing import ClassVar

from jazari.core.errors import ExitCode, JazariError


class GatewayError(JazariError):
    """Something that the gateway will not or cannot do."""

    code = "gateway.failed"
    exit_code = ExitCode.FAILED
    status: ClassVar[int] = 500


# Policy and configuration


class GatewayMissing(GatewayError):
    """The node has no gateway yet."""

    code = "gateway.no-configuration"
    exit_code = ExitCode.NOT_FOUND


class BadGatewayConfig(GatewayError):
    """The file `gateway/gateway.toml` says something that cannot be meant."""

    code = "gateway.bad-configuration"
    exit_code = ExitCode.USAGE


class SecretUnusable(GatewayError):
    """The secret of a provider is not where gateway.toml says, or others may read it there."""

    code = "gateway.no-secret"
    exit_code = ExitCode.UNAVAILABLE


class AddressRefused(GatewayError):
    """A provider's address leads to where its settings do not allow, such as a machine of one's own network."""

    code = "gateway.address-refused"
    exit_code = ExitCode.REFUSED
    status = 502


class ProviderRedirects(GatewayError):
    """A provider sends calls elsewhere; where to was never decided on, so it is not followed."""

    code = "gateway.provider-redirects"
    exit_code = ExitCode.UNAVAILABLE
    status = 502


class BadGatewayCard(GatewayError):
    """A provider or residency card cannot count here."""

    code = "gateway.bad-card"
    exit_code = ExitCode.REFUSED


class ProviderUnlikeCard(GatewayError):
    """A provider in gateway.toml is not the one that its card attests."""

    code = "gateway.unlike-card"
    exit_code = ExitCode.REFUSED


class NoSuchRoute(GatewayError):
    """No route has the name that the call asks for as its model."""

    code = "gateway.no-such-route"
    exit_code = ExitCode.NOT_FOUND
    status = 404


class PolicyRefuses(GatewayError):
    """The residency policy lets data of the call's class go to no provider of the route."""

    code = "gateway.policy-refuses"
    exit_code = ExitCode.REFUSED
    status = 403


class NoProviderReady(GatewayError):
    """Every provider that the policy allows failed lately."""

    code = "gateway.no-provider-ready"
    exit_code = ExitCode.UNAVAILABLE
    status = 503
