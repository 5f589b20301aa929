"""Which paths the portal answers: each slice's pages under its own word."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from jazari.nodes.public_api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("jazari.portal.urls")),
    path("enrolments/", include("jazari.federation.urls")),
    path("api/v1/", api.urls),
    path("account/", include("jazari.accounts.urls")),
    path("catalogue/", include("jazari.catalog.urls")),
    path("studies/", include("jazari.studies.urls")),
    path("audit/", include("jazari.governance.urls")),
    path("gateway/", include("jazari.gateway.urls")),
    path("", include("jazari.accounts.sign_in_urls")),
]
handler400 = "jazari.portal.views.bad_request"
handler403 = "jazari.portal.views.forbidden"
handler404 = "jazari.portal.views.not_found"
handler500 = "jazari.portal.views.failed"
