"""Who may call an operation of the public API: every operation says so, and what says nothing is refused.

    @router.get("items", auth=everybody, response=Items)
    @router.get("runs", auth=needs(Permission.FOLLOW_RUNS), response=Runs)

A session of the portal is enough to read; changes need a token, since a browser sends its session along with whatever
another site makes it ask.
"""

from __future__ import annotations

from django.http import HttpRequest
from ninja.errors import AuthorizationError
from ninja.security import HttpBearer

from jazari.accounts.access import May, has_second_factor
from jazari.accounts.rules import NEED_SECOND_FACTOR, Permission

_READING = ("GET", "HEAD")


def everybody(request: HttpRequest) -> bool:  # noqa: ARG001  ninja's form
    """Anybody may call the operation; its answer is the same for all, so it is kept as pages are."""
    return True


def nobody(request: HttpRequest) -> bool:  # noqa: ARG001  ninja's form
    """What an operation that says nothing gets."""
    return False


def may_by_token(token: str) -> May | None:  # noqa: ARG001  no token is issued yet
    """What the holder of an API token may do; None for a token that is not valid."""
    return None


class Needs(HttpBearer):
    """Admits who holds ``permission``, by a token or, to read, by a session."""

    def __init__(self, permission: Permission) -> None:
        super().__init__()
        self._permission = permission

    def __call__(self, request: HttpRequest) -> May | None:
        """What the caller may do; None for a caller whom we do not know; ``AuthorizationError`` for one who may not."""
        shown = "Authorization" in request.headers
        may = super().__call__(request) if shown else self._by_session(request)
        if may is not None and not may.has(self._permission):
            raise AuthorizationError
        needs_more = self._permission in NEED_SECOND_FACTOR and not shown
        return None if needs_more and not has_second_factor(request) else may

    def authenticate(self, request: HttpRequest, token: str) -> May | None:  # noqa: ARG002  ninja's form
        """By a token."""
        return may_by_token(token)

    def _by_session(self, request: HttpRequest) -> May | None:
        if request.method not in _READING or not request.user.is_authenticated:
            return None
        may: May = request.may  # type: ignore[attr-defined]
        return may


def needs(permission: Permission) -> Needs:
    """Only who holds ``permission``."""
    return Needs(permission)
