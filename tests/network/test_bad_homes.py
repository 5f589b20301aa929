"""Keys that are lost or locked, ports that are taken, homes that are in use: said in one sentence, and nothing lost."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from jazari.settings.home import Home
from jazari.testing.commands import Commands
from jazari.testing.network import ROOT, Network, write_json
from jazari.testing.serving import ServedNode

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("network")]
CARD = {"title": {"fr": "Institut"}, "description": {"fr": "Un institut."}}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a passphrase."""
    path = tmp_path / "passphrase"
    path.write_text("une phrase\n")
    return path


@pytest.fixture
def locked_home(tmp_path: Path, secret: Path) -> Path:
    """An institute whose publishing key has a passphrase; nobody has admitted it."""
    home = tmp_path / "ifrane"
    words = ("--title", "fr=Ifrane", "--passphrase-file", secret, "--steward-plain")
    Commands().run("institute", "create", "ifrane", *words, home=home)
    return home


def test_a_wrong_passphrase_opens_nothing_and_spoils_nothing(
    duo: Network, locked_home: Path, tmp_path: Path, secret: Path
) -> None:
    ask = ("institute", "request", "--network", duo.network_file, "--to-file", tmp_path / "request.json")
    wrong = tmp_path / "wrong"
    wrong.write_text("une autre\n")
    refusal = Commands().refused(*ask, "--passphrase-file", wrong, home=locked_home)
    assert (refusal.code, refusal.status) == ("trust.wrong-passphrase", 3)
    assert "publishing.pem" in refusal.sentence
    refusal = Commands().refused(*ask, home=locked_home)
    assert (refusal.code, refusal.status) == ("cli.passphrase-missing", 2)
    wrong.write_text("")
    refusal = Commands().refused(*ask, "--passphrase-file", wrong, home=locked_home)
    assert (refusal.code, refusal.status) == ("cli.passphrase-unusable", 2)
    assert not (tmp_path / "request.json").exists()
    assert Commands().run(*ask, "--passphrase-file", secret, home=locked_home)["state"] == "written"


@pytest.mark.slow
def test_a_wrong_passphrase_of_a_board_member_signs_nothing(duo: Network, tmp_path: Path, secret: Path) -> None:
    key, wrong = tmp_path / "dina.pem", tmp_path / "wrong"
    wrong.write_text("une autre\n")
    Commands().run("board", "key", "create", key, "--passphrase-file", secret)
    ceremony = tmp_path / "ceremony.json"
    shutil.copy(duo.run(ROOT, "root", "renew")["ceremony"], ceremony)
    before = ceremony.read_bytes()
    sign = ("board", "sign", ceremony, "--key", key, "--yes")
    refusal = Commands().refused(*sign, "--passphrase-file", wrong)
    assert (refusal.code, refusal.status) == ("trust.wrong-passphrase", 3)
    refusal = Commands().refused(*sign, "--passphrase-file", secret)
    assert (refusal.code, refusal.status) == ("trust.not-a-board-member", 3)
    assert ceremony.read_bytes() == before


def test_a_lost_publishing_key_is_named_and_its_backup_is_enough(duo: Network, tmp_path: Path) -> None:
    draft = write_json(tmp_path / "card.json", {"type": "institute", "name": "lost-key", "card": CARD})
    key = Home(duo.home("fes")).publishing_key
    backup = key.rename(tmp_path / "backup.pem")
    try:
        refusal = duo.refused("fes", "publish", draft)
        assert (refusal.code, refusal.status) == ("trust.key-missing", 4)
        assert str(key) in refusal.sentence
        assert "backup" in refusal.sentence
    finally:
        backup.rename(key)
    assert duo.run("fes", "publish", draft)["record"] == "fes/institute/lost-key@1"


@pytest.mark.slow
def test_a_lost_steward_key_decides_nothing(duo: Network, tmp_path: Path) -> None:
    study = duo.agree("rabat", "lost-steward", ["rabat"], minimum_institutes=1)
    refusal = duo.refused(
        "rabat", "study", "refuse", study, "--reason", "No.", "--steward-key", tmp_path / "nowhere.pem"
    )
    assert (refusal.code, refusal.status) == ("trust.key-missing", 4)
    assert duo.run("rabat", "study", "show", study)["approved"] == ["rabat"]


