"""Canonical JSON (RFC 8785, JCS): equal values have equal bytes, so that digests can be compared."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785

from jazari.core.errors import ExitCode, JazariError


class NotCanonical(JazariError):
    """The value holds something that JSON cannot carry exactly: NaN, infinity, a huge integer, an object."""

    code = "core.not-canonical"
    exit_code = ExitCode.USAGE


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value (None, bool, int within 2**53, finite float, str, list, dict)."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise NotCanonical(f"This value cannot be written as canonical JSON: {error}; correct it.") from error


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of ``value``, as ``sha256:<64 hex digits>``."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()
