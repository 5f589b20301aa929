"""What a client asks: read from JSON, checked, and measured; what is not ours to judge is passed on as it came.

The forms are those of OpenAI's API (chat completions, completions, embeddings), which Mistral's share. Only what
the gateway itself acts on is checked here: the provider judges the rest.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from jazari.gateway.errors import BadQuestion
from jazari.gateway.scripts import Script, script_of
from jazari.gateway.words import Kind

MOST_MESSAGES = 4_000
MOST_INPUTS = 2_048
MOST_CHOICES = 16
MOST_TOOLS = 1_000
MOST_PARTS, MOST_VALUES = 20_000, 100_000
"""Objects and lists in a request, and what is in them: checking them takes time in which nobody else is served."""
DEEPEST = 64
"""Levels of objects and lists: what is deeper breaks readers further on, which would look like a provider's failure."""
SAMPLE = 4_000
"""Characters of a prompt that tell its script: the last ones, since instructions come first."""

_Positive = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
_Choices = Annotated[int, Field(strict=True, ge=1, le=MOST_CHOICES)]


_Objects = Annotated[list[dict[str, Any]], Field(max_length=MOST_TOOLS, fail_fast=True)]
_Texts = Annotated[list[StrictStr], Field(min_length=1, max_length=MOST_INPUTS, fail_fast=True)]
# What is not among these may be read by a model, whatever a provider makes of it: it counts as prompt.
_NO_PROMPT = frozenset({
    "model", "messages", "prompt", "stream", "stream_options", "n", "best_of", "max_tokens", "max_completion_tokens",
    "temperature", "top_p", "top_k", "min_p", "seed", "random_seed", "presence_penalty", "frequency_penalty",
    "logprobs", "top_logprobs", "logit_bias", "parallel_tool_calls", "user", "echo",
})  # fmt: skip
_NOT_SAID = frozenset({"role", "content"})


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
    content: StrictStr | Annotated[list[_Part], Field(fail_fast=True)] | None = None
    tool_calls: _Objects | None = None


class _StreamOptions(_Loose):
    include_usage: StrictBool = False


class _Generating(_Loose):
    model: StrictStr = Field(min_length=1, max_length=200)
    stream: StrictBool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: _Positive | None = None
    max_completion_tokens: _Positive | None = None
    n: _Choices | None = None
    best_of: _Choices | None = None


class _Chat(_Generating):
    messages: list[_Message] = Field(min_length=1, max_length=MOST_MESSAGES, fail_fast=True)
    tools: _Objects | None = None
    response_format: dict[str, Any] | None = None


class _Completion(_Generating):
    prompt: StrictStr | _Texts


class _Embedding(_Loose):
    model: StrictStr = Field(min_length=1, max_length=200)
    input: StrictStr | _Texts


FORMS: dict[Kind, type[BaseModel]] = {Kind.CHAT: _Chat, Kind.COMPLETION: _Completion, Kind.EMBEDDING: _Embedding}
SCHEMA_NAMES = {Kind.CHAT: "Chat", Kind.COMPLETION: "Completion", Kind.EMBEDDING: "Embedding"}
"""What the forms are called in the description of the API (``jazari.gateway.openapi``)."""


@dataclass(frozen=True)
class Question:
    """One request of a client.

    ``body`` is the JSON as it came. ``prompt_bytes``: UTF-8 bytes of all that can become tokens: texts, tools, schema,
    and every field that we do not know; ``items``: messages or inputs; ``script``: what most of its last text is
    written in; ``choices``: answers computed. ``most_output``: the client's own limit of tokens for each of them, or
    None. ``image_addresses``: some image is not in the request, but to be fetched from an address; ``tools``: it has
    some.
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
    image_addresses: bool = False
    tools: bool = False


def read_question(kind: Kind, data: bytes) -> Question:
    """The request in ``data``; ``BadQuestion`` names the first field that is wrong, never its value."""
    body = _parse(data)
    try:
        form = FORMS[kind].model_validate(body)
    except ValidationError as error:
        raise _bad(error) from None
    if kind is Kind.EMBEDDING:
        return _embedding(form, body)
    return _generating(kind, form, body)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        # Decoded here: given bytes, the parser would guess at UTF-16 and UTF-32.
        body = _decode(data.decode())
        if b"\\ud" in data or b"\\uD" in data:
            _refuse_half_characters(body)
    except (ValueError, RecursionError):
        raise BadQuestion("The request is not valid JSON in UTF-8: correct it and send it again.") from None
    if not isinstance(body, dict):
        raise BadQuestion("The request is no JSON object: send one with the field `model`.")
    _refuse_mazes(body)
    return body


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(digits: str) -> float:
    """``1e999`` is valid JSON, but what it becomes here cannot be written as JSON again."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


