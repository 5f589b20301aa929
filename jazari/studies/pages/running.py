"""Starting a run, following it live, and ending it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from jazari.accounts.access import may, requires
from jazari.accounts.rules import Permission
from jazari.core.errors import JazariError
from jazari.federation.answers import plain_errors, refusal
from jazari.federation.http import http_status
from jazari.studies import operations
from jazari.studies.charts import line_chart
from jazari.studies.overview import study_of
from jazari.studies.pages.node import person_asked, person_of, reference, this_node
from jazari.studies.run_view import run_record, run_view
from jazari.studies.templatetags.studies import record_url

LOOK_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
LONGEST_SECONDS = 900.0
"""A stream ends after so long; the browser asks again, with its session as it is then."""
MOST_STREAMS = 32
MOST_STREAMS_OF_ONE = 4
LONGEST_REASON = 500


@requires(Permission.FOLLOW_RUNS)
@require_safe
@plain_errors
def run(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponse:
    """Where a run stands, as this node knows it; kept current by a stream, or by reloading."""
    ref = reference("run", namespace, name, version)
    node = this_node()
    context = _facts(node, ref)
    context["may_end"] = (
        may(request).cancel_runs and node.namespace == namespace and not context["run"]["is_over"]
        and not context["run"]["withdrawn"]
    )  # fmt: skip
    return render(request, "studies/run.html", context)


def _facts(node: operations.Here, ref: str) -> dict[str, Any]:
    from jazari.studies.cards import run_id
    from jazari.studies.convergence import curve  # recipes, so numpy

    view = run_view(node, ref)
    text = study_of(node.records, view["study"]).text
    points = curve(text, run_id(ref), len(view["institutes"]), node.engine_folder)
    title = _("What the run makes smaller, after each round")
    chart = line_chart(title, [points], (_("Round"), _("Loss")))
    return {"run": view, "points": points, "chart": chart}


@requires(Permission.FOLLOW_RUNS)
@require_safe
async def stream(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponseBase:
    """The same facts as server-sent events, whenever they change, until the run ends."""
    try:
        ref = reference("run", namespace, name, version)
        await sync_to_async(lambda: run_record(this_node(), ref))()
    except JazariError as error:
        return HttpResponse(str(error), status=http_status(error), content_type="text/plain; charset=utf-8")
    person = person_of(request)
    if not STREAMS.has_room(person):
        return HttpResponse("Too many pages follow runs now.", status=503, headers={"Retry-After": "30"})
    events = _events(ref, person, translation.get_language() or "fr")
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


class Streams:
    """How many streams are open in this process, and whose. One event loop uses it."""

    def __init__(self) -> None:
        self.open: Counter[int] = Counter()

    def has_room(self, person: int) -> bool:
        """Whether one more may be opened for ``person``."""
        return self.open.total() < MOST_STREAMS and self.open[person] < MOST_STREAMS_OF_ONE


STREAMS = Streams()


async def _events(ref: str, person: int, language: str) -> AsyncIterator[str]:
    STREAMS.open[person] += 1
    try:
        async for event in _changes(ref, language):
            yield event
    finally:
        STREAMS.open[person] -= 1


async def _changes(ref: str, language: str) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    end, told, last = loop.time() + LONGEST_SECONDS, loop.time(), ""
    while loop.time() < end:
        fragment, over = await sync_to_async(_fragment)(ref, language)
        if fragment != last:
            yield _event("run", fragment)
            last, told = fragment, loop.time()
        elif loop.time() - told > HEARTBEAT_SECONDS:
            yield ": still here\n\n"
            told = loop.time()
        if over:
            yield _event("over", "")
            return
        await asyncio.sleep(LOOK_SECONDS)


def _fragment(ref: str, language: str) -> tuple[str, bool]:
    with translation.override(language):
        context = _facts(this_node(), ref)
        return render_to_string("studies/parts/run.html", context), bool(context["run"]["over"])


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"


@requires(Permission.PROPOSE_STUDIES)
@require_POST
@plain_errors
def start(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponse:
    """Record that the study runs now on the institutes that approve; then to the page of the run."""
    ref = reference("study", namespace, name, version)
    record = operations.start_run(this_node(), ref)
    person_asked(request, "start-run", record.ref)
    messages.success(request, _("The run is recorded. The network starts it within moments."))
    return redirect(record_url("run", record.ref))


@requires(Permission.CANCEL_RUNS)
@require_POST
@plain_errors
def cancel(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponse:
    """Withdraw a run of this institute: it ends everywhere. The reason is published."""
    ref = reference("run", namespace, name, version)
    node = this_node()
    run_record(node, ref)
    reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
    if not reason:
        messages.error(request, _("Say why the run is to end."))
    elif node.records.is_withdrawn(ref):
        messages.info(request, _("The run was withdrawn already."))
    else:
        try:
            operations.withdraw(node, ref, reason)
        except JazariError as error:
            return refusal(request, error)
        person_asked(request, "cancel-run", ref)
        messages.success(request, _("The run is withdrawn. It ends everywhere within moments."))
    return redirect(record_url("run", ref))
