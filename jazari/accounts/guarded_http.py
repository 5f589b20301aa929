"""Calls from this node to the portals of other nodes: only to those that were registered, and bounded in all ways."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import requests

CONNECT_SECONDS, READ_SECONDS, ALL_SECONDS = 5.0, 10.0, 20.0
LARGEST_ANSWER = 256_000


def origin_of(url: str) -> str:
    """Scheme, host and port of ``url``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class GuardedSession(requests.Session):
    """A session that speaks to ``origins`` only, follows no redirect, checks certificates and reads little.

    Nothing is taken from the environment but ``SSL_CERT_FILE``: no proxy, no ``.netrc``.
    """

    def __init__(self, origins: Collection[str]) -> None:
        super().__init__()
        self._origins = frozenset(origins)
        self.trust_env = False
        self.verify = os.environ.get("SSL_CERT_FILE") or True

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """The whole answer, at most ``LARGEST_ANSWER`` bytes within ``ALL_SECONDS``; ``RequestException`` if not."""
        target = url.decode() if isinstance(url, bytes) else url
        if origin_of(target) not in self._origins:
            raise requests.exceptions.InvalidURL("The address belongs to no node that is registered here.")
        kwargs |= {"allow_redirects": False, "stream": True, "timeout": (CONNECT_SECONDS, READ_SECONDS)}
        verb = method.decode() if isinstance(method, bytes) else method
        answer = super().request(verb, target, *args, **kwargs)
        answer._content = _read(answer)
        if answer.is_redirect:
            raise requests.exceptions.TooManyRedirects("The node answers with a redirect.")
        return answer


def _read(answer: requests.Response) -> bytes:
    deadline, found = time.monotonic() + ALL_SECONDS, bytearray()
    for piece in answer.iter_content(16_384):
        found += piece
        if len(found) > LARGEST_ANSWER or time.monotonic() > deadline:
            answer.close()
            raise requests.exceptions.ContentDecodingError("The node's answer is too large or too slow.")
    return bytes(found)
