"""What the OpenAI-like stand-in says: documents from requests, the same request always with the same answer.

A token here is a word between spaces, so that tests can count by hand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from jazari.testing.providers.wire import Answer, Behaviour

IMAGE_TOKENS = 256
DIMENSIONS = 8
CREATED = 1_700_000_000


def count_tokens(text: str) -> int:
    """Tokens of a text: its words."""
    return len(text.split())


def prompt_tokens(messages: list[dict[str, Any]]) -> int:
    """Tokens of all messages; an image counts `IMAGE_TOKENS`."""
    return sum(_content_tokens(message.get("content")) for message in messages)


def chat(document: dict[str, Any], behaviour: Behaviour) -> Answer:
    """`/v1/chat/completions`: a text, JSON that fits the schema, or a call of the tool that is asked for."""
    tool = tool_to_call(document)
    message: dict[str, Any] = {"role": "assistant", "content": None if tool else content_of(document, behaviour)}
    if tool:
        message["tool_calls"] = [call_of(tool)]
    reason = "tool_calls" if tool else _finish(document, behaviour)
    said = message["content"] or message["tool_calls"][0]["function"]["arguments"]
    usage = _usage(prompt_tokens(document["messages"]), count_tokens(said))
    if not document.get("stream"):
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return Answer([{**_head(document, "chat.completion"), "choices": [choice], "usage": usage}], stream=False)
    return _chat_stream(document, list(_deltas(message)), reason, usage)


def completion(document: dict[str, Any], behaviour: Behaviour) -> Answer:
    """`/v1/completions`: a text."""
    prompt = document["prompt"]
    text = content_of(document, behaviour)
    usage = _usage(count_tokens(prompt if isinstance(prompt, str) else " ".join(map(str, prompt))), count_tokens(text))
    head, reason = _head(document, "text_completion"), _finish(document, behaviour)
    if not document.get("stream"):
        return Answer([{**head, "choices": [_text_choice(text, reason)], "usage": usage}], stream=False)
    events = [{**head, "choices": [_text_choice(piece, None)]} for piece in pieces(text)]
    events.append({**head, "choices": [_text_choice("", reason)]})
    return Answer([*events, *_usage_event(document, head, usage)], stream=True)


def embeddings(document: dict[str, Any]) -> Answer:
    """`/v1/embeddings`: vectors of length 1 that depend on the text alone; floats, or base64 as the client asks."""
    texts = _inputs(document["input"])
    size = int(document.get("dimensions") or DIMENSIONS)
    packed = document.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _packed(vector(text, size)) if packed else vector(text, size),
        }
        for index, text in enumerate(texts)
    ]
    tokens = sum(count_tokens(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Answer([{"object": "list", "data": data, "model": document["model"], "usage": usage}], stream=False)


def vector(text: str, size: int) -> list[float]:
    """The unit vector of a text."""
    raw = hashlib.shake_256(text.encode()).digest(2 * size)
    values = [number / 65535 - 0.5 for number in struct.unpack(f"<{size}H", raw)]
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / length for value in values]


def instance(schema: dict[str, Any], definitions: dict[str, Any] | None = None, depth: int = 0) -> Any:
    """A value that fits a JSON schema (types, enum, const, anyOf, $ref, least lengths and numbers)."""
    definitions = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return instance(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions, depth + 1)
    if "const" in schema or schema.get("enum"):
        return schema.get("const", (schema.get("enum") or [None])[0])
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return instance(schema[word][0], definitions, depth + 1)
    return _of_type(schema, definitions, depth)


def _of_type(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {}) if depth < 8 else {}
        return {name: instance(each, definitions, depth + 1) for name, each in properties.items()}
    if kind == "array":
        return [instance(schema.get("items", {}), definitions, depth + 1)] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return schema.get("minimum", schema.get("maximum", 1))
    return {"string": "text".ljust(schema.get("minLength", 0), "t"), "boolean": True}.get(kind)


def _content_tokens(content: Any) -> int:
    if isinstance(content, str):
        return count_tokens(content)
    parts = content if isinstance(content, list) else []
    return sum(count_tokens(part.get("text") or "") if part.get("type") == "text" else IMAGE_TOKENS for part in parts)


def _inputs(given: Any) -> list[str]:
    """Texts from a text, texts, tokens or lists of tokens."""
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        given = [given]
    return [each if isinstance(each, str) else " ".join(map(str, each)) for each in given]


def _packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def _limit(document: dict[str, Any]) -> int | None:
    found = document.get("max_completion_tokens") or document.get("max_tokens")
    return int(found) if found else None


def content_of(document: dict[str, Any], behaviour: Behaviour) -> str:
    """The text of an answer: JSON where that is the format asked for, else the behaviour's words."""
    wanted = document.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return json.dumps(instance(wanted["json_schema"].get("schema", {})), ensure_ascii=False)
    if wanted.get("type") == "json_object":
        return json.dumps({"answer": behaviour.text}, ensure_ascii=False)
    length = min(behaviour.words, _limit(document) or behaviour.words)
    return " ".join(islice(cycle(behaviour.text.split()), length))


