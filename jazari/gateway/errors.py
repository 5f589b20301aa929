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


# Money, receipts and limits


class OutOfCredits(GatewayError):
    """The project's budget does not cover what the call may cost at most."""

    code = "gateway.out-of-credits"
    exit_code = ExitCode.REFUSED
    # Not 429, which clients repeat: waiting brings no credits.
    status = 402


class JournalUnwritable(GatewayError):
    """A call cannot be accounted for (the disk is full or fails), so none is taken."""

    code = "gateway.journal-unwritable"
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
class JournalDamaged(GatewayError):
    """The journal is not what was written."""

    code = "gateway.journal-damaged"
    exit_code = ExitCode.UNTRUSTED


class BadAccounting(GatewayError):
    """A settlement that fits no reservation: a mistake in our own code, stopped before it reaches the journal."""

    code = "gateway.bad-accounting"


class ReceiptNotFound(GatewayError):
    code = "gateway.receipt-not-found"
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
class ReceiptUntrusted(GatewayError):
    """A receipt, a proof and an anchor that do not belong together."""

    code = "gateway.receipt-untrusted"
    exit_code = ExitCode.UNTRUSTED


class _Later(GatewayError):
    """What passes by itself: ``retry_after_seconds`` says when to try again."""

    code = "gateway.later"

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class LimitReached(_Later):
    """The key asked more often, for more tokens or for more streams at once than it may."""

    code = "gateway.limit-reached"
    exit_code = ExitCode.UNAVAILABLE
    status = 429


class ProviderBusy(_Later):
    """Everything that the provider does at once is taken, and so is the queue or the time to wait in it."""

    code = "gateway.provider-busy"
    exit_code = ExitCode.UNAVAILABLE
    status = 503
