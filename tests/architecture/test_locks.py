"""The locks agree with each other and with what pyproject.toml asks for, and name no place to fetch from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements import audit
from tests.docs.source import REPOSITORY

FOLDER = REPOSITORY / "requirements"
LOCKS = audit.locks(FOLDER)
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def entries(name: str) -> dict[str, list[str]]:
    """The hashes of each line of a lock, by what it locks and for where."""
    found: dict[str, list[str]] = {}
    hashes: list[str] = []
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("    --hash="):
            hashes.append(line.strip(" \\"))
        else:
            hashes = found.setdefault(line.rstrip(" \\"), [])
    return found


def test_what_the_demo_locks_the_developers_have_too() -> None:
    demo, dev = entries("demo.txt"), entries("dev.txt")
    assert {line: hashes for line, hashes in demo.items() if dev.get(line) != hashes} == {}


def test_what_the_audit_shares_with_the_developers_has_the_same_version() -> None:
    dev = {pin.package: pin for pin in audit.locked([FOLDER / "dev.txt"])}
    shared = [pin for pin in audit.locked([FOLDER / "audit.txt"]) if pin.package in dev]
    assert shared
    assert [pin for pin in shared if dev[pin.package] != pin] == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_line_has_hashes_and_no_place_is_named(path: Path) -> None:
    assert [line for line, hashes in entries(path.name).items() if not hashes] == []
    assert re.search(r"://|^-", path.read_text(encoding="utf-8"), re.MULTILINE) is None


def asked_for(name: str) -> list[str]:
    """What people wrote, of which the lock was made."""
    if name == "demo.txt":
        return [*PROJECT["dependencies"], *EXTRAS["demo"], *EXTRAS["build"]]
    if name == "dev.txt":
        return [*asked_for("demo.txt"), *EXTRAS["dev"], *EXTRAS["postgresql"], *EXTRAS["traces"]]
    written = (FOLDER / name).with_suffix(".in").read_text(encoding="utf-8")
    return [line for line in written.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_what_is_asked_for_is_locked(path: Path) -> None:
    pins = audit.locked([path])
    for text in asked_for(path.name):
        wanted = Requirement(text)
        versions = [pin.version for pin in pins if pin.package == canonicalize_name(wanted.name)]
        assert versions, text
        assert all(wanted.specifier.contains(version, prereleases=True) for version in versions), text


def test_the_embedded_engine_is_the_one_that_the_project_names() -> None:
    assert set(EXTRAS["embedded"]) <= set(asked_for("embedded.txt"))
