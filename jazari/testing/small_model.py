"""The small real model that tests of the embedded engine load: SmolLM2-135M-Instruct (Apache-2.0), 98 MB.

``JAZARI_TEST_GGUF`` names the file; else it is taken from the wheel that `make embedded` installs.
With ``JAZARI_REQUIRE_GGUF=1``, as in continuous integration, tests fail instead of being skipped without it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from jazari.gateway.embedded.process import has_engine
from jazari.gateway.embedded.sample import sample_model


def small_model() -> Path | None:
    """The file, or None where there is none."""
    named = os.environ.get("JAZARI_TEST_GGUF", "")
    if named:
        return Path(named)
    return sample_model()


def require_engine() -> None:
    """Without llama.cpp (xllamacpp) the test is skipped loudly, or fails where it is required."""
    if not has_engine():
        _missing("llama.cpp (make embedded, or pip install 'jazari[embedded]')")


def require_small_model() -> Path:
    """The file; without it, or without the engine, the test is skipped loudly, or fails where it is required."""
    require_engine()
    path = small_model()
    return path if path is not None else _missing("the small model (make embedded, or JAZARI_TEST_GGUF)")


def _missing(what: str) -> NoReturn:
    if os.environ.get("JAZARI_REQUIRE_GGUF") == "1":
        pytest.fail(f"This run requires {what}")
    pytest.skip(f"EMBEDDED ENGINE NOT TESTED: {what} is missing")
