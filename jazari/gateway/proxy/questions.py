"""What a client asks: read from JSON, checked, and measured; what is not ours to judge is passed on as it came.

The forms are those of OpenAI's API (chat completions, completions, embeddings), which Mistral's share. Only what
the gateway itself acts on is checked here: the provider judges the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, TypeAdapter, ValidationError

from jazari.gateway.errors import BadQuestion
from jazari.gateway.scripts import Script, script_of
from jazari.gateway.words import Kind

MOST_MESSAGES = 4_000
MOST_INPUTS = 2_048
MOST_CHOICES = 16
DEEPEST = 64
SAMPLE = 4_000
"""Characters of a prompt that tell its script: the last ones, since instructions come first."""

_Positive = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
_Choices = Annotated[int, Field(strict=True, ge=1, le=MOST_CHOICES)]


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


class _TextPart(_Loose):
    type: Literal["text"]
    text: StrictStr


class _ImageAddress(_Loose):
    url: StrictStr


class _ImagePart(_Loose):
    type: Literal["image_url"]
    image_url: StrictStr | _ImageAddress


_Part = Annotated[_TextPart | _ImagePart, Field(discriminator="type")]


class _Message(_Loose):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: StrictStr | list[_Part] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class _StreamOptions(_Loose):
    include_usage: StrictBool = False


class _Generating(_Loose):
    model: StrictStr = Field(min_length=1, max_length=200)
    stream: StrictBool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: _Positive | None = None
    max_completion_tokens: _Positive | None = None
    n: _Choices | None = None


class _Chat(_Generating):
    messages: list[_Message] = Field(min_length=1, max_length=MOST_MESSAGES)
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None


class _Completion(_Generating):
    prompt: StrictStr | Annotated[list[StrictStr], Field(min_length=1, max_length=MOST_INPUTS)]


class _Embedding(_Loose):
    model: StrictStr = Field(min_length=1, max_length=200)
    input: StrictStr | Annotated[list[StrictStr], Field(min_length=1, max_length=MOST_INPUTS)]


_FORMS: dict[Kind, TypeAdapter[Any]] = {
    Kind.CHAT: TypeAdapter(_Chat),
    Kind.COMPLETION: TypeAdapter(_Completion),
    Kind.EMBEDDING: TypeAdapter(_Embedding),
}


@dataclass(frozen=True)
class Question:
    """One request of a client.

    ``body`` is the JSON as it came. ``prompt_bytes``: UTF-8 bytes of all text that becomes tokens, tools and schema
    included; ``items``: messages or inputs; ``script``: what most of its last text is written in; ``choices``: answers
    asked for. ``most_output``: the client's own limit of tokens for each of them, or None.
    """

    kind: Kind
    model: str
    body: dict[str, Any]
    prompt_bytes: int
    items: int
    images: int
    script: Script
    stream: bool = False
    wants_usage: bool = False
    most_output: int | None = None
    choices: int = 1
    extras: frozenset[str] = field(default_factory=frozenset)


def read_question(kind: Kind, data: bytes) -> Question:
    """The request in ``data``; ``BadQuestion`` names the first field that is wrong, never its value."""
    body = _parse(data)
    try:
        form = _FORMS[kind].validate_python(body)
    except ValidationError as error:
        raise _bad(error) from None
    if kind is Kind.EMBEDDING:
        return _embedding(form, body)
    return _generating(kind, form, body)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadQuestion("The request is not valid JSON: correct it and send it again.") from None
    if not isinstance(body, dict):
        raise BadQuestion("The request is no JSON object: send one with the field `model`.")
    return body


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _bad(error: ValidationError) -> BadQuestion:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Names of our own forms; a key that the client chose is cut short.
    where = ".".join(str(part)[:40] for part in first["loc"] if not str(part).startswith(("function-", "list[")))
    message = str(first["msg"]).removeprefix("Value error, ")
    return BadQuestion(f"The field `{where}` is not right ({message}): correct it and send it again.", param=where)


def _generating(kind: Kind, form: Any, body: dict[str, Any]) -> Question:
    texts, images = _chat_texts(form) if kind is Kind.CHAT else (_as_list(form.prompt), 0)
    extra = [json.dumps(body[name]) for name in ("tools", "response_format") if body.get(name)]
    limits = [limit for limit in (form.max_completion_tokens, form.max_tokens) if limit is not None]
    return Question(
        kind=kind,
        model=form.model,
        body=body,
        prompt_bytes=_size([*texts, *extra]),
        items=len(texts),
        images=images,
        script=_script(texts),
        stream=bool(form.stream),
        wants_usage=bool(form.stream_options and form.stream_options.include_usage),
        most_output=min(limits) if limits else None,
        choices=(form.n or 1) * (1 if kind is Kind.CHAT else len(texts)),
        extras=frozenset(name for name in ("tools", "response_format") if body.get(name)),
    )


def _embedding(form: Any, body: dict[str, Any]) -> Question:
    texts = _as_list(form.input)
    return Question(Kind.EMBEDDING, form.model, body, _size(texts), len(texts), 0, _script(texts))


def _chat_texts(form: Any) -> tuple[list[str], int]:
    texts: list[str] = []
    images = 0
    for message in form.messages:
        parts = message.content if isinstance(message.content, list) else []
        images += sum(isinstance(part, _ImagePart) for part in parts)
        said = (
            message.content
            if isinstance(message.content, str)
            else "".join(part.text for part in parts if isinstance(part, _TextPart))
        )
        texts.append(said + (json.dumps(message.tool_calls) if message.tool_calls else ""))
    return texts, images


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _size(texts: list[str]) -> int:
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _script(texts: list[str]) -> Script:
    return script_of("".join(text[-SAMPLE:] for text in texts[-8:])[-SAMPLE:])
