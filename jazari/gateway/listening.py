"""Where a node's gateway listens, read without checking the rest of gateway.toml. Standard library only.

The supervisor of a node, which stays small, binds the socket that the gateway inherits.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from jazari.core.files import plain_os_errors
from jazari.gateway.errors import BadGatewayConfig, GatewayMissing

FILE = Path("gateway", "gateway.toml")
"""Below the home of the node."""
HOST = "127.0.0.1"
PORT = 8460
LARGEST = 1 << 20


def has_gateway(home: Path) -> bool:
    """Whether the node in ``home`` shall run a gateway: it does where there are settings for one."""
    return (home / FILE).exists()


def read_text(home: Path) -> str:
    """The text of the gateway's settings; ``GatewayMissing`` or ``BadGatewayConfig`` where there is none to read."""
    path = home / FILE
    if not path.exists():
        raise GatewayMissing(f"There is no {path}: create it with `jazari gateway create`.")
    with plain_os_errors(path), path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise BadGatewayConfig(f"{path} is larger than {LARGEST >> 20} MiB: it only names providers and routes.")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadGatewayConfig(f"{path} is not UTF-8: save it as such.") from error


def read_place(home: Path) -> tuple[str, int]:
    """Host and TCP port of the gateway of the node in ``home``; ``BadGatewayConfig`` if they cannot be meant."""
    try:
        values = tomllib.loads(read_text(home))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadGatewayConfig(f"{home / FILE}: it is not valid TOML: {error}; correct it.") from error
    host, port = values.get("host", HOST), values.get("port", PORT)
    if not isinstance(host, str) or type(port) is not int or not 1 <= port <= 65_535:
        raise BadGatewayConfig(f"{home / FILE}: host must be an address and port a number to 65535; correct them.")
    return host, port
