"""Sign-in by allauth, with our own steps where a sign-in passes between two nodes (``identity_pages``)."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from jazari.accounts import identity_pages

urlpatterns: list[URLPattern | URLResolver] = [
    # Before allauth's of the same paths. Names are allauth's: its code asks for them.
    path("identity/o/authorize", identity_pages.authorize),
    path("identity/o/device", identity_pages.nothing_here),
    path("identity/o/api/device/code", identity_pages.nothing_here),
    path("account/oidc/<str:provider_id>/login/", identity_pages.sign_in),
    path("account/oidc/<str:provider_id>/login/callback/", identity_pages.returned),
    path("account/", include("allauth.account.urls")),
    path("account/2fa/", include("allauth.mfa.urls")),
    path("account/3rdparty/", include("allauth.socialaccount.urls")),
    path("account/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("account/sessions/", include("allauth.usersessions.urls")),
    path("", include("allauth.idp.urls")),
]