_decode = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite).decode


def _refuse_half_characters(body: Any) -> None:
    """Raise ``ValueError`` for half of a surrogate pair, which is no character (RFC 8259, section 8.2)."""
    json.dumps(body, ensure_ascii=False).encode()


def _refuse_mazes(body: dict[str, Any]) -> None:
    """Raise ``BadQuestion`` for more levels or parts than any request needs."""
    level: list[Any] = [body]
    parts = values = 0
    for _ in range(DEEPEST):
        inner = (node.values() if isinstance(node, dict) else node for node in level)
        level = [child for children in inner for child in children if isinstance(child, dict | list)]
        if not level:
            return
        parts, values = parts + len(level), values + sum(len(node) for node in level)
        if parts > MOST_PARTS or values > MOST_VALUES:
            raise BadQuestion(f"The request has more than {MOST_PARTS:,} objects and lists, or {MOST_VALUES:,} values.")
    raise BadQuestion(f"The request has more than {DEEPEST} levels of objects and lists: send a flatter one.")


_BRANCH = re.compile(r"function-|list\[|constrained-|str$|_")
"""Names that the validator adds for branches of a union."""
_SENTENCES = {"union_tag_invalid": "Its type is none that is known here: `text` and `image_url` are"}


def _bad(error: ValidationError) -> BadQuestion:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    first = max(found, key=lambda one: len(one["loc"]))  # the branch of a union that came nearest
    # Names of our own forms; a key that the client chose is cut short.
    where = ".".join(str(part)[:40] for part in first["loc"] if not _BRANCH.match(str(part)))
    # Of a discriminator, the message tells the client's value, of any length.
    message = _SENTENCES.get(first["type"], str(first["msg"]))
    return BadQuestion(f"The field `{where}` is not right ({message}): correct it and send it again.", param=where)


def _generating(kind: Kind, form: Any, body: dict[str, Any]) -> Question:
    texts, images = _chat_texts(form) if kind is Kind.CHAT else (_as_list(form.prompt), 0)
    extra = [_dumped(body, _NO_PROMPT)]
    if kind is Kind.CHAT:
        extra += [_dumped(message, _NOT_SAID) for message in body["messages"]]
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
        choices=max(form.n or 1, form.best_of or 1) * (1 if kind is Kind.CHAT else len(texts)),
        image_addresses=kind is Kind.CHAT and any(map(_is_elsewhere, _image_parts(form))),
        tools=bool(body.get("tools")),
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
        texts.append(said)
    return texts, images


def _image_parts(form: Any) -> Iterator[_ImagePart]:
    for message in form.messages:
        if isinstance(message.content, list):
            yield from (part for part in message.content if isinstance(part, _ImagePart))


def _is_elsewhere(part: _ImagePart) -> bool:
    """Whether the image is not in the request itself: whatever is no ``data:`` may be fetched, or read from a disk."""
    image = part.image_url
    return not (image if isinstance(image, str) else image.url).startswith("data:")


def _dumped(fields: dict[str, Any], but: frozenset[str]) -> str:
    """The fields that have a value, except those named, as JSON."""
    rest = {name: value for name, value in fields.items() if value is not None and name not in but}
    return json.dumps(rest) if rest else ""


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _size(texts: list[str]) -> int:
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _script(texts: list[str]) -> Script:
    return script_of("".join(text[-SAMPLE:] for text in texts[-8:])[-SAMPLE:])
