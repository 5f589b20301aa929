"""The commands as an operator uses them: one sentence each way, exit codes that mean something."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jazari.core.clock import now
from jazari.settings.home import Home, NodeConfig
from jazari.settings.network import NetworkFile
from jazari.trust.ceremonies.finishing import finish_ceremony
from jazari.trust.ceremonies.proposals import propose_admission
from jazari.trust.commands import app, board_app
from jazari.trust.mirroring import write_mirror
from jazari.trust.tests.later import days_later
from jazari.trust.tests.world import World, draft


def board(*arguments: object, **options: str) -> Result:
    return CliRunner().invoke(board_app, [str(item) for item in arguments], **options)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(item) for item in arguments])


@pytest.fixture
def network(world: World) -> Path:
    root = json.loads(world.trusted_root)
    path = world.path / "network.json"
    NetworkFile("Jazari", "https://root.example.ma:8443", "PEM", root).write(path)
    return path


@pytest.fixture
def ceremony(world: World) -> Path:
    world.new_key("agadir")
    return propose_admission(world.repository, [world.request("agadir")]).write(world.path / "admission.json")


def test_a_key_is_made_and_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("صعبة\n")
    made = board("key", "create", tmp_path / "k.pem", "--passphrase-file", tmp_path / "secret", "--json")
    assert made.exit_code == 0, made.output
    facts = json.loads(made.stdout)
    assert facts["encrypted"] is True
    shown = board("key", "show", facts["public"], "--json")
    assert json.loads(shown.stdout) == {"key": facts["key"]}
    assert facts["key"][:4] in board("key", "show", facts["public"]).stdout
    again = board("key", "create", tmp_path / "k.pem", "--plain")
    assert again.exit_code == 6
    assert "already" in again.stderr


def test_a_plain_key_is_called_plain(tmp_path: Path) -> None:
    made = board("key", "create", tmp_path / "k.pem", "--plain")
    assert "NOT encrypted" in made.stdout


def test_the_board_reviews_and_signs(world: World, network: Path, ceremony: Path) -> None:
    reviewed = board("review", ceremony, "--network", network)
    assert "agadir (Institut agadir; agadir) is admitted" in reviewed.stdout
    assert "Not compared" not in reviewed.stdout
    assert "Not compared with a network file" in board("review", ceremony).stdout
    for name in ("amina", "brahim"):
        key = world.path / "keys" / f"{name}.pem"
        signed = board("sign", ceremony, "--key", key, "--network", network, "--yes", "--json")
        assert signed.exit_code == 0, signed.output
    assert json.loads(signed.stdout)["state"] == "All signatures are there."
    finish_ceremony(world.repository, [ceremony])
    assert "agadir" in world.repository.committed().directory.entries


def test_nothing_is_signed_unasked(world: World, ceremony: Path) -> None:
    before = ceremony.read_bytes()
    result = board("sign", ceremony, "--key", world.path / "keys/amina.pem")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert ceremony.read_bytes() == before


def test_signing_with_the_wrong_key_is_refused(world: World, ceremony: Path) -> None:
    result = board("sign", ceremony, "--key", world.path / "keys/fes.pem", "--yes", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout.splitlines()[-1])["error"]["code"] == "trust.not-a-board-member"


def test_a_damaged_ceremony_is_not_signed(world: World, ceremony: Path, network: Path) -> None:
    ceremony.write_bytes(ceremony.read_bytes()[:-50])
    result = board("sign", ceremony, "--key", world.path / "keys/amina.pem", "--yes")
    assert result.exit_code == 7
    assert "get it from the Root again" in result.stderr
    assert "Traceback" not in result.output


def test_an_outsider_verifies_a_mirror(world: World, network: Path) -> None:
    world.publish("dakhla")
    write_mirror(world.repository, world.path / "mirror")
    good = run("verify", world.path / "mirror", "--network", network)
    assert good.exit_code == 0
    assert "3 institutes, 1 records" in good.stdout
    assert "Everything verifies." in good.stdout
    log = world.path / "mirror/targets/dakhla/log/1.ndjson.zst"
    log.write_bytes(log.read_bytes()[:-1] + b"x")
    bad = run("verify", world.path / "mirror", "--network", network, "--json")
    assert bad.exit_code == 7
    assert json.loads(bad.stdout)["ok"] is False
    assert "NOT everything" in run("verify", world.path / "mirror", "--network", network, "--records-only").stdout


def test_an_old_mirror_is_verified_as_of_a_date(world: World, network: Path) -> None:
    world.publish("dakhla")
    write_mirror(world.repository, world.path / "mirror")
    date = (now() + timedelta(days=1)).date().isoformat()
    with days_later(45):
        late = run("verify", world.path / "mirror", "--network", network)
        assert late.exit_code == 7
        assert "Expired: The timestamp expired" in late.stdout
        assert run("verify", world.path / "mirror", "--network", network, "--as-of", date).exit_code == 0
    wrong = run("verify", world.path / "mirror", "--network", network, "--as-of", "yesterday")
    assert wrong.exit_code == 2


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json"])
def test_a_bad_network_file_says_so(world: World, content: str) -> None:
    (world.path / "bad.json").write_text(content)
    result = run("verify", world.path / "root", "--network", world.path / "bad.json")
    assert result.exit_code != 0
    assert "is no network file" in result.stderr


def test_the_root_writes_a_mirror(world: World, network: Path) -> None:
    world.publish("dakhla", draft("one"))
    home = Home.create(
        world.path / "home", NodeConfig("root", "network", "Jazari", "https://root.example.ma:8443", region="rabat")
    )
    (world.path / "root").rename(home.repository)
    result = run("mirror", world.path / "usb", "--home", home.path, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["records"] == 1
    assert run("verify", world.path / "usb", "--network", network).exit_code == 0


def test_a_mirror_needs_an_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAZARI_HOME", raising=False)
    result = run("mirror", tmp_path / "usb")
    assert result.exit_code == 2
    assert "--network" in result.stderr


@pytest.mark.parametrize("arguments", [["key", "create"], ["key", "show"], ["review"], ["sign"]])
def test_help_has_an_example(arguments: list[str]) -> None:
    assert "jazari board" in board(*arguments, "--help").stdout


@pytest.mark.parametrize("name", ["verify", "mirror"])
def test_help_of_the_others_has_an_example(name: str) -> None:
    assert f"jazari {name}" in run(name, "--help").stdout
