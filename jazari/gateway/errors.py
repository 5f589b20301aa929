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
