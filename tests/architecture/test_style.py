"""The limits of style that a reader can rely on, measured on the code itself."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jazari"
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if not {"tests", "migrations"} & set(path.relative_to(PACKAGE).parts)
)
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
MEDIAN_FUNCTION = 10


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code: the docstring and the decorators do not count."""
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        first = function.body[1] if len(function.body) > 1 else first
    return (function.end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_MODULE
    long = [f"{f.name}: {length(f)} lines" for f in functions(ast.parse(text)) if length(f) > LONGEST_FUNCTION]
    assert not long


def test_the_median_function_is_short():
    lengths = [length(f) for path in MODULES for f in functions(ast.parse(path.read_text("utf-8")))]
    assert statistics.median(lengths) <= MEDIAN_FUNCTION


def public_without_docstring(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_") and ast.get_docstring(node) is None and not _says_enough(node):
            yield node.name


def _says_enough(node: ast.stmt) -> bool:
    """An error class that only declares its code is explained in the reference of errors."""
    if not isinstance(node, ast.ClassDef):
        return False
    names = {target.id for line in node.body if isinstance(line, ast.Assign) for target in line.targets
             if isinstance(target, ast.Name)}  # fmt: skip
    return "code" in names or node.name == "Meta"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_and_classes_are_documented(path: Path):
    if path.name == "commands.py":
        pytest.skip("commands are documented by their --help, which tests/docs checks")
    assert list(public_without_docstring(ast.parse(path.read_text("utf-8")))) == []


def test_every_slice_has_a_readme_of_forty_lines_at_most():
    slices = [path for path in PACKAGE.iterdir() if (path / "__init__.py").exists() and path.name != "testing"]
    missing = [path.name for path in slices if not (path / "README.md").exists()]
    assert not missing
    assert all((path / "README.md").read_text("utf-8").count("\n") <= 40 for path in slices)
