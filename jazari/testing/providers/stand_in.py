"""What every stand-in shares: it reads a call, counts it, lets the interface answer, and writes well or badly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Self

from aiohttp import web

from jazari.testing.providers.counts import Call, Counts
from jazari.testing.providers.faults import Fault, FaultPlan
from jazari.testing.providers.serving import Served
from jazari.testing.providers.wire import Answer, Behaviour, Torn, write

LARGEST_REQUEST = 256 * 1024 * 1024
KEPT_ANSWERS, LARGEST_KEPT = 32, 65_536
HUGE_TOKENS = 10**12
Interface = Callable[[dict[str, Any]], Answer]
_USAGE: dict[Fault, Any] = {
    Fault.USAGE_HUGE: HUGE_TOKENS,
    Fault.USAGE_NEGATIVE: -5,
    Fault.USAGE_WORDS: "many",
}


class Refused(Exception):
    """The provider will not do this: an HTTP status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class StandIn:
    """A provider on loopback. ``secret``: what it accepts after "Bearer"; None accepts anybody.

    ``faults`` says what goes wrong next, ``counts`` what was asked. Subclasses give the interface.
    """

    prefix: ClassVar[str] = "/v1"

    def __init__(self, *, port: int = 0, secret: str | None = None, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.faults, self.counts, self.secret = FaultPlan(), Counts(), secret
        self._served = Served(self.application, port)
        self._kept: dict[tuple[str, bytes, str, int], tuple[str, Answer]] = {}

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return self._served.url

    @property
    def url(self) -> str:
        """The base address that a client is given."""
        return self.origin + self.prefix

    def __enter__(self) -> Self:
        self._served.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._served.__exit__(*error)

    def vanish(self) -> None:
        """As if its machine were gone: open connections are torn down, new ones refused."""
        self._served.shut()

    def come_back(self) -> None:
        """End `vanish`, at the same address."""
        self._served.open()

    def application(self) -> web.Application:
        """The routes; a new application each time."""
        made = web.Application(client_max_size=LARGEST_REQUEST)
        made.router.add_get("/counts", self._counts)
        made.router.add_get("/health", self._health)
        return made

    def error(self, status: int, sentence: str) -> dict[str, Any]:
        """The interface's document of an error."""
        raise NotImplementedError

    def refusal(self, refused: Refused) -> dict[str, Any]:
        """The document that tells a refusal."""
        return self.error(refused.status, refused.sentence)

    def handler(self, interface: Interface) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A route that reads, counts, faults and answers what ``interface`` makes of the document."""

        async def handle(request: web.Request) -> web.StreamResponse:
            call = Call(request.path, {k.lower(): v for k, v in request.headers.items()}, await request.read())
            self.counts.begin(call)
            try:
                response = await self._answer(request, call, interface)
            except Torn:
                # The connection is gone; a handler must return something.
                return web.Response()
            except (asyncio.CancelledError, ConnectionError):
                self.counts.cancelled += 1
                raise
            else:
                self.counts.finished += 1
                return response
            finally:
                self.counts.open -= 1

        return handle

    async def _answer(self, request: web.Request, call: Call, interface: Interface) -> web.StreamResponse:
        try:
            self._check_secret(request)
            model, answer = self._prepared(call, interface)
        except Refused as refused:
            return web.json_response(self.refusal(refused), status=refused.status)
        fault = self.faults.choose(model)
        if fault is not None:
            self.counts.faults[fault] += 1
            answer = _lying(answer, fault)
        return await write(request, answer, fault, self.behaviour, self.error)

    def _prepared(self, call: Call, interface: Interface) -> tuple[str, Answer]:
        """The model asked for and the good answer. Kept for a while: under load, all calls are often the same one."""
        key = (call.path, call.body, self.behaviour.text, self.behaviour.words)
        if key in self._kept:
            return self._kept[key]
        document = _document(call)
        made = (str(document.get("model", "")), interface(document))
        if len(call.body) <= LARGEST_KEPT:
            if len(self._kept) >= KEPT_ANSWERS:
                self._kept.clear()
            self._kept[key] = made
        return made

    def _check_secret(self, request: web.Request) -> None:
        if self.secret is not None and request.headers.get("Authorization") != f"Bearer {self.secret}":
            raise Refused(401, "Incorrect API key provided.")

    async def _counts(self, _: web.Request) -> web.Response:
        return web.json_response(self.counts.numbers())

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})


def _document(call: Call) -> dict[str, Any]:
    try:
        found = call.document
    except (ValueError, RecursionError):
        raise Refused(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body of your request must be a JSON object.")
    return found


def _lying(answer: Answer, fault: Fault) -> Answer:
    """The answer with another usage, where that is the fault."""
    if fault is Fault.USAGE_MISSING:
        return Answer([{k: v for k, v in each.items() if k != "usage"} for each in answer.documents], answer.stream)
    if fault not in _USAGE:
        return answer
    lie = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _USAGE[fault])
    return Answer([{**each, "usage": lie} if each.get("usage") else each for each in answer.documents], answer.stream)
