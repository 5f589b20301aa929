"""The other things a node is told: environment variables, the database's address, the network file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jazari.settings.database import database
from jazari.settings.environment import read_flag, read_number, read_path, read_text
from jazari.settings.errors import BadNetworkFile, BadSetting
from jazari.settings.home import Home, NodeConfig
from jazari.settings.network import NetworkFile
from jazari.settings.process_state import birth, read_duties, read_state, state_file

NETWORK = NetworkFile("Jazari", "https://root:8443", "PEM", {"signed": {"version": 1}}, "root:8002")


def test_text_and_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAZARI_X", "")
    assert read_text("JAZARI_X", "default") == "default"
    assert read_path("JAZARI_X", tmp_path) == tmp_path
    with pytest.raises(BadSetting, match="JAZARI_X is not set"):
        read_path("JAZARI_X")
    monkeypatch.setenv("JAZARI_X", "relative")
    assert read_path("JAZARI_X") == Path.cwd() / "relative"


@pytest.mark.parametrize(("text", "value"), [("1", True), ("yes", True), ("OFF", False), ("", False)])
def test_flags(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("JAZARI_X", text)
    assert read_flag("JAZARI_X", not value) is value


def test_a_flag_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAZARI_X", raising=False)
    assert read_flag("JAZARI_X", True) is True
    monkeypatch.setenv("JAZARI_X", "maybe")
    with pytest.raises(BadSetting, match="JAZARI_X"):
        read_flag("JAZARI_X")


@pytest.mark.parametrize("text", ["x", "nan", "11", "-1", "inf"])
def test_a_number_outside_its_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("JAZARI_X", text)
    with pytest.raises(BadSetting, match="from 0 to 10"):
        read_number("JAZARI_X", 1.0, 0.0, 10.0)


def test_a_number_inside_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAZARI_X", "10")
    assert read_number("JAZARI_X", 1.0, 0.0, 10.0) == 10.0
    monkeypatch.setenv("JAZARI_X", "")
    assert read_number("JAZARI_X", 1.0, 0.0, 10.0) == 1.0


def test_sqlite_in_the_home_is_the_default_and_survives_many_writers(tmp_path: Path) -> None:
    settings = database("", tmp_path / "db.sqlite3")
    assert settings["NAME"] == str(tmp_path / "db.sqlite3")
    assert settings["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in settings["OPTIONS"]["init_command"]


def test_sqlite_elsewhere() -> None:
    assert database("sqlite:////var/lib/x.db", Path("unused"))["NAME"] == "/var/lib/x.db"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://us%40er:p%3Aw@db.example:5433/jazari",
            {"USER": "us@er", "PASSWORD": "p:w", "HOST": "db.example", "PORT": "5433", "NAME": "jazari"},
        ),
        ("postgres:///jazari?host=/run/postgresql", {"HOST": "/run/postgresql", "NAME": "jazari", "OPTIONS": {}}),
        ("postgresql://db/x?sslmode=require", {"OPTIONS": {"sslmode": "require"}}),
    ],
)
def test_postgresql(url: str, expected: dict[str, Any]) -> None:
    settings = database(url, Path("unused"))
    assert {name: settings[name] for name in expected} == expected


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://host", "postgresql://host:abc/x", "nonsense"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(BadSetting, match="DATABASE_URL"):
        database(url, Path("unused"))


def test_a_network_file_is_read_back(tmp_path: Path) -> None:
    NETWORK.write(tmp_path / "network.json")
    assert NetworkFile.read(tmp_path / "network.json") == NETWORK
    assert json.loads(NETWORK.trusted_root_bytes) == NETWORK.trusted_root


@pytest.mark.parametrize(
    "change",
    [
        {"root_url": "http://root"},
        {"name": ""},
        {"trusted_root": {}},
        {"trusted_root": "x"},
        {"tls_certificate_pem": None},
        {"engine_address": 3},
        {"surprise": 1},
    ],
)
def test_a_bad_network_file_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    NETWORK.write(tmp_path / "network.json")
    document = json.loads((tmp_path / "network.json").read_text()) | change
    (tmp_path / "network.json").write_text(json.dumps(document))
    with pytest.raises(BadNetworkFile, match="ask the Root"):
        NetworkFile.read(tmp_path / "network.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b" " * 2_000_000])
def test_what_is_no_network_file_at_all_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "network.json").write_bytes(data)
    with pytest.raises(BadNetworkFile):
        NetworkFile.read(tmp_path / "network.json")


def test_the_state_of_a_supervisor_that_is_gone_is_not_believed(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="fes"))
    assert read_state(home) == {}
    assert read_duties(home) == {}
    mine = {"supervisor": {"pid": os.getpid(), "birth": birth(os.getpid())}, "processes": {}}
    state_file(home).write_text(json.dumps(mine))
    assert read_state(home) == mine
    mine["supervisor"]["birth"] = "1"
    state_file(home).write_text(json.dumps(mine))
    assert read_state(home) == {}


def test_django_runs_on_the_home_that_it_was_set_up_with(tmp_path: Path) -> None:
    code = """
import sys
from jazari.settings.errors import BadSetting
from jazari.settings.home import Home, NodeConfig
from jazari.settings.runtime import is_ready, setup
one = Home.create(sys.argv[1] + "/one", NodeConfig(role="institute", namespace="one"))
two = Home.create(sys.argv[1] + "/two", NodeConfig(role="institute", namespace="two"))
setup(one, migrate=True)
setup(one, migrate=True)
from jazari.federation.models import UsedNonce
print(is_ready(), UsedNonce.objects.count(), one.database.exists())
try:
    setup(two)
except BadSetting as error:
    print(error)
"""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("DATABASE")}
    # As in the shell of someone who develops a Django project of their own.
    environment["DJANGO_SETTINGS_MODULE"] = "somebody.elses.settings"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, env=environment
    )
    first, second = done.stdout.splitlines()
    assert first == "True 0 True"
    assert "another process" in second
