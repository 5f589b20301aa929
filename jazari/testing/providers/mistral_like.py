"""A provider with Mistral's interface: it checks with `mistral-common` and answers with the SDK's own types.

Like the API, it refuses fields that it does not know with 422 (``stream_options``, ``max_completion_tokens``,
``seed``, ``name`` of a message ...), wants nine letters and digits as the id of a tool's call, sends a call of a tool
in one event, and tells the usage of a stream in its last event without being asked. Its faults are those of
`openai_like`. Its text is no model's: nothing about quality follows from it.
"""

from __future__ import annotations

import argparse
import threading
from typing import Any, Self

from aiohttp import web
from mistralai.client import models as sdk
from pydantic import ValidationError

from jazari.testing.providers import answers, mistral_tokens
from jazari.testing.providers.faults import MODEL_PREFIX
from jazari.testing.providers.stand_in import Refused, StandIn
from jazari.testing.providers.wire import Answer, Behaviour, packed

MODELS = ("mistral-stand-in",)
EMBEDDING_MODELS = ("mistral-stand-in-embedding",)
CONTEXT_TOKENS = 32_768
SECRET = "mistral-secret"
_TYPES = {400: "invalid_request_error", 401: "unauthorized", 404: "not_found", 429: "rate_limited"}


class Unprocessable(Refused):
    """422: pydantic's list of mistakes, as the API gives it."""

    def __init__(self, mistakes: list[dict[str, Any]]) -> None:
        super().__init__(422, "validation")
        self.mistakes = mistakes


class MistralLike(StandIn):
    """Chat, embeddings and the list of models. ``origin`` is what the SDK is given as ``server_url``."""

    def __init__(self, *, port: int = 0, secret: str | None = SECRET, behaviour: Behaviour | None = None) -> None:
        super().__init__(port=port, secret=secret, behaviour=behaviour)

    def __enter__(self) -> Self:
        mistral_tokens.tokenizer()
        return super().__enter__()

    def application(self) -> web.Application:
        """The routes of Mistral's interface."""
        made = super().application()
        made.router.add_get("/v1/models", self._models)
        made.router.add_post("/v1/chat/completions", self.handler(self._chat))
        made.router.add_post("/v1/embeddings", self.handler(self._embeddings))
        return made

    def error(self, status: int, sentence: str) -> dict[str, Any]:
        """Mistral's shape of an error (as of 2025)."""
        kind = _TYPES.get(status, "internal_server_error" if status >= 500 else "invalid_request_error")
        return {"object": "error", "message": sentence, "type": kind, "param": None, "code": None}

    def refusal(self, refused: Refused) -> dict[str, Any]:
        """With the list of mistakes where there is one: in ``detail`` for the SDK, in ``message`` as on the wire."""
        if not isinstance(refused, Unprocessable):
            return super().refusal(refused)
        return {**self.error(422, ""), "message": {"detail": refused.mistakes}, "detail": refused.mistakes}

    def _chat(self, document: dict[str, Any]) -> Answer:
        _check_fields(document, sdk.ChatCompletionRequest)
        self._check_model(document, MODELS)
        prompt = _prompt_tokens(document)
        if prompt + (document.get("max_tokens") or 0) > CONTEXT_TOKENS:
            raise Refused(400, f"Prompt contains {prompt} tokens, too large for model with {CONTEXT_TOKENS} maximum.")
        return _chat_answer(document, prompt, self.behaviour)

    def _embeddings(self, document: dict[str, Any]) -> Answer:
        _check_fields(document, sdk.EmbeddingRequest)
        self._check_model(document, EMBEDDING_MODELS)
        given = document["input"]
        texts = [given] if isinstance(given, str) else given
        size = document.get("output_dimension") or answers.DIMENSIONS
        tokens = sum(mistral_tokens.text_tokens(text) for text in texts)
        response = sdk.EmbeddingResponse(
            id="emb-0123456789abcdef",
            object="list",
            model=document["model"],
            usage=sdk.UsageInfo(prompt_tokens=tokens, completion_tokens=0, total_tokens=tokens),
            data=[
                sdk.EmbeddingResponseData(object="embedding", embedding=answers.vector(text, size), index=index)
                for index, text in enumerate(texts)
            ],
        )
        return Answer([_dumped(response)], stream=False)

    def _check_model(self, document: dict[str, Any], known: tuple[str, ...]) -> None:
        model = document["model"]
        if model not in known and not model.startswith(MODEL_PREFIX):
            raise Refused(400, f"Invalid model: {model}")

    async def _models(self, request: web.Request) -> web.Response:
        if self.secret is not None and request.headers.get("Authorization") != f"Bearer {self.secret}":
            return web.json_response(self.error(401, "Unauthorized"), status=401)
        cards = [_card(name, chat=True) for name in MODELS] + [_card(name, chat=False) for name in EMBEDDING_MODELS]
        return web.Response(body=packed(_dumped(sdk.ModelList(object="list", data=list(cards)))), content_type=_JSON)


