"""Addresses of the gateway's pages, below ``/gateway/``."""

from __future__ import annotations

from django.urls import path

from jazari.gateway.pages import drills, keys, overview, playground, projects, receipts, use

app_name = "gateway"
urlpatterns = [
    path("", overview.index, name="index"),
    path("policy/", overview.policy, name="policy"),
    path("explain/", overview.explain, name="explain"),
    path("providers/<str:name>/", overview.provider, name="provider"),
    path("projects/", projects.index, name="projects"),
    path("projects/new/", projects.create, name="project-create"),
    path("projects/<str:name>/", projects.project, name="project"),
    path("projects/<str:name>/grant/", projects.grant, name="project-grant"),
    path("projects/<str:name>/close/", projects.close, name="project-close"),
    path("projects/<str:name>/keys/new/", keys.create, name="key-create"),
    path("keys/", keys.index, name="keys"),
    path("keys/<str:key_id>/rotate/", keys.rotate, name="key-rotate"),
    path("keys/<str:key_id>/revoke/", keys.revoke, name="key-revoke"),
    path("use/", use.index, name="use"),
    path("use.csv", use.table, name="use-table"),
    path("receipts/", receipts.index, name="receipts"),
    path("receipts/<str:call>/", receipts.receipt, name="receipt"),
    path("receipts/<str:call>.json", receipts.document, name="receipt-document"),
    path("drills/", drills.index, name="drills"),
    path("drills/<str:namespace>/<str:name>/<int:version>/", drills.drill, name="drill"),
    path("drills/<str:namespace>/<str:name>/<int:version>/<str:file>", drills.picture, name="drill-file"),
    path("playground/", playground.index, name="playground"),
    path("playground/stream/", playground.stream, name="playground-stream"),
    path("playground/receipts/<str:call>/", playground.receipt, name="playground-receipt"),
]
