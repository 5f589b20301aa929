"""One family of errors for the whole system.

``JazariError`` is the root. Each slice derives one family from it in its ``errors.py``
(``TrustError``, ``StudyError``, ...) and every leaf class carries:

- ``code``: stable, ``<slice>.<kebab-name>``; documented in ``docs/reference/errors.md``;
- ``exit_code``: what the command line exits with (see ``ExitCode``);
- a message of one plain sentence that says what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import ClassVar


class ExitCode(IntEnum):
    """What a command's exit status means; scripts may rely on it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    NOT_FOUND = 4
    UNAVAILABLE = 5
    CONFLICT = 6
    UNTRUSTED = 7


HTTP_STATUS: Mapping[ExitCode, int] = MappingProxyType({
    ExitCode.USAGE: 400,
    ExitCode.REFUSED: 403,
    ExitCode.NOT_FOUND: 404,
    ExitCode.UNAVAILABLE: 503,
    ExitCode.CONFLICT: 409,
    ExitCode.UNTRUSTED: 422,
})  # fmt: skip
"""The status that tells a caller over HTTP the same; 500 for all others."""
_codes: dict[str, type[JazariError]] = {}


class JazariError(Exception):
    """Something the caller can act on. ``str(error)`` is one sentence that says what to do next."""

    code: ClassVar[str] = "core.failed"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            raise TypeError(f"{cls.__name__} declares no code of its own")
        other = _codes.setdefault(cls.code, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{cls.__name__} repeats the code {cls.code} of {other.__name__}")


_codes[JazariError.code] = JazariError


def known_errors() -> dict[str, type[JazariError]]:
    """Every error class imported so far, by its code."""
    return dict(sorted(_codes.items()))


class DiskFull(JazariError):
    code = "core.disk-full"
    exit_code = ExitCode.UNAVAILABLE


class Busy(JazariError):
    """Another process holds the lock on what we want to change."""

    code = "core.busy"
    exit_code = ExitCode.CONFLICT


class BadIdentifier(JazariError):
    code = "core.bad-identifier"
    exit_code = ExitCode.USAGE


class Unavailable(JazariError):
    """A file or folder that we need cannot be read or written."""

    code = "core.unavailable"
    exit_code = ExitCode.UNAVAILABLE
