"""Cases by name, of which the less likely ones are left to the slow tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest


def rare_ones_slow(cases: Mapping[str, tuple[Any, ...]], rare: Collection[str]) -> list[Any]:
    """Parameters for ``parametrize``, each with its name; those in ``rare`` are marked slow."""
    unknown = set(rare) - set(cases)
    assert not unknown, unknown
    return [
        pytest.param(*case, id=name, marks=[pytest.mark.slow] if name in rare else []) for name, case in cases.items()
    ]
