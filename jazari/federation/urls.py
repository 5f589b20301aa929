"""Pages of the Root's team: who asked to join, and what comes next."""

from __future__ import annotations

from django.urls import path

from jazari.federation import views

app_name = "federation"
urlpatterns = [
    path("", views.enrolments, name="enrolments"),
]
