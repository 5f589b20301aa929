"""Which paths Django answers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from jazari.federation.http_api import api
from jazari.studies.http_api import router as runs

api.add_router("runs/", runs)

urlpatterns: list[URLPattern | URLResolver] = [path("exchange/", api.urls)]
