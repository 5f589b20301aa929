"""Every page says who may open it; ``AccessMiddleware`` checks it in one place, and refuses what says nothing.

    @public
    @same_for_all
    def home(request): ...

    @signed_in
    def my_sessions(request): ...

    @requires(Permission.DECIDE_STUDIES)
    def inbox(request): ...

In templates, ``may.decide_studies`` tells whether to show a button.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from jazari.accounts.queries import roles_of
from jazari.accounts.rules import NEED_SECOND_FACTOR, Permission, Role, permissions_of

View = TypeVar("View", bound=Callable[..., Any])
_MARK = "access"
_OPERATIONS = "operations"
_SAME = "same_for_all_seconds"
SAME_SECONDS = 60.0
_OWN_CHECKS = ("allauth.",)
"""Packages whose views decide by themselves who may open them."""


class Anyone(StrEnum):
    """Access that needs no role."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"


Access = Anyone | Permission


def public(view: View) -> View:
    """Anybody may open ``view``."""
    setattr(view, _MARK, Anyone.PUBLIC)
    return view


def signed_in(view: View) -> View:
    """Anybody who has signed in may open ``view``, whatever their roles."""
    setattr(view, _MARK, Anyone.SIGNED_IN)
    return view


def requires(permission: Permission) -> Callable[[View], View]:
    """Only who holds ``permission`` may open the view, with a second factor where ``rules`` asks for one."""

    def mark(view: View) -> View:
        setattr(view, _MARK, permission)
        return view

    return mark


def same_for_all(view: View) -> View:
    """Everybody who has not signed in sees the same, so that it is kept until the verified catalogue changes, for a
    minute at most. Such a view is given neither cookies nor any header of the caller's but the language.
    """
    return same_for_all_for(SAME_SECONDS)(view)


def same_for_all_for(seconds: float) -> Callable[[View], View]:
    """The same for what changes with more than the catalogue, so that it may be ``seconds`` old at most."""

    def mark(view: View) -> View:
        setattr(view, _SAME, seconds)
        return view

    return mark


def same_for_all_seconds(view: Callable[..., Any]) -> float:
    """For how long what ``view`` shows is the same for all who have not signed in; 0 where it is not."""
    seconds: float = getattr(view, _SAME, 0.0)
    return seconds


def access_of(view: Callable[..., Any]) -> Access | None:
    """What ``view`` says about itself; None where it says nothing, so that nobody may open it."""
    said: Access | None = getattr(view, _MARK, None)
    if said is None and _module_of(view).startswith(_OWN_CHECKS):
        return Anyone.PUBLIC
    return said


def with_operations(view: View, operations: Sequence[Any]) -> View:
    """``view`` of the JSON API: everybody reaches it, and its ``operations`` (django-ninja's) ask for themselves."""
    setattr(view, _OPERATIONS, list(operations))
    return public(view)


def operations_of(view: Callable[..., Any]) -> list[Any]:
    """The operations of the JSON API that answer at this path; none for a page."""
    return list(getattr(view, _OPERATIONS, ()))


def access_of_operation(operation: Any) -> Access | None:
    """What an operation of the JSON API says about itself by its ``ApiAccess``; None where it says nothing."""
    said = [getattr(check, _MARK, None) for check in operation.auth_callbacks]
    return said[0] if len(said) == 1 else None


def _module_of(view: Callable[..., Any]) -> str:
    return str(getattr(getattr(view, "view_class", view), "__module__", ""))


class May:
    """What the person of a request may do: ``may.propose_studies``, ``may.has(permission)``, ``may.roles``."""

    def __init__(self, roles: frozenset[Role]) -> None:
        self.roles = roles
        self._permissions = permissions_of(roles)

    def has(self, permission: Permission) -> bool:
        """Whether a role is held that is enough; the second factor is asked for when the page is opened."""
        return permission in self._permissions

    def __getattr__(self, name: str) -> bool:
        try:
            return self.has(Permission(name.replace("_", "-")))
        except ValueError:
            raise AttributeError(name) from None


class AccessMiddleware:
    """Gives each request its ``may`` and opens a view only to those whom the view names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: object, _kwargs: object
    ) -> HttpResponse | None:
        """None to go on; a redirect to what is missing; ``PermissionDenied`` otherwise."""
        access = access_of(view)
        if access is None:
            raise PermissionDenied("This page does not say who may open it.")
        request.may = May(frozenset())  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            request.may = May(roles_of(request.user))  # type: ignore[attr-defined]
        return None if access is Anyone.PUBLIC else _admit(request, access)


def _admit(request: HttpRequest, access: Access) -> HttpResponse | None:
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if not isinstance(access, Permission):
        return None
    if not may(request).has(access):
        raise PermissionDenied("None of your roles here opens this page.")
    if access in NEED_SECOND_FACTOR and not has_second_factor(request):
        return redirect(f"{reverse('accounts:second-factor')}?{urlencode({'next': request.get_full_path()})}")
    return None


def may(request: HttpRequest) -> May:
    """What the person of ``request`` may do (set by the middleware)."""
    found: May = request.may  # type: ignore[attr-defined]
    return found


def has_second_factor(request: HttpRequest) -> bool:
    """Whether this session was opened with a second factor or a passkey, and not with a password alone."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))
