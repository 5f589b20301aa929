"""Pages that show whatever of a request reaches them, so that tests see what could leak into a kept page."""

from __future__ import annotations

import itertools
import threading
from types import SimpleNamespace

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt

from jazari.accounts.access import public, same_for_all, same_for_all_for

state = SimpleNamespace(renderings=itertools.count(1), gate=threading.Event(), entered=threading.Semaphore(0))
FILLING = "filling " * 100


def _shown(request: HttpRequest) -> str:
    told = {name: value for name, value in request.META.items() if name.startswith("HTTP_")}
    return f"{next(state.renderings)} {get_language()} {request.user} {request.get_full_path()} {told} {FILLING}"


@public
@same_for_all
def shared(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_shown(request))


@public
@same_for_all_for(0.05)
def brief(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_shown(request))


@public
def own(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_shown(request))


@public
@same_for_all
def with_cookie(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(_shown(request))
    response.set_cookie("secret", "of one reader")
    return response


@public
@same_for_all
def failing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_shown(request), status=int(request.GET.get("status", "500")))


@public
@same_for_all
def private(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(_shown(request))
    response["Cache-Control"] = request.GET.get("rule", "private")
    return response


@public
@same_for_all
def varying(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(_shown(request))
    response["Vary"] = "User-Agent"
    return response


@public
@same_for_all
def slow(request: HttpRequest) -> HttpResponse:
    state.entered.release()
    state.gate.wait(10)
    return HttpResponse(_shown(request))


@public
@csrf_exempt
def taking(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


@public
def streaming(request: HttpRequest) -> StreamingHttpResponse:
    async def parts():
        yield "event: one\n\n"
        yield "event: two\n\n"

    return StreamingHttpResponse(parts(), content_type="text/event-stream")


urlpatterns = [
    path("", include("jazari.nodes.portal_urls")),
    *(
        path(f"test/{view.__name__}/", view)
        for view in (shared, brief, own, with_cookie, failing, private, varying, slow, taking, streaming)
    ),
]
handler400 = "jazari.portal.views.bad_request"
handler403 = "jazari.portal.views.forbidden"
handler404 = "jazari.portal.views.not_found"
handler500 = "jazari.portal.views.failed"
