"""The health of this node, in words, for who operates or audits it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.portal.health import health
from jazari.settings.runtime import this_home


@requires(Permission.READ_HEALTH)
def health_page(request: HttpRequest) -> HttpResponse:
    """Processes, duties, disk, clocks, database and mirror."""
    return render(request, "portal/health.html", health(this_home()))
