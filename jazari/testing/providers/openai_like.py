"""A provider with OpenAI's interface, as vLLM, llama.cpp and others have it, whose faults are chosen.

In a test: ``with OpenAILike() as provider: provider.faults.next(Fault.ERROR_503)``, address ``provider.url``.
For benchmarks and the demo, in a process of its own: ``python -m jazari.testing.providers.openai_like PORT``.
A model named ``fault-<name>`` fails in that way at every call, so that a caller without access can choose too.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from jazari.testing.providers import answers
from jazari.testing.providers.faults import MODEL_PREFIX
from jazari.testing.providers.serving import use_fast_loop
from jazari.testing.providers.stand_in import Refused, StandIn
from jazari.testing.providers.wire import Answer, Behaviour

MODELS = ("stand-in", "stand-in-embedding")


class OpenAILike(StandIn):
    """Chat, completions, embeddings and the list of models. ``models``: the names that it knows."""

    def __init__(
        self,
        *,
        port: int = 0,
        secret: str | None = None,
        behaviour: Behaviour | None = None,
        models: Iterable[str] = MODELS,
    ) -> None:
        super().__init__(port=port, secret=secret, behaviour=behaviour)
        self.models = tuple(models)

    def application(self) -> web.Application:
        """The routes of OpenAI's interface."""
        made = super().application()
        made.router.add_get("/v1/models", self._models)
        made.router.add_post("/v1/chat/completions", self.handler(self._chat))
        made.router.add_post("/v1/completions", self.handler(self._completion))
        made.router.add_post("/v1/embeddings", self.handler(self._embeddings))
        return made

    def error(self, status: int, sentence: str) -> dict[str, Any]:
        """OpenAI's shape of an error."""
        kind = "invalid_request_error" if status < 500 else "server_error"
        return {"error": {"message": sentence, "type": kind, "param": None, "code": None}}

    def _chat(self, document: dict[str, Any]) -> Answer:
        self._check_model(document)
        messages = document.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
            raise Refused(400, "'messages' must be a list of at least one message.")
        if not all(each.get("role") in _ROLES for each in messages):
            raise Refused(400, f"The role of a message must be one of {', '.join(_ROLES)}.")
        return answers.chat(document, self.behaviour)

    def _completion(self, document: dict[str, Any]) -> Answer:
        self._check_model(document)
        if not isinstance(document.get("prompt"), str | list):
            raise Refused(400, "'prompt' must be a text or a list.")
        return answers.completion(document, self.behaviour)

    def _embeddings(self, document: dict[str, Any]) -> Answer:
        self._check_model(document)
        if not isinstance(document.get("input"), str | list) or not document["input"]:
            raise Refused(400, "'input' must be a text or a list that is not empty.")
        return answers.embeddings(document)

    def _check_model(self, document: dict[str, Any]) -> None:
        model = document.get("model")
        if model not in self.models and not str(model).startswith(MODEL_PREFIX):
            raise Refused(404, f"The model `{model}` does not exist or you do not have access to it.")
        limit = document.get("max_completion_tokens") or document.get("max_tokens")
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise Refused(400, "The largest number of tokens must be a whole number above 0.")
        if document.get("n") not in (None, 1):
            raise Refused(400, "This provider gives one answer to a call ('n' = 1).")

    async def _models(self, _: web.Request) -> web.Response:
        data = [
            {"id": name, "object": "model", "created": answers.CREATED, "owned_by": "stand-in"} for name in self.models
        ]
        return web.json_response({"object": "list", "data": data})


_ROLES = ("system", "developer", "user", "assistant", "tool")


def main() -> None:
    """Serve until interrupted; prints the address once it answers. ``GET /counts`` tells what was asked."""
    parser = argparse.ArgumentParser(description="A provider with OpenAI's interface, for benchmarks and the demo.")
    parser.add_argument("port", type=int, help="0 for a free one")
    parser.add_argument("--words", type=int, default=16, help="of an answer, and events of a stream")
    given = parser.parse_args()
    use_fast_loop()
    serving = OpenAILike(port=given.port, behaviour=Behaviour(words=given.words))
    # Ctrl-C in the demo reaches everything that it started.
    with contextlib.suppress(KeyboardInterrupt), serving as provider:
        print(provider.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
