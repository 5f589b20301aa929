"""The home folder and jazari.toml: written and read back exactly, and every bad value refused by name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core.errors import Busy, Unavailable
from jazari.settings.errors import BadSetting, HomeExists, HomeMissing
from jazari.settings.home import LANGUAGES, Home, NodeConfig, check_https

INSTITUTE = NodeConfig(role="institute", namespace="dakhla", network="Jazari", root_url="https://root.example.ma:8443")
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=40)


@given(
    network=TEXT,
    region=TEXT,
    titles=st.dictionaries(st.sampled_from(LANGUAGES), TEXT.filter(str.strip)),
    port=st.integers(1, 65535),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, network: str, region: str, titles: dict[str, str], port: int
) -> None:
    config = replace(INSTITUTE, network=network, region=region, titles=titles, port=port)
    home = Home.create(tmp_path_factory.mktemp("homes") / "home", config)
    assert Home.open(home.path).config == config


def test_a_home_is_private_and_has_its_folders(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", INSTITUTE)
    for folder in (home.path, home.keys, home.log, home.engine, home.mirror, home.run, home.data):
        assert folder.stat().st_mode & 0o077 == 0
    assert not home.is_root
    assert home.namespace == "dakhla"


def test_no_node_moves_into_a_home_that_is_taken(tmp_path: Path) -> None:
    Home.create(tmp_path, INSTITUTE)
    with pytest.raises(HomeExists, match="another folder"):
        Home.create(tmp_path, INSTITUTE)


def test_a_folder_that_is_no_home_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(HomeMissing, match="jazari institute create"):
        Home.open(tmp_path)


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file"):
        Home.create(tmp_path / "file" / "home", INSTITUTE)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"role": "admin"}, "role"),
        ({"namespace": "Dakhla"}, "small letters"),
        ({"namespace": "root"}, "reserved"),
        ({"root_url": "http://root"}, "root_url"),
        ({"root_url": "https://root:99999"}, "root_url"),
        ({"root_url": "https://user:secret@root"}, "root_url"),
        ({"root_url": "https://root/path"}, "root_url"),
        ({"port": 0}, "port"),
        ({"port": 70_000}, "port"),
        ({"port": "8443"}, "whole number"),
        ({"port": True}, "whole number"),
        ({"engine_port": -1}, "engine_port"),
        ({"network": 3}, "a text"),
        ({"titles": "x"}, "table of texts"),
        ({"titles": {"de": "x"}}, "title"),
        ({"titles": {"fr": " "}}, "title"),
    ],
)
def test_a_bad_value_is_refused_by_name(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadSetting, match=rule):
        replace(INSTITUTE, **change)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("role = ", "TOML"),
        ("\xff", "TOML"),
        ('role = "root"', "namespace"),
        ('role = "institute"\nnamespace = "fes"\nsecret = 1', "secret"),
        ('role = "root"\nnamespace = "fes"', "root_url"),
        ('role = "institute"\nnamespace = "fes"\nport = "x"', "port"),
        ("x" * 200_000, "TOML"),
    ],
)
def test_a_bad_file_is_refused_and_named(tmp_path: Path, text: str, rule: str) -> None:
    (tmp_path / "jazari.toml").write_text(text, encoding="latin-1")
    with pytest.raises(BadSetting, match=rule) as caught:
        Home.open(tmp_path)
    assert "jazari.toml" in str(caught.value)


def test_an_institute_may_not_know_its_network_yet(tmp_path: Path) -> None:
    config = NodeConfig(role="institute", namespace="fes")
    assert Home.create(tmp_path / "fes", config).config.root_url == ""


def test_the_steward_key_may_live_elsewhere(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", INSTITUTE)
    assert home.steward_key == home.keys / "steward.pem"
    home.write(replace(INSTITUTE, steward_key="/media/steward.pem"))
    assert Home.open(home.path).steward_key == Path("/media/steward.pem")


def test_two_nodes_do_not_share_a_home(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", INSTITUTE)
    with home.in_use(), pytest.raises(Busy), Home(home.path).in_use():
        pass
    with home.in_use():
        pass


def test_addresses_lose_only_their_final_slash() -> None:
    assert check_https("https://[::1]:8443/", "url") == "https://[::1]:8443"


def test_reading_a_home_loads_nothing_heavy() -> None:
    # The supervisor of every node does it, and its memory counts once per node.
    code = (
        "import sys, jazari.settings.home, jazari.settings.network, jazari.settings.process_state;"
        "print([m for m in ('django', 'pydantic', 'numpy', 'pandas', 'nvflare', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
