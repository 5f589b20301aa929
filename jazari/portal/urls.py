"""The home page and what belongs to no slice."""

from __future__ import annotations

from django.urls import path

from jazari.portal import health_pages, institute_pages, views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("language/", views.choose_language, name="language"),
    path("institutes/", institute_pages.institutes, name="institutes"),
    path("institutes/<slug:namespace>/", institute_pages.institute, name="institute"),
    path("health/", health_pages.health_page, name="health"),
]