_JSON = "application/json"


def _card(name: str, *, chat: bool) -> sdk.BaseModelCard:
    capabilities = sdk.ModelCapabilities(completion_chat=chat, function_calling=chat, vision=chat)
    return sdk.BaseModelCard(
        id=name, capabilities=capabilities, created=answers.CREATED, max_context_length=CONTEXT_TOKENS
    )


def _dumped(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = response.model_dump(mode="json", by_alias=True)
    return found


def _check_fields(document: dict[str, Any], request: type[Any]) -> None:
    """The SDK's type accepts the values, and knows every field. Raises `Unprocessable`."""
    known = {field.alias or name for name, field in request.model_fields.items()}
    extra = [_extra(["body", name], document[name]) for name in document if name not in known]
    if extra:
        raise Unprocessable(extra)
    try:
        request.model_validate(document)
    except ValidationError as error:
        raise Unprocessable(_mistakes(error)) from None


def _extra(where: list[str], value: Any) -> dict[str, Any]:
    return {"type": "extra_forbidden", "loc": where, "msg": "Extra inputs are not permitted", "input": value}


def _mistakes(error: ValidationError) -> list[dict[str, Any]]:
    return [
        {"type": each["type"], "loc": ["body", *each["loc"]], "msg": each["msg"]}
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _prompt_tokens(document: dict[str, Any]) -> int:
    try:
        return mistral_tokens.prompt_tokens(document)
    except ValidationError as error:
        raise Unprocessable(_mistakes(error)) from None
    except mistral_tokens.Unacceptable as error:
        raise Refused(400, str(error)) from None


def _chat_answer(document: dict[str, Any], prompt: int, behaviour: Behaviour) -> Answer:
    tool = answers.tool_to_call(document)
    calls = [sdk.ToolCall.model_validate({**answers.call_of(tool), "index": 0})] if tool else None
    whole = "" if tool else answers.content_of({**document, "max_tokens": None}, behaviour)
    text = mistral_tokens.first_tokens(whole, document.get("max_tokens") or CONTEXT_TOKENS)
    said = mistral_tokens.text_tokens(text or str(calls[0].function.arguments if calls else ""))
    usage = sdk.UsageInfo(prompt_tokens=prompt, completion_tokens=said, total_tokens=prompt + said)
    reason = "tool_calls" if tool else "stop" if text == whole else "length"
    if document.get("stream"):
        return _stream(document["model"], text, calls, usage, reason)
    message = sdk.AssistantMessage(content=text, tool_calls=calls)
    response = sdk.ChatCompletionResponse(
        id=_IDENTITY,
        object="chat.completion",
        model=document["model"],
        usage=usage,
        created=answers.CREATED,
        choices=[sdk.ChatCompletionChoice(index=0, finish_reason=reason, message=message)],
    )
    return Answer([_dumped(response)], stream=False)


_IDENTITY = "cmpl-0123456789abcdef"


def _stream(model: str, text: str, calls: list[sdk.ToolCall] | None, usage: sdk.UsageInfo, reason: str) -> Answer:
    deltas = [sdk.DeltaMessage(role="assistant", content="")]
    deltas += [sdk.DeltaMessage(content=piece) for piece in answers.pieces(text)] if text else []
    deltas.append(sdk.DeltaMessage(content="", tool_calls=calls) if calls else sdk.DeltaMessage(content=""))
    last = len(deltas) - 1
    chunks = [
        sdk.CompletionChunk(
            id=_IDENTITY,
            model=model,
            object="chat.completion.chunk",
            created=answers.CREATED,
            choices=[
                sdk.CompletionResponseStreamChoice(
                    index=0, delta=delta, finish_reason=reason if number == last else None
                )
            ],
            usage=usage if number == last else None,
        )
        for number, delta in enumerate(deltas)
    ]
    return Answer([_dumped(chunk) for chunk in chunks], stream=True)


def main() -> None:
    """Serve until interrupted; prints the address once it answers."""
    parser = argparse.ArgumentParser(description="A provider with Mistral's interface.")
    parser.add_argument("port", type=int, help="0 for a free one")
    parser.add_argument("--secret", default=SECRET, help="what it accepts after Bearer")
    given = parser.parse_args()
    with MistralLike(port=given.port, secret=given.secret) as provider:
        print(provider.origin, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
