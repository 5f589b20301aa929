"""Addresses of the audit pages, below ``/audit/``."""

from __future__ import annotations

from django.urls import path

from jazari.governance import views

app_name = "governance"
urlpatterns = [
    path("", views.index, name="index"),
    path("entries/<int:number>/", views.entry, name="entry"),
    path("verification/", views.verification, name="verification"),
    path("policies/", views.policies, name="policies"),
    path("export.ndjson", views.export_lines, name="export"),
    path("export.csv", views.export_table, name="table"),
]
