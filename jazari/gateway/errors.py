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
    code = "gateway.no-configuration"
    exit_code = ExitCode.NOT_FOUND


class BadGatewayConfig(GatewayError):
    code = "gateway.bad-configuration"
    exit_code = ExitCode.USAGE


class SecretUnusable(GatewayError):
    code = "gateway.no-secret"
    exit_code = ExitCode.UNAVAILABLE


class AddressRefused(GatewayError):
    code = "gateway.address-refused"
    exit_code = ExitCode.REFUSED
    status = 502


class ProviderRedirects(GatewayError):
    code = "gateway.provider-redirects"
    exit_code = ExitCode.UNAVAILABLE
    status = 502


class BadGatewayCard(GatewayError):
    code = "gateway.bad-card"
    exit_code = ExitCode.REFUSED


class ProviderUnlikeCard(GatewayError):
    code = "gateway.unlike-card"
    exit_code = ExitCode.REFUSED


class NoSuchRoute(GatewayError):
    code = "gateway.no-such-route"
    exit_code = ExitCode.NOT_FOUND
    status = 404


class PolicyRefuses(GatewayError):
    code = "gateway.policy-refuses"
    exit_code = ExitCode.REFUSED
    status = 403


class NoProviderReady(GatewayError):
    code = "gateway.no-provider-ready"
    exit_code = ExitCode.UNAVAILABLE
    status = 503
