"""The network file, ``network.json``: the invitation that newcomers and outsiders are given.

It pins the trusted TUF root metadata and the Root's web certificate; it holds no secret, but must reach
people by a way that they trust, since everything else is verified from it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors, write_atomic
from jazari.settings.errors import BadNetworkFile, BadSetting
from jazari.settings.home import check_https

_LARGEST = 1_000_000


@dataclass(frozen=True)
class NetworkFile:
    """``trusted_root`` is the TUF root metadata as JSON; ``engine_address`` is ``host:port``."""

    name: str
    root_url: str
    tls_certificate_pem: str
    trusted_root: dict[str, Any]
    engine_address: str = ""

    @property
    def trusted_root_bytes(self) -> bytes:
        """The root metadata as bytes; the signatures cover its canonical form, so any spacing will do."""
        return canonical_json(self.trusted_root)

    def write(self, path: Path) -> None:
        """Write the file for others to read."""
        write_atomic(path, json.dumps(asdict(self), ensure_ascii=False, indent=1).encode())

    @classmethod
    def read(cls, path: Path) -> NetworkFile:
        """Read and check the file; ``BadNetworkFile`` says what is wrong."""
        with plain_os_errors(path), path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        try:
            return cls(**_checked(json.loads(data)))
        except (ValueError, TypeError, RecursionError, BadSetting) as error:
            raise BadNetworkFile(
                f"{path} is no network file ({str(error)[:120]}): ask the Root for its network.json."
            ) from error


def _checked(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise TypeError("it is not a JSON object")
    for name in ("name", "root_url", "tls_certificate_pem"):
        if not isinstance(values.get(name), str) or not values[name]:
            raise ValueError(f"{name} is missing")
    if not isinstance(values.get("trusted_root"), dict) or "signed" not in values["trusted_root"]:
        raise ValueError("trusted_root is missing")
    if not isinstance(values.get("engine_address", ""), str):
        raise TypeError("engine_address is not text")
    check_https(values["root_url"], "root_url")
    return values
