"""Pages of studies, runs and results."""

from __future__ import annotations

from django.urls import path

from jazari.studies.pages import deciding, proposing, reading, results, running

app_name = "studies"
_RECORD = "<str:namespace>/<str:name>/<int:version>"
urlpatterns = [
    path("", reading.index, name="index"),
    path(f"study/{_RECORD}/", reading.study, name="study"),
    path("inbox/", deciding.inbox, name="inbox"),
    path(f"study/{_RECORD}/decide/", deciding.deciding, name="deciding"),
    path(f"study/{_RECORD}/check/", deciding.check, name="check"),
    path(f"study/{_RECORD}/start/", running.start, name="start"),
    path(f"run/{_RECORD}/", running.run, name="run"),
    path(f"run/{_RECORD}/stream/", running.stream, name="stream"),
    path(f"run/{_RECORD}/cancel/", running.cancel, name="cancel"),
    path(f"result/{_RECORD}/", results.result, name="result"),
    path(f"result/{_RECORD}/result.json", results.download, name="download"),
    path("new/", proposing.step, name="drafts"),
    path("new/discard/", proposing.discard, name="discard"),
    path("new/<slug:name>/", proposing.step, name="new"),
    path("decision/<int:number>/", deciding.confirm, name="confirm"),
]
