"""What the gateway refuses, and what its users can do about it.

``GatewayError`` is the family. Each class names the HTTP status that an API client gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from jazari.core.errors import ExitCode, JazariError


class GatewayError(JazariError):
    """Something that the gateway will not or cannot do.

    ``param``: the field of the request that is wrong; ``retry_after_seconds``: when to try again, where it passes.
    """

    code = "gateway.failed"
    exit_code = ExitCode.FAILED
    status: ClassVar[int] = 500
    param: str = ""
    retry_after_seconds: float | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    """What an API client gets besides: the id of the receipt."""


# Policy, routes and settings


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


# Projects and keys: who gives them


class BadScope(GatewayError):
    """A key cannot have these routes, limits or times."""

    code = "gateway.bad-scope"
    exit_code = ExitCode.USAGE


class BadProject(GatewayError):
    """A project cannot have this title, or a grant this note."""

    code = "gateway.bad-project"
    exit_code = ExitCode.USAGE


class BadCredits(GatewayError):
    """No amount of credits, or more than one project can be granted."""

    code = "gateway.bad-credits"
    exit_code = ExitCode.USAGE


class ProjectExists(GatewayError):
    code = "gateway.project-exists"
    exit_code = ExitCode.CONFLICT


class ProjectNotFound(GatewayError):
    code = "gateway.project-not-found"
    exit_code = ExitCode.NOT_FOUND


class ProjectClosed(GatewayError):
    """A closed project gets no credits and no keys any more."""

    code = "gateway.project-closed"
    exit_code = ExitCode.CONFLICT


class KeyExists(GatewayError):
    """The project has a current key of this name."""

    code = "gateway.key-exists"
    exit_code = ExitCode.CONFLICT


class KeyNotFound(GatewayError):
    code = "gateway.key-not-found"
    exit_code = ExitCode.NOT_FOUND


class KeyNotCurrent(GatewayError):
    """The key was revoked, or another has replaced it already."""

    code = "gateway.key-not-current"
    exit_code = ExitCode.CONFLICT


class SecretFileExists(GatewayError):
    """The file that the new key should be written to is there already."""

    code = "gateway.secret-file-exists"
    exit_code = ExitCode.CONFLICT


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


class ReceiptUntrusted(GatewayError):
    """A receipt, a proof and an anchor that do not belong together."""

    code = "gateway.receipt-untrusted"
    exit_code = ExitCode.UNTRUSTED


class Later(GatewayError):
    """What passes by itself: ``retry_after_seconds`` says when to try again."""

    code = "gateway.later"
    exit_code = ExitCode.UNAVAILABLE
    status = 503

    def __init__(self, sentence: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class LimitReached(Later):
    """The key asked more often, for more tokens or for more streams at once than it may."""

    code = "gateway.limit-reached"
    status = 429


# The hot path: what an API client is told


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


class WrongMethod(GatewayError):
    code = "gateway.wrong-method"
    exit_code = ExitCode.USAGE
    status = 405


class WrongKind(GatewayError):
    """The route exists for another kind of call: a chat route was asked for embeddings."""

    code = "gateway.wrong-kind"
    exit_code = ExitCode.USAGE
    status = 400


class Draining(Later):
    """The gateway finishes what it has begun and takes nothing new."""

    code = "gateway.draining"


class NotReady(Later):
    """The gateway has not read its keys and its policy lately, so it decides nothing."""

    code = "gateway.not-ready"


class ProviderRefused(GatewayError):
    """The provider does not take this request as it is; another one would not either."""

    code = "gateway.provider-refused"
    exit_code = ExitCode.USAGE
    status = 400


class ProviderFailed(Later):
    """A provider failed in a way that another may not; ``outcome`` is the word for it on receipts."""

    code = "gateway.provider-failed"
    status = 502
    outcome: ClassVar[str] = "failed"


class BadAnswer(ProviderFailed):
    code = "gateway.bad-answer"
    outcome = "bad answer"


class ProviderSilent(ProviderFailed):
    code = "gateway.provider-silent"
    status = 504
    outcome = "silent"


class ProviderAway(ProviderFailed):
    code = "gateway.provider-away"
    outcome = "not reached"


class ProviderBusy(ProviderFailed):
    """Everything that the provider does at once is taken, and so is the queue or the time to wait in it."""

    code = "gateway.provider-busy"
    status = 503
    outcome = "busy"


class ProviderCut(ProviderFailed):
    """A drill has cut the provider off."""

    code = "gateway.provider-cut"
    status = 503
    outcome = "cut by a drill"
