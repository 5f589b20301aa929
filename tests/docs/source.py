"""The production code as syntax trees, parsed once for all tests of documents."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@lru_cache
def production_code() -> tuple[ast.Module, ...]:
    """Every module of ``jazari`` that is neither a test nor help for tests."""
    return tuple(
        ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((REPOSITORY / "jazari").rglob("*.py"))
        if not {"tests", "testing"} & set(path.relative_to(REPOSITORY).parts)
    )


@lru_cache
def strings() -> frozenset[str]:
    """Every string that stands in it."""
    return frozenset(
        node.value
        for tree in production_code()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@lru_cache
def names() -> frozenset[str]:
    """Every name that is used in it, not only imported or defined."""
    found: set[str] = set()
    for tree in production_code():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return frozenset(found)
