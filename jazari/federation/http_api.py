"""The exchange under ``/exchange/``, except uploads (``uploads``). Typed; its OpenAPI is at ``openapi.json``."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema, Status

from jazari.core.errors import JazariError
from jazari.federation import admissions
from jazari.federation.blocking import QUICK, run
from jazari.federation.http import error_document, http_status
from jazari.federation.service import current

api = NinjaAPI(
    title="Jazari exchange",
    version="1",
    description="What the nodes of a network say to its Root. Institutes only ever call; nobody calls them.",
    docs_url=None,
)


class Notice(Schema):
    """``version`` of the committed snapshot, to be passed as ``after`` next time."""

    version: int


class EnrolmentState(Schema):
    """``state`` is received, proposed, admitted or refused; ``reason`` says why it was refused."""

    digest: str
    namespace: str
    kind: str
    state: str
    reason: str


class InstituteState(Schema):
    """One institute as anybody may see it."""

    namespace: str
    titles: dict[str, str]
    region: str
    status: str
    online: bool
    last_seen: str | None


class NetworkState(Schema):
    """The network as anybody may see it."""

    network: str
    root: str
    version: int
    institutes: list[InstituteState]


@api.exception_handler(JazariError)
def on_error(request: HttpRequest, error: JazariError) -> HttpResponse:
    """One of our errors as JSON with its status."""
    return api.create_response(request, error_document(error), status=http_status(error))


@api.exception_handler(Exception)
def on_bug(request: HttpRequest, error: Exception) -> HttpResponse:
    """Anything else: details to the log only."""
    import traceback

    traceback.print_exception(error)
    return api.create_response(request, error_document(error), status=500)


@api.post("enrolments", response={202: EnrolmentState})
async def post_enrolment(request: HttpRequest) -> Status[dict[str, Any]]:
    """Ask to be admitted or to change keys; the same request again changes nothing."""
    service = current()
    state = await run(QUICK, admissions.receive_enrolment, service.directory(), request.body)
    return Status(202, state)


@api.get("enrolments/{digest}", response=EnrolmentState)
async def get_enrolment(request: HttpRequest, digest: str) -> dict[str, Any]:  # noqa: ARG001  ninja's form
    """How far a request has come."""
    return await run(QUICK, admissions.enrolment_state, current().directory(), digest)


@api.get("notices", response=Notice)
async def get_notice(request: HttpRequest, after: int = 0) -> dict[str, Any]:
    """Wait up to 25 s until the network's version is not ``after``. Signed: it is also the heartbeat."""
    service = current()
    await run(QUICK, service.authenticate, request.headers.get("Authorization", ""), "notices")
    return {"version": await service.wait_for_change(after)}


@api.get("status", response=NetworkState)
async def get_status(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001  ninja's form
    """The network and its institutes, online or offline."""
    return await run(QUICK, current().status)
