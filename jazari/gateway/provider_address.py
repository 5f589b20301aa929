"""The form of a provider's address. What it resolves to is checked when it is dialled (``addresses``)."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*|\[[0-9a-f:.]{2,45}\]")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")


def check_provider_url(address: str) -> SplitResult:
    """``http[s]://HOST[:PORT][/PATH]`` in parts; ``ValueError`` for anything else.

    No user, query, fragment, escaped or dotted path, and no host in capitals or another script: one way to write each.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise ValueError("write https://HOST:PORT/PATH") from error
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment or "?" in address or "#" in address:
        raise ValueError("write https://HOST:PORT/PATH")
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    if port == 0 or not _HOST.fullmatch(host) or not _one_spelling(host):
        raise ValueError("write the host as a name in small letters or as an IP address")
    if not _PATH.fullmatch(parts.path) or {".", ".."} & set(parts.path.split("/")):
        raise ValueError("write a plain path without dots, escapes or doubled slashes")
    return parts


def _one_spelling(host: str) -> bool:
    """No address in a spelling that only some readers take for one: ``127.1``, ``2130706433``, ``0x7f.0.0.1``."""
    if not host.startswith("[") and not re.fullmatch(r"\d+|0x[0-9a-f]*", host.rpartition(".")[2]):
        return True
    try:
        return str(ipaddress.ip_address(host.strip("[]"))) == host.strip("[]")
    except ValueError:
        return False
