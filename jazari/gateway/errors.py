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


# Projects and keys: who gives them


class BadScope(GatewayError):
    """A key cannot have these routes, limits or times."""

    code = "gateway.bad-scope"
    exit_code = ExitCode.USAGE
    status = 400


class BadProject(GatewayError):
    """A project cannot have this title, or a grant this note."""

    code = "gateway.bad-project"
    exit_code = ExitCode.USAGE
    status = 400


class BadCredits(GatewayError):
    """No amount of credits, or more than one project can be granted."""

    code = "gateway.bad-credits"
    exit_code = ExitCode.USAGE
    status = 400


class ProjectExists(GatewayError):
    code = "gateway.project-exists"
    exit_code = ExitCode.CONFLICT
    status = 409


class ProjectNotFound(GatewayError):
    code = "gateway.project-not-found"
    exit_code = ExitCode.NOT_FOUND
    status = 404


class ProjectClosed(GatewayError):
    """A closed project gets no credits and no keys any more."""

    code = "gateway.project-closed"
    exit_code = ExitCode.CONFLICT
    status = 409


class KeyExists(GatewayError):
    """The project has a current key of this name."""

    code = "gateway.key-exists"
    exit_code = ExitCode.CONFLICT
    status = 409


class KeyNotFound(GatewayError):
    code = "gateway.key-not-found"
    exit_code = ExitCode.NOT_FOUND
    status = 404


class KeyNotCurrent(GatewayError):
    """The key was revoked, or another has replaced it already."""

    code = "gateway.key-not-current"
    exit_code = ExitCode.CONFLICT
    status = 409


class SecretFileExists(GatewayError):
    """The file that the new key should be written to is there already."""

    code = "gateway.secret-file-exists"
    exit_code = ExitCode.CONFLICT
    status = 409
