"""The home page and what belongs to no slice."""

from __future__ import annotations

from django.urls import path

from jazari.portal import views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("language/", views.choose_language, name="language"),
]
