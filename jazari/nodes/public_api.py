"""The public API of a node, ``/api/v1/``: what its pages show, as JSON. Described at ``/api/v1/openapi.json``.

Each slice has a ``Router`` in its ``public_api.py``; they are put together here. An operation that does not say who may
call it (``jazari.accounts.api_access``) is refused to everybody. What everybody may read is kept as pages are, with an
``ETag``, until the verified catalogue changes; any other answer is made, and sent only where its tag is another one
than the caller's. No other site's pages may read it (no CORS): programs may.
"""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Callable, Iterator
from functools import cached_property, wraps
from importlib.metadata import version
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, re_path
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation

from jazari.accounts.access import Anyone, access_of_operation, public, same_for_all, with_operations
from jazari.accounts.api_access import everybody, nobody
from jazari.accounts.api_limits import seconds_to_wait
from jazari.catalog.public_api import router as catalogue
from jazari.catalog.queries import catalogue_version
from jazari.core.errors import JazariError
from jazari.federation.http import error_document, http_status
from jazari.federation.public_api import router as institutes
from jazari.gateway.public_api import router as gateway
from jazari.governance.public_api import router as audit
from jazari.nodes.api_description import completed
from jazari.portal.kept import tag_of
from jazari.settings.home import LANGUAGES
from jazari.settings.runtime import this_home
from jazari.studies.public_api import router as studies

PREFIX = "/api/v1/"
CODES = {400: "api.bad-request", 401: "api.sign-in", 403: "api.not-allowed", 404: "api.not-found",
          405: "api.wrong-method", 422: "api.bad-request", 429: "api.too-many"}  # fmt: skip
SENTENCES = {
    401: "Say who you are: send a token of this node as `Authorization: Bearer TOKEN`.",
    403: "None of your roles here allows this: ask an operator of this node.",
    404: f"There is nothing at this address: see {PREFIX}openapi.json for what there is.",
    405: f"This address is not called by that method: see {PREFIX}openapi.json.",
    429: "You ask too often: wait as many seconds as Retry-After says.",
}
_OF_304 = ("ETag", "Cache-Control", "Vary")


