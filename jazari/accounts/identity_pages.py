"""The steps of a sign-in between two nodes, with what allauth leaves to us: PKCE always, and who may be posted to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import requests
from allauth.idp.oidc.models import Client
from allauth.idp.oidc.views import authorization
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from jazari.accounts.access import public
from jazari.accounts.errors import AccountsError
from jazari.accounts.guarded_http import origin_of
from jazari.accounts.providers import OIDC, issuer_of

_NOT_UNDERSTOOD = (requests.RequestException, ImproperlyConfigured, ValueError, TypeError, KeyError, AttributeError)
_KEPT = ("next",)


@public
@csrf_exempt  # allauth checks the token itself, except where another portal posts a request for the first time
def authorize(request: HttpRequest) -> HttpResponse:
    """At the person's own node: ask whether the other portal may know who they are."""
    if request.method == "GET":
        if request.GET.get("code_challenge_method") != "S256" or len(request.GET.get("code_challenge", "")) < 43:
            return render(request, "portal/error.html", {"status": 400}, status=400)
        if request.user.is_authenticated and request.user.home_issuer:
            return render(request, "portal/error.html", {"status": 403}, status=403)
    response: HttpResponse = authorization(request)
    client = Client.objects.filter(pk=request.GET.get("client_id", "")).first()
    return _may_post_to(response, map(origin_of, client.get_redirect_uris()) if client else ())


@public
def sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Here: go to the person's own node. Of the address only where to return is kept."""
    app = SocialApp.objects.filter(provider=OIDC, provider_id=provider_id).first()
    if app is None:
        raise Http404
    kept = QueryDict(mutable=True)
    kept.update({name: request.GET[name] for name in _KEPT if name in request.GET})
    request.GET = kept  # type: ignore[assignment]
    return _may_post_to(_answer(request, openid_connect.login, provider_id), [issuer_of(app)])


@public
def returned(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Here: the person is back; ask their node who they are."""
    return _answer(request, openid_connect.callback, provider_id)


@public
def nothing_here(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """No node registers devices without a browser, and no discovery document names these places."""
    raise Http404


def _answer(request: HttpRequest, view: Callable[..., HttpResponse], provider_id: str) -> HttpResponse:
    """What ``view`` says; a page with 502 where the other node is away or talks nonsense."""
    try:
        return view(request, provider_id)
    except (AccountsError, *_NOT_UNDERSTOOD):
        return render(request, "accounts/other_node.html", {"name": provider_id}, status=502)


def _may_post_to(response: HttpResponse, origins: Iterable[str]) -> HttpResponse:
    """Let the form of this page end at another portal: browsers hold redirects against ``form-action`` too."""
    where = " ".join(sorted(set(origins)))
    if response.status_code == 200 and where:
        response["Content-Security-Policy"] = (
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
            f"form-action 'self' {where}; frame-ancestors 'none'"
        )
    return response
