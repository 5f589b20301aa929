"""Who may call an operation of the JSON API: a token or a session, with the same permissions as pages.

    @router.get("items", auth=everybody, response=Items)
    @router.get("runs", auth=needs(Permission.FOLLOW_RUNS), response=Runs)

A token opens what its scopes name, and never more than its person's roles; a session needs the CSRF token for
anything that changes. An operation that says nothing is refused to everybody (``nobody``).
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from ninja.security.base import AuthBase

from jazari.accounts.access import Access, Anyone, May, has_second_factor
from jazari.accounts.models import ApiToken
from jazari.accounts.queries import roles_of, token_of
from jazari.accounts.rules import NEED_SECOND_FACTOR, READ, Permission

MADE_ANEW = "x-made-anew"
"""Marks an operation (by ``openapi_extra``) whose every answer is another one, and so has no tag."""
_FOUND = "api_token"
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


class ApiAccess(AuthBase):
    """Ninja asks it before an operation: ``None`` is 401, ``PermissionDenied`` 403; afterwards ``request.may`` is set.

    ``access`` is ``Anyone.PUBLIC``, ``Anyone.SIGNED_IN`` (a token needs the scope ``read``) or a permission.
    """

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = "A token of this node, made on the page of one's own account."

    def __init__(self, access: Access) -> None:
        self.access = access
        super().__init__()

    def __call__(self, request: HttpRequest) -> Any:
        """The person, or True where nobody needs to be known."""
        if secret_of(request) is not None:
            return self._by_token(request)
        if request.user.is_authenticated:
            return self._by_session(request)
        return True if self.access is Anyone.PUBLIC else None

    def _by_token(self, request: HttpRequest) -> Any:
        token = token_behind(request)
        if token is None:
            return None
        needed = self.access if isinstance(self.access, Permission) else READ
        if self.access is not Anyone.PUBLIC and str(needed) not in token.scopes:
            raise PermissionDenied("The token does not have the scope that this needs.")
        request.user = token.person
        return self._admit(request, second_factor=token.second_factor)

    def _by_session(self, request: HttpRequest) -> Any:
        if request.method not in _SAFE and _forged(request):
            raise PermissionDenied("The CSRF token is missing or wrong.")
        return self._admit(request, second_factor=has_second_factor(request))

    def _admit(self, request: HttpRequest, *, second_factor: bool) -> Any:
        may = request.may = May(roles_of(request.user))  # type: ignore[attr-defined]
        if isinstance(self.access, Permission):
            if not may.has(self.access):
                raise PermissionDenied("None of your roles here allows this.")
            if self.access in NEED_SECOND_FACTOR and not second_factor:
                raise PermissionDenied("This needs a second factor: sign in with one, or make the token after that.")
        return request.user


everybody = ApiAccess(Anyone.PUBLIC)
"""Anybody may call the operation; its answer is the same for all, so it is kept as pages are."""


def needs(permission: Permission) -> ApiAccess:
    """Only who holds ``permission``."""
    return ApiAccess(permission)


def secret_of(request: HttpRequest) -> str | None:
    """The secret that ``request`` shows as ``Authorization: Bearer``; None where it shows none."""
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def token_behind(request: HttpRequest) -> ApiToken | None:
    """The live token whose secret ``request`` shows, looked up once for each request; None where there is none."""
    if not hasattr(request, _FOUND):
        setattr(request, _FOUND, token_of(secret_of(request) or ""))
    token: ApiToken | None = getattr(request, _FOUND)
    return token


def nobody(request: HttpRequest) -> bool:  # noqa: ARG001  ninja's form
    """What an operation that says nothing gets."""
    return False


def _forged(request: HttpRequest) -> bool:
    """Whether a request that a session would carry comes from another site."""
    check = CsrfViewMiddleware(_nothing)
    check.process_request(request)
    return check.process_view(request, _nothing, (), {}) is not None


def _nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()
