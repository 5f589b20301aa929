"""The reference of settings says what the code says: keys, variables, and what lies in a home."""

from __future__ import annotations

import ast
import re
from dataclasses import MISSING, Field, fields
from pathlib import Path

import pytest

from jazari.settings.home import Home, NodeConfig
from tests.docs.source import REPOSITORY, production_code, strings

PAGE = (REPOSITORY / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
FORMS = {"str": "text", "Role": "text", "int": "whole number", "dict[str, str]": "table of texts"}
_OURS = re.compile(r"JAZARI_[A-Z_]+|DATABASE_URL")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of the rows that begin with a name in backticks."""
    return [line.strip("| ").split(" | ") for line in section(title).splitlines() if line.startswith("| `")]


def default_of(item: Field[object]) -> str:
    if item.default is MISSING:
        return "required" if item.default_factory is MISSING else "empty"
    return f"`{item.default}`" if item.default != "" else "empty"


def test_every_key_of_jazari_toml_with_its_form_and_default() -> None:
    told = {cells[0].strip("`"): (cells[1], cells[2]) for cells in rows("jazari.toml")}
    assert told == {item.name: (FORMS[str(item.type)], default_of(item)) for item in fields(NodeConfig)}


def named_variables() -> set[str]:
    return {name for cells in rows("Environment variables") for name in re.findall(r"`([A-Z_]+)`", cells[0])}


def test_every_environment_variable_that_is_read() -> None:
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", section("Environment variables")))
    assert read_from_the_environment() - told == set()
    assert ours() - told == set()


def test_no_variable_that_nobody_reads() -> None:
    assert named_variables() - read_from_the_environment() - ours() == set()


def ours() -> set[str]:
    """Whatever is spelled like a variable of ours, wherever it stands alone in the code."""
    return {word for word in strings() if _OURS.fullmatch(word)}


def read_from_the_environment() -> set[str]:
    """The literal names in ``os.environ[...]``, ``os.environ.get(...)`` and the like, and in ``envvar=``."""
    found: set[str] = set()
    for tree in production_code():
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and is_environ(node.value):
                found |= literal(node.slice)
            elif isinstance(node, ast.Call):
                if isinstance(node.func, ast.Attribute) and is_environ(node.func.value) and node.args:
                    found |= literal(node.args[0])
                found |= {name for word in node.keywords if word.arg == "envvar" for name in literal(word.value)}
    return found


def is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def literal(node: ast.expr) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def paths() -> set[str]:
    return {name.rstrip("/") for cells in rows("The home folder") for name in re.findall(r"`([^`]+)`", cells[0])}


def test_every_path_of_a_home() -> None:
    home = Home("/home-of-a-node")
    known = {
        str(path.relative_to(home.path)) for path in vars(home).values() if isinstance(path, Path) and path != home.path
    }
    assert known - paths() == set()


@pytest.mark.parametrize("path", sorted(paths()))
def test_every_path_on_the_page_is_spelled_in_the_code(path: str) -> None:
    name = Path(path).name
    stem = name.removesuffix(".pem").removesuffix("-next")
    assert any(word in (name, path, stem) or word.endswith(f"/{name}") for word in strings())
