"""Which paths Django answers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from jazari.federation.http_api import api

urlpatterns: list[URLPattern | URLResolver] = [path("exchange/", api.urls)]
