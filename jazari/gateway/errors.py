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
    param: str = ""
    """The field of the request that is wrong, where one is."""


# Policy, routes and settings.


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


# Projects and keys: who may call


class BadKey(GatewayError):
    """No key, a malformed one, or none that exists."""

    code = "gateway.bad-key"
    exit_code = ExitCode.REFUSED
    status = 401


class ExpiredKey(GatewayError):
    """The right secret, but its time, or the overlap after its rotation, is over."""

    code = "gateway.expired-key"
    exit_code = ExitCode.REFUSED
    status = 401


class RevokedKey(GatewayError):
    """The right secret, but the key was revoked or its project closed."""

    code = "gateway.revoked-key"
    exit_code = ExitCode.REFUSED
    status = 401


class UnknownDataClass(GatewayError):
    code = "gateway.unknown-data-class"
    exit_code = ExitCode.USAGE
    status = 400


class DataClassTooHigh(GatewayError):
    """The call says that its data are more sensitive than the key is for."""

    code = "gateway.data-class-too-high"
    exit_code = ExitCode.REFUSED
    status = 403


class NoProviderReady(GatewayError):
    code = "gateway.no-provider-ready"
    exit_code = ExitCode.UNAVAILABLE
    status = 503


# The hot path: what an API client is told.


class BadQuestion(GatewayError):
    code = "gateway.bad-request"
    exit_code = ExitCode.USAGE
    status = 400

    def __init__(self, sentence: str, param: str = "") -> None:
        super().__init__(sentence)
        self.param = param


class BodyTooLarge(GatewayError):
    code = "gateway.body-too-large"
    exit_code = ExitCode.USAGE
    status = 413


class BodyTooSlow(GatewayError):
    code = "gateway.body-too-slow"
    exit_code = ExitCode.USAGE
    status = 408


class NoSuchPath(GatewayError):
    code = "gateway.no-such-path"
    exit_code = ExitCode.NOT_FOUND
    status = 404


class RetryLater(GatewayError):
    """Not now: the client may come again after ``seconds``."""

    code = "gateway.retry-later"
    exit_code = ExitCode.UNAVAILABLE
    status = 429

    def __init__(self, sentence: str, seconds: int = 1) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class Draining(RetryLater):
    code = "gateway.draining"
    status = 503


class ProviderRefused(GatewayError):
    """The provider does not take this request as it is; another provider would not either."""

    code = "gateway.provider-refused"
    exit_code = ExitCode.USAGE
    status = 400


class ProviderFailed(GatewayError):
    """A provider failed, in a way that another may not: never shown to a client by itself."""

    code = "gateway.provider-failed"
    exit_code = ExitCode.UNAVAILABLE
    status = 502
    outcome: ClassVar[str] = "failed"


class BadAnswer(ProviderFailed):
    code = "gateway.bad-answer"
    outcome = "bad answer"


class ProviderSilent(ProviderFailed):
    code = "gateway.provider-silent"
    outcome = "silent"


class ProviderAway(ProviderFailed):
    code = "gateway.provider-away"
    outcome = "not reached"


class ProviderBusy(ProviderFailed):
    code = "gateway.provider-busy"
    outcome = "busy"


class Cut(ProviderFailed):
    """A drill has cut the provider off."""

    code = "gateway.cut"
    outcome = "cut by a drill"
class MayNotDeclassify(GatewayError):
    """The call says that its data are less sensitive than the key's class, without the right to say so."""

    code = "gateway.may-not-declassify"
    exit_code = ExitCode.REFUSED
    status = 403


class RouteNotAllowed(GatewayError):
    """The key names other routes; says nothing about whether this one exists."""

    code = "gateway.route-not-allowed"
    exit_code = ExitCode.REFUSED
    status = 403
