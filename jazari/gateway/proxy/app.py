"""The gateway as one ASGI application: paths, and what every request has in common."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from jazari.gateway.addresses import is_loopback
from jazari.gateway.authorization import KeyFacts, data_class_of
from jazari.gateway.errors import GatewayError, NoSuchPath, WrongMethod
from jazari.gateway.guests import Guest
from jazari.gateway.metrics import CONTENT_TYPE
from jazari.gateway.node_calls import CLASS_HEADER as CLASS_NAME
from jazari.gateway.node_calls import RELAYED_HEADER, SCHEME
from jazari.gateway.node_errors import NotOffered
from jazari.gateway.openapi import CALLS, openapi_bytes
from jazari.gateway.proxy.call import Call
from jazari.gateway.proxy.deadlines import Interruptible
from jazari.gateway.proxy.explaining import explanation_document, read_explain_question
from jazari.gateway.proxy.http import (
    LARGEST_BODY,
    LARGEST_PLAIN_QUESTION,
    LINE,
    ClientLeft,
    Line,
    Receive,
    Scope,
    Send,
    header,
    headers_named,
    read_body,
    send_bytes,
    send_error,
    send_json,
)
from jazari.gateway.proxy.live import Live
from jazari.gateway.proxy.questions import read_question
from jazari.gateway.receipt_files import find_receipt_of
from jazari.gateway.words import Kind

CLASS_HEADER = CLASS_NAME.encode()
HOLD = "jazari.hold"
"""Where a request's scope keeps its share of the memory for bodies."""
MOST_READERS = 4
"""Receipts looked for at the same time: each reads a file of several megabytes."""
_log = logging.getLogger("jazari.gateway")
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gateway:
    """ASGI: the API below ``/v1/``, and ``/healthz``, ``/readyz`` and ``/metrics`` beside it."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._paths: dict[str, tuple[str, Handler]] = {
            **{path: ("POST", self._answerer(kind)) for path, kind in CALLS.items()},
            "/v1/models": ("GET", self._models),
            "/v1/explain": ("POST", self._explain),
            "/v1/openapi.json": ("GET", self._openapi),
            "/healthz": ("GET", self._health),
            "/readyz": ("GET", self._ready),
            "/metrics": ("GET", self._metrics),
        }
        self._below: dict[str, Handler] = {"/v1/models/": self._model, "/v1/receipts/": self._receipt}
        self._readers = asyncio.Semaphore(MOST_READERS)

    @property
    def paths(self) -> dict[str, str]:
        """Every path and its method; those that end with a slash have more below them."""
        return {path: method for path, (method, _handler) in self._paths.items()} | dict.fromkeys(self._below, "GET")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False

        async def tracked(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            with self._live.bodies.hold() as scope[HOLD]:
                await self._handler(scope)(scope, receive, tracked)
        except ClientLeft:
            return
        except GatewayError as error:
            self._live.metrics.refusals.labels(error.code).inc()
            if not started:
                await send_error(send, error)
        except Exception:
            _log.exception("A request met a defect of the gateway")
            if not started:
                await send_error(send, GatewayError("The gateway made a mistake; its log has the details."))

    def _handler(self, scope: Scope) -> Handler:
        path = scope["path"]
        below = next((self._below[prefix] for prefix in self._below if path.startswith(prefix)), None)
        found = ("GET", below) if below else self._paths.get(path)
        if found is None:
            raise _nothing_there()
        method, handler = found
        if scope["method"] != method:
            error = WrongMethod(f"Use {method} for this path.")
            error.headers = [(b"allow", method.encode())]
            raise error
        return handler

    def _answerer(self, kind: Kind) -> Handler:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            self._live.refuse_when_draining()
            key, guest, body = await self._admit(scope, receive, calls=True)
            question = read_question(kind, body)
            route = self._live.route_for(key, question.model, kind)
            data_class, declassified = data_class_of(key, _class_asked(scope))
            call = Call(self._live, key, question, route, data_class, declassified, guest)
            await self._run(call, scope[LINE], send)

        return answer

    async def _run(self, call: Call, line: Line, send: Send) -> None:
        """Run the call for as long as its client is there."""
        live, client = self._live, Interruptible(ClientLeft)
        live.open_calls += 1
        line.on_leaving(client.interrupt)
        try:
            with client:
                await call.run(send)
        except GatewayError as error:
            if call.has_receipt:
                error.headers = call.headers
            raise
        finally:
            line.on_leaving(None)
            live.open_calls -= 1

    async def _admit(
        self, scope: Scope, receive: Receive, *, calls: bool = False
    ) -> tuple[KeyFacts, Guest | None, bytes]:
        """Who asks, and the body, which is not read for strangers; nor that of a call beyond a key's limit."""
        most = LARGEST_BODY if calls else LARGEST_PLAIN_QUESTION
        authorization = header(scope, b"authorization")
        if not authorization.startswith(SCHEME):
            key = self._live.admit(authorization)
            if calls:
                self._live.limiter.check(key.id, key.requests_a_minute, time.monotonic())
            return key, None, await read_body(scope, receive, scope[HOLD], most)
        data_class, relayed_for = header(scope, CLASS_HEADER), header(scope, RELAYED_HEADER.encode())
        arrival = self._live.arrive(authorization, scope["path"].removeprefix("/v1"), data_class, relayed_for)
        body = await read_body(scope, receive, scope[HOLD], most)
        key, guest = self._live.admit_guest(arrival, body)
        return key, guest, body

    async def _models(self, scope: Scope, receive: Receive, send: Send) -> None:
        key, _guest, _body = await self._admit(scope, receive)
        names = self._live.models_for(key)
        await send_json(send, {"object": "list", "data": [_model(name) for name in names]})

    async def _model(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix("/v1/models/")
        key, _guest, _body = await self._admit(scope, receive)
        if name not in self._live.models_for(key):
            raise NoSuchPath(f"There is no model {name[:80]!r} for this key: GET /v1/models lists what there is.")
        await send_json(send, _model(name))

    async def _explain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Why a request like this one would go where, at this moment; nothing is sent and nothing charged."""
        key, guest, body = await self._admit(scope, receive)
        if guest is not None:
            raise NotOffered("How this gateway chooses is for its own projects: other institutes see its card.")
        asked = read_explain_question(body)
        route = self._live.route_of(key, asked.model)
        data_class, declassified = data_class_of(key, asked.data_class)
        explanation = self._live.explain(route, data_class)
        await send_json(send, explanation_document(explanation, data_class, declassified))

    async def _receipt(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A receipt of the key's own project, with its proof once it is anchored."""
        key, _guest, _body = await self._admit(scope, receive)
        call = scope["path"].removeprefix("/v1/receipts/")
        async with self._readers:
            kept = await asyncio.to_thread(find_receipt_of, self._live.ledger.folder, key.project, call)
        await send_json(send, kept.document())

    async def _openapi(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send_bytes(send, openapi_bytes())

    async def _health(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send_json(send, {"status": "ok"})

    async def _ready(self, scope: Scope, _receive: Receive, send: Send) -> None:
        live = self._live
        ready = live.is_current and not live.draining
        document: dict[str, Any] = {"ready": ready}
        if self._may_look(scope):
            document |= {"draining": live.draining, "open_calls": live.open_calls, "problems": live.problems}
        await send_json(send, document, 200 if ready else 503)

    async def _metrics(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if not self._may_look(scope):
            raise _nothing_there()
        self._live.show_metrics()
        await send_bytes(send, self._live.metrics.text(), CONTENT_TYPE)

    def _may_look(self, scope: Scope) -> bool:
        """Whether who asks may see how the gateway is doing: on this machine only, unless gateway.toml says all."""
        return self._live.config.metrics == "all" or is_loopback((scope.get("client") or ("",))[0])


def _nothing_there() -> NoSuchPath:
    return NoSuchPath("There is nothing at this path: see the reference of the gateway's API.")


def _class_asked(scope: Scope) -> str | None:
    """The data class in the header; said twice, or empty, it is unknown and not left out."""
    said = headers_named(scope, CLASS_HEADER)
    return ", ".join(said) if said else None


def _model(name: str) -> dict[str, Any]:
    # Mistral's client reads no model without type and abilities; what a route can do depends on who answers.
    return {
        "id": name, "object": "model", "created": 0, "owned_by": "jazari", "type": "base", "capabilities": {}
    }  # fmt: skip
