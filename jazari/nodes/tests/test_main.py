"""The ``jazari`` command as a whole: complete, quick to start, an example for everything, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from jazari.nodes import main
from jazari.nodes.main import COMMANDS, load

SPEAK_OTHERWISE = {"catalog croissant": "prints JSON anyway", "demo": "writes JSON with --report"}
HEAVY = ("django", "pydantic", "numpy", "pandas", "pyarrow", "nvflare", "tuf", "httpx", "rich", "uvicorn")


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("JAZARI", "DJANGO", "DATABASE"))}
    return subprocess.run(
        [sys.executable, "-m", "jazari.nodes.main", *map(str, words)],
        capture_output=True,
        text=True,
        env=kept | environment,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def loaded_by(*words: str) -> list[str]:
    code = (
        "import sys\nfrom jazari.nodes.main import main\n"
        f"try: main({list(words)!r})\nexcept SystemExit: pass\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def installed() -> list[str]:
    return [name for name, (module, _, _) in COMMANDS.items() if find_spec(module) is not None]


def commands() -> Iterator[tuple[str, Any]]:
    def walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        inside = getattr(command, "commands", None)
        if inside is None:
            yield path, command
            return
        for name, child in inside.items():
            yield from walk(f"{path} {name}", child)

    for name in installed():
        yield from walk(name, load(name))


def test_help_needs_nothing_heavy() -> None:
    assert loaded_by("--help") == []


def test_the_supervisor_loads_nothing_heavy() -> None:
    code = f"import sys, jazari.nodes.supervision; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("module", ["jazari.nodes.web", "jazari.nodes.exchange", "jazari.nodes.node_duties"])
def test_web_and_worker_load_no_data_libraries(module: str, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from jazari.settings.home import Home, NodeConfig
from jazari.settings.runtime import setup
config = NodeConfig(role="root", namespace="network", network="x", root_url="https://x")
setup(Home.create(Path(sys.argv[1]) / "home", config))
import {module}
print([name for name in ("pandas", "pyarrow", "nvflare", "matplotlib") if name in sys.modules])
"""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("DJANGO", "DATABASE"))}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "[]\n"


def test_help_lists_every_command() -> None:
    text = run("--help").stdout
    for name, (_, _, summary) in COMMANDS.items():
        assert f"  {name} " in text
        assert summary.split(" ", maxsplit=1)[0] in text


def test_every_command_there_is_can_be_reached_and_has_an_example_and_json() -> None:
    found = dict(commands())
    assert {"root create", "institute join", "sync", "serve", "verify"} <= set(found)
    for path, command in found.items():
        assert "Example:" in (command.epilog or ""), path
        assert f"jazari {path}" in command.epilog, path
        assert command.help, path
        speaks_json = any("--json" in parameter.opts for parameter in command.params)
        assert speaks_json or path in SPEAK_OTHERWISE, path


def test_a_name_that_is_no_command_is_wrong_use() -> None:
    done = run("nothing")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [("root", "status"), ("root", "requests"), ("institute", "status"), ("sync",), ("serve",), ("root", "renew")],
)
def test_a_folder_that_is_no_home_is_a_sentence(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*words, "--home", tmp_path / "nothing")
    assert done.returncode == 4
    assert "is not the home of a node" in done.stderr
    assert done.stderr.count("\n") == 1
    document = json.loads(run(*words, "--home", tmp_path / "nothing", "--json").stdout)
    assert document["error"]["code"] == "settings.home-missing"


def test_what_no_command_caught_is_still_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Any:
        raise ZeroDivisionError("secret-detail")

    monkeypatch.setattr(main, "create_app", broken)
    with pytest.raises(SystemExit) as caught:
        main.main([])
    assert caught.value.code == 1
    assert "secret" not in capsys.readouterr().err


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "jazari.toml").write_text('role = "institute"\nnamespace = "fes"\nport = 0\n')
    done = run("institute", "status", "--home", tmp_path)
    assert done.returncode == 2
    assert "port is 0" in done.stderr


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["institute", "create", "Fes", "--title", "fr=x"], "small letters"),
        (["institute", "create", "fes", "--title", "Fès"], "write fr=TEXT"),
        (["institute", "create", "fes", "--title", "fr=x", "--region", "Atlantis"], "no region of MA"),
        (["institute", "create", "fes", "--title", "fr=x"], "passphrase is needed"),
        (["institute", "create", "server", "--title", "fr=x", "--plain", "--steward-plain"], "engine keeps"),
        (["root", "create", "X", "--board", "nowhere.pub", "--plain"], "nowhere.pub does not exist"),
    ],
)
def test_wrong_input_leaves_nothing_behind(words: list[str], rule: str, tmp_path: Path) -> None:
    done = run(*words, "--home", tmp_path / "home")
    assert rule in done.stderr
    assert done.returncode in (2, 3, 4, 7)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()


def test_wrong_passphrase_and_lost_key_are_sentences(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "right").write_text("right")
    (tmp_path / "wrong").write_text("wrong")
    created = run(
        "institute", "create", "fes", "--title", "fr=Fès", "--passphrase-file", tmp_path / "right",
        "--steward-plain", "--home", home,
    )  # fmt: skip
    assert created.returncode == 0, created.stderr
    network = {
        "name": "x",
        "root_url": "https://127.0.0.1:1",
        "tls_certificate_pem": "x",
        "trusted_root": {"signed": 1},
    }
    (tmp_path / "network.json").write_text(json.dumps(network))
    request = ["institute", "request", "--network", tmp_path / "network.json", "--home", home]
    wrong = run(*request, "--passphrase-file", tmp_path / "wrong")
    assert (wrong.returncode, "does not open the key" in wrong.stderr) == (3, True)
    (home / "keys" / "publishing.pem").unlink()
    lost = run(*request, "--passphrase-file", tmp_path / "right")
    assert (lost.returncode, "does not exist" in lost.stderr) == (4, True)
