"""`jazari models`: what people see of the store, and the codes that scripts act on."""

import json

import pytest
from typer.testing import CliRunner

from jazari.core.errors import ExitCode
from jazari.gateway.embedded import store
from jazari.gateway.model_store_commands import models_app
from jazari.gateway.tests.gguf_files import PLAIN, gguf
from jazari.settings.home import Home, NodeConfig


@pytest.fixture
def home(tmp_path):
    return Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="rabat")).path


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf())
    return path


def run(home, *words):
    return CliRunner().invoke(models_app, [*map(str, words), "--home", str(home)])


def test_a_model_from_its_file_to_its_end(home, file):
    added = run(home, "add", file, "--name", "tiny")
    assert (added.exit_code, added.stderr) == (0, "")
    assert "tiny is stored (llama, 0 MB, apache-2.0, sha256" in added.stdout
    listed = run(home, "list", "--json")
    assert [model["name"] for model in json.loads(listed.stdout)["models"]] == ["tiny"]
    assert "apache-2.0" in run(home, "list").stdout
    assert "is what was added" in run(home, "verify", "tiny").stdout
    assert run(home, "remove", "tiny").exit_code == 0
    assert run(home, "list").stdout == "None yet.\n"


def test_unknown_licence_is_said(home, file):
    file.write_bytes(gguf({name: each for name, each in PLAIN.items() if name != "general.license"}))
    added = run(home, "add", file, "--name", "tiny")
    assert "licence unknown" in added.stdout
    assert "under which licence" in added.stderr


def test_refusals(home, file, tmp_path):
    (tmp_path / "no.gguf").write_text("not a model")
    refusals = {
        ("add", tmp_path / "no.gguf", "--name", "tiny"): ("gateway.not-a-model", ExitCode.USAGE),
        ("add", file, "--name", "Not Good"): ("gateway.bad-model-name", ExitCode.USAGE),
        ("verify", "gone"): ("gateway.no-such-model-file", ExitCode.NOT_FOUND),
        ("remove", "gone"): ("gateway.no-such-model-file", ExitCode.NOT_FOUND),
    }
    for words, (code, status) in refusals.items():
        ended = run(home, *words, "--json")
        assert (json.loads(ended.stdout)["error"]["code"], ended.exit_code) == (code, status)


def test_changed_file_is_found(home, file):
    run(home, "add", file, "--name", "tiny")
    path = store.find(home, "tiny").path(home)
    path.chmod(0o600)
    path.write_bytes(b"changed")
    ended = run(home, "verify", "tiny")
    assert (ended.exit_code, "changed since it was added" in ended.stderr) == (ExitCode.UNTRUSTED, True)


def test_no_home(tmp_path):
    assert run(tmp_path / "nowhere", "list").exit_code != 0
