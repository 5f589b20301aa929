"""Errors of federation.

FederationError
├── RequestRefused                       what an institute's signed request may be refused for
│   ├── BadRequest       federation.bad-request        not in the form that we accept
│   ├── UnknownInstitute federation.unknown-institute  not in the signed directory
│   ├── InstituteRevoked federation.institute-revoked
│   ├── BadSignature     federation.bad-signature      not signed by a publishing key of the directory
│   ├── ClockWrong       federation.clock-wrong        more than a minute from the Root's clock
│   ├── Replayed         federation.replayed           the same request came before
│   ├── TooLarge         federation.too-large
│   ├── TooSlow          federation.too-slow
│   └── UploadBusy       federation.upload-busy        another upload of the same institute is running
├── BadEnrolment         federation.bad-enrolment      a request to join that cannot be accepted as it is
├── EnrolmentMissing     federation.enrolment-missing
├── EnrolmentUnclear     federation.enrolment-unclear  several requests for one namespace
├── EnrolmentsFull       federation.enrolments-full
├── NotAdmitted          federation.not-admitted       the board has not signed yet
├── DirectoryDiffers     federation.directory-differs  the directory says other than what was asked
├── RootUnreachable      federation.root-unreachable
│   └── RootCutOff       federation.root-cut-off        a drill keeps this node from the Root for a while
├── RootRefused          federation.root-refused       the Root answered with an error
├── NotInDirectory       federation.not-in-directory    no institute has this namespace
├── NotConnected         federation.not-connected      nobody checks cards in this process
├── NotRoot              federation.not-root           a command for the other role
└── EngineMissing        federation.engine-missing     no engine is installed with this node
"""

from __future__ import annotations

from typing import ClassVar

from jazari.core.errors import ExitCode, JazariError


class FederationError(JazariError):
    code = "federation.failed"


class RequestRefused(FederationError):
    """``http_status`` is what the exchange answers with."""

    code = "federation.request-refused"
    exit_code = ExitCode.REFUSED
    http_status: ClassVar[int] = 403


class BadRequest(RequestRefused):
    code = "federation.bad-request"
    http_status = 400


class UnknownInstitute(RequestRefused):
    code = "federation.unknown-institute"


class InstituteRevoked(RequestRefused):
    code = "federation.institute-revoked"


class BadSignature(RequestRefused):
    code = "federation.bad-signature"
    http_status = 401


class ClockWrong(RequestRefused):
    code = "federation.clock-wrong"


class Replayed(RequestRefused):
    code = "federation.replayed"
    http_status = 409


class TooLarge(RequestRefused):
    code = "federation.too-large"
    http_status = 413


class TooSlow(RequestRefused):
    code = "federation.too-slow"
    http_status = 408


class UploadBusy(RequestRefused):
    code = "federation.upload-busy"
    http_status = 409


class BadEnrolment(FederationError):
    code = "federation.bad-enrolment"
    exit_code = ExitCode.USAGE


class EnrolmentMissing(FederationError):
    code = "federation.enrolment-missing"
    exit_code = ExitCode.NOT_FOUND


class EnrolmentUnclear(FederationError):
    code = "federation.enrolment-unclear"
    exit_code = ExitCode.CONFLICT


class EnrolmentsFull(FederationError):
    code = "federation.enrolments-full"
    exit_code = ExitCode.UNAVAILABLE


class NotAdmitted(FederationError):
    code = "federation.not-admitted"
    exit_code = ExitCode.REFUSED


class DirectoryDiffers(FederationError):
    code = "federation.directory-differs"
    exit_code = ExitCode.UNTRUSTED


class RootUnreachable(FederationError):
    code = "federation.root-unreachable"
    exit_code = ExitCode.UNAVAILABLE


class RootCutOff(RootUnreachable):
    """A drill keeps this node from exchanging anything with the Root, for a while."""

    code = "federation.root-cut-off"


class RootRefused(FederationError):
    """``remote_code`` is the code that the Root gave, e.g. ``trust.version-conflict``."""

    code = "federation.root-refused"
    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, remote_code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.remote_code = remote_code
        self.status = status


class NotInDirectory(FederationError):
    code = "federation.not-in-directory"
    exit_code = ExitCode.NOT_FOUND


class NotRoot(FederationError):
    code = "federation.not-root"
    exit_code = ExitCode.USAGE


class EngineMissing(FederationError):
    code = "federation.engine-missing"
    exit_code = ExitCode.UNAVAILABLE


class NotConnected(FederationError):
    code = "federation.not-connected"
