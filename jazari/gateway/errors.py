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


class _Later(Exception):
    """What passes by itself: ``retry_after_seconds`` says when to try again."""

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class LimitReached(_Later, GatewayError):
    """The key asked more often, for more tokens or for more streams at once than it may."""

    code = "gateway.limit-reached"
    exit_code = ExitCode.UNAVAILABLE
    status = 429


class ProviderBusy(_Later, GatewayError):
    """Everything that the provider does at once is taken, and so is the queue or the time to wait in it."""

    code = "gateway.provider-busy"
    exit_code = ExitCode.UNAVAILABLE
    status = 503