class PublicApi(NinjaAPI):
    """Operations with access, limits, HEAD, and errors in one form."""

    def get_root_path(self, path_params: dict[str, Any]) -> str:
        """Where the API is mounted, for its description."""
        del path_params
        return PREFIX

    def get_openapi_schema(self, **options: Any) -> Any:
        """The description, with what holds for every operation."""
        operations = {
            operation.operation_id or self.get_openapi_operation_id(operation): operation
            for bound in self._get_bound_routers()
            for path_view in bound.path_operations.values()
            for operation in path_view.operations
        }
        return completed(super().get_openapi_schema(**options), operations)

    def set_default_exception_handlers(self) -> None:
        """Every error in the one form: ours, ninja's, Django's, and a bug without its details."""
        super().set_default_exception_handlers()
        handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
            JazariError: self._on_error,
            HttpError: self._on_refusal,
            ValidationError: self._on_bad_request,
            PermissionDenied: lambda request, error: self._refused(request, 403, str(error)),
            Http404: lambda request, _error: self._refused(request, 404),
            Exception: self._on_bug,
        }
        for kind, handler in handlers.items():
            self.add_exception_handler(kind, handler)

    def _on_error(self, request: HttpRequest, error: JazariError) -> HttpResponse:
        return self.create_response(request, error_document(error), status=http_status(error))

    def _on_refusal(self, request: HttpRequest, error: HttpError) -> HttpResponse:
        known = error.status_code in SENTENCES
        return self._refused(request, error.status_code, "" if known else str(error))

    def _on_bad_request(self, request: HttpRequest, error: ValidationError) -> HttpResponse:
        """The first thing that is wrong with parameters or a body."""
        first = error.errors[0] if error.errors else {}
        place = ".".join(str(part) for part in first.get("loc", ())[1:])[:100]
        own = first.get("type") == "value_error"  # a sentence of ours
        told = str(first["ctx"]["error"]) if own else f"{first.get('msg', 'not as described')}; correct the request."
        return self._refused(request, 422, f"{place}: {told}")

    def _on_bug(self, request: HttpRequest, error: Exception) -> HttpResponse:
        traceback.print_exception(error)  # details to the log only
        return self.create_response(request, error_document(error), status=500)

    def _get_urls(self) -> list[Any]:
        described = same_for_all(public(csrf_exempt(self._guarded(self._describe))))
        nothing = public(csrf_exempt(self._guarded(self._nothing)))
        return [path("openapi.json", described), *self._operations(), re_path("", nothing)]

    def _operations(self) -> Iterator[URLPattern]:
        for bound in self._get_bound_routers():
            paths = [path_view for path_view in bound.path_operations.values() for _ in path_view.operations]
            for path_view, pattern in zip(paths, bound.urls_paths(bound.prefix), strict=True):
                pattern.callback = self._opened(pattern.callback, path_view.operations)
                yield pattern

    def _opened(self, view: Callable[..., Any], operations: list[Operation]) -> Callable[..., Any]:
        """``view`` guarded, and marked for ``AccessMiddleware`` and for what is kept."""
        opened = self._guarded(view)
        reading = [operation for operation in operations if "GET" in operation.methods]
        if reading and all(access_of_operation(operation) is Anyone.PUBLIC for operation in reading):
            same_for_all(opened)
        return with_operations(opened, operations)

    def _guarded(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """``view`` with limits, HEAD and tags."""

        @wraps(view)
        def guarded(request: HttpRequest, *arguments: Any, **names: Any) -> Any:
            wait = seconds_to_wait(request)
            if wait:
                response = self._refused(request, 429)
                response["Retry-After"] = str(math.ceil(wait))
                return response
            asked = request.method
            request.method = "GET" if asked == "HEAD" else asked
            response = tagged(request, view(request, *arguments, **names))
            request.method = asked
            return self._not_called_so(request, response) if response.status_code == 405 else response

        return guarded

    def _not_called_so(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        refusal = self._refused(request, 405)
        refusal["Allow"] = response["Allow"]
        return refusal

    @cached_property
    def _description(self) -> bytes:
        return json.dumps(self.get_openapi_schema(), ensure_ascii=False).encode()

    def _describe(self, request: HttpRequest) -> HttpResponse:
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        return HttpResponse(self._description, content_type="application/json")

    def _nothing(self, request: HttpRequest) -> HttpResponse:
        return self._refused(request, 404)

    def _refused(self, request: HttpRequest, status: int, sentence: str = "") -> HttpResponse:
        problem = {"code": CODES.get(status, "api.refused"), "message": sentence or SENTENCES.get(status, "Refused.")}
        return self.create_response(request, {"error": problem}, status=status)


def tagged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """``response`` with a tag of its content, or 304 without it where the caller has it; unless it may not be kept."""
    patch_vary_headers(response, ["Authorization"] if "Authorization" in request.headers else [])
    keepable = "no-store" not in response.get("Cache-Control", "")
    if request.method != "GET" or response.status_code != 200 or not keepable:
        return response
    tag = response["ETag"] = tag_of(response.content)
    had = {one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))}
    if not had & {"*", tag.removeprefix("W/")}:
        return response
    unchanged = HttpResponse(
        status=304, headers={name: response[name] for name in _OF_304 if response.has_header(name)}
    )
    del unchanged["Content-Type"]
    return unchanged


api = PublicApi(
    title="Jazari",
    version="1",
    description="The network as this node has verified it. Every list answers `items` and `next`, the address of what "
    "follows, or null: follow it until then. Every answer to GET has an ETag, except verifications: each is made anew.",
    docs_url=None,
    urls_namespace="api-1",
    auth=nobody,
)
for place, router in {
    "institutes": institutes,
    "catalogue": catalogue,
    "studies": studies,
    "gateway": gateway,
    "audit": audit,
}.items():
    api.add_router(place, router)


class Node(Schema):
    """This node. ``titles`` by language; ``catalogue_version`` is another whenever lists may be."""

    namespace: str
    role: str
    titles: dict[str, str]
    region: str
    network: str
    languages: list[str]
    software: str
    software_version: str
    catalogue_version: str


@api.get("node", auth=everybody, response=Node, summary="This node", tags=["node"])
def node(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001  ninja's form
    """Who answers, of which network, with which software, and the state of its verified catalogue."""
    config = this_home().config
    return {
        "namespace": config.namespace,
        "role": config.role,
        "titles": config.titles,
        "region": config.region,
        "network": config.network,
        "languages": list(LANGUAGES),
        "software": "jazari",
        "software_version": version("jazari"),
        "catalogue_version": catalogue_version(),
    }