def _finish(document: dict[str, Any], behaviour: Behaviour) -> str:
    limit = _limit(document)
    return "length" if limit is not None and limit < behaviour.words else "stop"


def tool_to_call(document: dict[str, Any]) -> dict[str, Any] | None:
    """Required or named: that tool. Left to the model: the one whose name the last message says."""
    tools: list[dict[str, Any]] = [tool["function"] for tool in document.get("tools") or []]
    choice = document.get("tool_choice") or "auto"
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        return next((tool for tool in tools if tool["name"] == choice["function"]["name"]), None)
    last = document["messages"][-1]
    asked = [tool for tool in tools if last["role"] == "user" and tool["name"] in str(last.get("content"))]
    return next(iter(asked or (tools if choice in ("required", "any") else [])), None)


def call_of(tool: dict[str, Any]) -> dict[str, Any]:
    """A call of this tool with arguments that fit its schema; its id is 9 letters and digits, as Mistral asks."""
    arguments = json.dumps(instance(tool.get("parameters") or {}), ensure_ascii=False)
    identity = hashlib.sha256(arguments.encode()).hexdigest()[:9]
    return {"id": identity, "type": "function", "function": {"name": tool["name"], "arguments": arguments}}


def _usage(prompt: int, said: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}


def _head(document: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "cmpl-0123456789abcdef", "object": kind, "created": CREATED, "model": document["model"]}


def _text_choice(text: str, reason: str | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}


def pieces(text: str) -> list[str]:
    """Words, each with the space before it, so that they join to the text."""
    first, *rest = text.split(" ")
    return [first, *(" " + word for word in rest)]


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if message["content"] is not None:
        yield {"role": "assistant", "content": ""}
        yield from ({"content": piece} for piece in pieces(message["content"]))
        return
    call = message["tool_calls"][0]
    opening = {**call, "index": 0, "function": {"name": call["function"]["name"], "arguments": ""}}
    yield {"role": "assistant", "content": None, "tool_calls": [opening]}
    for piece in pieces(call["function"]["arguments"]):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _chat_stream(document: dict[str, Any], deltas: list[dict[str, Any]], reason: str, usage: dict[str, int]) -> Answer:
    head = _head(document, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}

    events = [chunk(delta, None) for delta in deltas] + [chunk({}, reason)]
    return Answer([*events, *_usage_event(document, head, usage)], stream=True)


def _usage_event(document: dict[str, Any], head: dict[str, Any], usage: dict[str, int]) -> list[dict[str, Any]]:
    wanted = (document.get("stream_options") or {}).get("include_usage")
    return [{**head, "choices": [], "usage": usage}] if wanted else []
