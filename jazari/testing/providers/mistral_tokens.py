"""Mistral's own checks and counts, from `mistral-common`: what a request may say, and how many tokens it makes."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from mistral_common.exceptions import MistralCommonException
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.instruct.validator import ValidationMode
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from pydantic import ValidationError

from jazari.testing.providers.answers import IMAGE_TOKENS

# The tokenizer of Mistral Nemo, which the package ships.
_FILE = "tekken_240718.json"
# Sampling that `mistral-common` knows nothing of; the SDK's type has checked it already.
_FIELDS = set(ChatCompletionRequest.model_fields) - {"truncate_for_context_length"}


class Unacceptable(Exception):
    """Mistral's own checks refuse the conversation; the text is theirs."""


@lru_cache(maxsize=1)
def tokenizer() -> MistralTokenizer[Any, Any, Any, Any, Any]:
    """Loaded once (about 2 s), in the mode that servers use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MistralTokenizer.from_file(str(MistralTokenizer._data_path() / _FILE), mode=ValidationMode.serving)


def prompt_tokens(document: dict[str, Any]) -> int:
    """Check a conversation and its tools, and count the tokens of the prompt as the model would be given it.

    An image counts a fixed number: its real size would have to be fetched. Raises `Unacceptable`, or pydantic's
    `ValidationError` with the place of each mistake.
    """
    known = {name: value for name, value in document.items() if name in _FIELDS and value is not None}
    known["messages"], images = _without_images(document["messages"])
    request: ChatCompletionRequest[Any] = ChatCompletionRequest.model_validate(known)
    try:
        return len(tokenizer().encode_chat_completion(request).tokens) + images * IMAGE_TOKENS
    except ValidationError:
        raise
    except MistralCommonException as error:
        raise Unacceptable(error.message) from None


def text_tokens(text: str) -> int:
    """Tokens of a text."""
    return len(_encode(text))


def first_tokens(text: str, most: int) -> str:
    """As much of the text as ``most`` tokens say; a character of which only some bytes fit is left out."""
    tokens = _encode(text)
    return text if len(tokens) <= most else tokenizer().decode(tokens[:most]).rstrip("�")


def _encode(text: str) -> list[int]:
    found: list[int] = tokenizer().instruct_tokenizer.tokenizer.encode(text, bos=False, eos=False)
    return found


def _without_images(messages: list[Any]) -> tuple[list[Any], int]:
    """The messages with `[IMG]` for each image, and the number of images; calls of tools as the API reads them."""
    images = 0
    cleaned = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            found = [part for part in content if part.get("type") == "image_url"]
            images += len(found)
            content = [{"type": "text", "text": "[IMG]"} if part in found else part for part in content]
        cleaned.append(_with_plain_calls({**message, "content": content} if "content" in message else message))
    return cleaned, images


def _with_plain_calls(message: dict[str, Any]) -> dict[str, Any]:
    """Without ``index`` on calls of tools: the SDK sends it back as it was received, and the API accepts that."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    return {**message, "tool_calls": [{k: v for k, v in call.items() if k != "index"} for call in calls]}