@pytest.mark.slow
def test_a_key_cut_short_is_said_so(duo: Network, tmp_path: Path) -> None:
    key = tmp_path / "cut.pem"
    whole = duo.steward_key("rabat").read_bytes()
    key.write_bytes(whole[: len(whole) // 2])
    key.chmod(0o600)
    study = duo.agree("rabat", "cut-key", ["rabat"], minimum_institutes=1)
    refusal = duo.refused("rabat", "study", "refuse", study, "--reason", "No.", "--steward-key", key)
    assert (refusal.code, refusal.status) == ("trust.bad-key", 2)
    assert "restore it from your backup" in refusal.sentence


def test_a_taken_port_is_named_before_anything_starts(locked_home: Path) -> None:
    config = Home(locked_home).config
    with socket.socket() as other:
        other.bind((config.host, config.port))
        other.listen()
        refusal = Commands().refused("serve", "--only", "web", home=locked_home)
    assert (refusal.code, refusal.status) == ("nodes.port-taken", 6)
    assert str(config.port) in refusal.sentence
    node = ServedNode(locked_home, Commands())
    assert not node.processes()


@pytest.mark.slow
def test_a_taken_engine_port_stops_the_root_before_anything_starts(duo: Network) -> None:
    config = Home(duo.home(ROOT)).config
    duo.node(ROOT).stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((config.engine_host, config.engine_port))
        other.listen()
        refusal = duo.refused(ROOT, "serve")
    assert (refusal.code, refusal.status) == ("nodes.port-taken", 6)
    assert str(config.engine_port) in refusal.sentence
    duo.serve(ROOT)


def test_a_second_node_in_one_home_is_refused_and_the_first_goes_on(duo: Network) -> None:
    before = duo.node("fes").part("worker").pid
    refusal = duo.refused("fes", "serve")
    assert (refusal.code, refusal.status) == ("nodes.home-in-use", 6)
    assert str(duo.home("fes")) in refusal.sentence
    assert duo.node("fes").running
    assert duo.node("fes").part("worker").pid == before


def test_a_node_is_not_created_over_another(duo: Network) -> None:
    home = Home(duo.home("fes"))
    before = home.publishing_key.read_bytes(), home.config_file.read_bytes()
    words = ("institute", "create", "other", "--title", "fr=Autre", "--plain", "--steward-plain")
    refusal = duo.refused("fes", *words)
    assert (refusal.code, refusal.status) == ("settings.home-exists", 6)
    assert (home.publishing_key.read_bytes(), home.config_file.read_bytes()) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("role = ", "not valid TOML"),
        ('role = "king"\nnamespace = "fes"', "role"),
        ('role = "institute"', "'namespace' is missing"),
        ('role = "institute"\nnamespace = "fes"\nport = "many"', "port"),
        ('role = "institute"\nnamespace = "fes"\ncolour = "blue"', "'colour' is not a setting"),
        ("#" * 200_000, "jazari.toml"),
        ("\udcff", "jazari.toml"),
    ],
    ids=["no TOML", "a bad role", "no namespace", "a bad port", "an unknown setting", "a huge file", "not text"],
)
def test_a_bad_configuration_is_explained(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "jazari.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    refusal = Commands().refused("study", "list", home=tmp_path)
    assert (refusal.code, refusal.status) == ("settings.bad-value", 2)
    assert words in refusal.sentence


def test_a_folder_that_is_no_home_is_said_so(tmp_path: Path) -> None:
    for words in (("serve",), ("study", "list"), ("sync",), ("audit", "list"), ("search", "sol"), ("root", "status")):
        refusal = Commands().refused(*words, home=tmp_path)
        assert (refusal.code, refusal.status) == ("settings.home-missing", 4), words
    assert not list(tmp_path.iterdir())
