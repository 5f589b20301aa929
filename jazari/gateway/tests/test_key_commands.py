"""`jazari projects` and `jazari keys`, as an operator types them."""

from __future__ import annotations

import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jazari.core import clock
from jazari.core.errors import ExitCode
from jazari.gateway.authorization import find_key
from jazari.gateway.errors import BadKey, RevokedKey
from jazari.gateway.key_commands import keys_app
from jazari.gateway.project_commands import projects_app
from jazari.gateway.queries import keys_snapshot
from jazari.settings.home import Home, NodeConfig
from jazari.testing.commands import Commands

runner = CliRunner()
APPS = {"projects": projects_app, "keys": keys_app}
WEB = ("keys", "create", "registry", "web", "--route", "small", "--class", "personal")


def new_home(path: Path) -> Home:
    config = NodeConfig(role="institute", namespace="fes", network="Jazari", root_url="https://root.example")
    return Home.create(path, config)


class Operator:
    """Types commands at one home."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def types(self, group: str, *words: str | Path, code: int = 0) -> Result:
        result = runner.invoke(APPS[group], [*map(str, words), "--home", str(self.home.path)])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, group: str, *words: str | Path, code: int = 0) -> Any:
        return json.loads(self.types(group, *words, "--json", code=code).stdout)

    def refused(self, group: str, *words: str | Path) -> tuple[str, int]:
        """Code of the error and exit status, after a look at the sentence."""
        result = runner.invoke(APPS[group], [*map(str, words), "--home", str(self.home.path), "--json"])
        error = json.loads(result.stdout)["error"]
        assert error["message"].endswith(".")
        assert "\n" not in error["message"]
        return error["code"], result.exit_code


@pytest.fixture
def operator(tmp_path: Path, sqlite_database: Any) -> Operator:
    person = Operator(new_home(tmp_path / "home"))
    person.json("projects", "create", "registry", "--title", "État civil")
    return person


def opens(secret: str) -> str:
    return find_key(keys_snapshot(), f"Bearer {secret}", clock.now()).id


def test_a_project_is_made_granted_listed_and_closed(operator: Operator) -> None:
    assert operator.json("projects", "grant", "registry", "1000.5", "--note", "2026") == {
        "project": "registry",
        "microcredits": 1_000_500_000,
        "granted_microcredits": 1_000_500_000,
    }
    assert "1001 credits in all" in operator.types("projects", "grant", "registry", "0.5").output
    (row,) = operator.json("projects", "list")["projects"]
    assert row == {
        "project": "registry",
        "title": "État civil",
        "granted_microcredits": 1_001_000_000,
        "spent_microcredits": 0,
        "reserved_microcredits": 0,
        "left_microcredits": 1_001_000_000,
        "closed": False,
    }
    assert "1001" in operator.types("projects", "list").output
    shown = operator.json("projects", "show", "registry")
    assert [(one["microcredits"], one["note"]) for one in shown["grants"]] == [(1_000_500_000, "2026"), (500_000, "")]
    assert (shown["granted_microcredits"], shown["closed"]) == (1_001_000_000, None)
    assert "1000.5" in operator.types("projects", "show", "registry").output
    assert operator.json("projects", "close", "registry")["closed"].endswith("Z")
    assert operator.json("projects", "list") == {"projects": []}
    assert "None yet" in operator.types("projects", "list").output
    assert "Closed on 2" in operator.types("projects", "show", "registry").output
    assert operator.json("projects", "list", "--closed")["projects"][0]["closed"]


def test_a_key_is_shown_once_alone_on_standard_output(operator: Operator) -> None:
    shown = operator.types(*WEB)
    secret = shown.stdout.strip()
    assert shown.stdout == f"{secret}\n"
    assert "shown once" in shown.stderr
    key_id = opens(secret)
    for words in (("keys", "list"), ("keys", "list", "--json"), ("keys", "list", "--over")):
        listed = operator.types(*words).output
        assert key_id in listed
        assert secret not in listed
        assert secret.split("-", 2)[2] not in listed


def test_a_key_has_what_was_asked(operator: Operator) -> None:
    made = operator.json(
        *WEB,
        "--route",
        "large",
        "--may-declassify",
        "--requests",
        "7",
        "--tokens",
        "8",
        "--streams",
        "9",
        "--days",
        "3",
    )
    assert opens(made["secret"]) == made["key"]
    assert (made["routes"], made["highest"], made["may_declassify"]) == (["large", "small"], "personal", True)
    assert (made["requests_a_minute"], made["tokens_a_minute"], made["streams"]) == (7, 8, 9)
    until = datetime.fromisoformat(made["until"])
    assert timedelta(days=2, hours=23) < until - clock.now() <= timedelta(days=3)
    (row,) = operator.json("keys", "list", "--project", "registry")["keys"]
    assert row["state"] == "open"
    assert {name: value for name, value in made.items() if name != "secret"} == row
    assert "registry/web" in operator.types("keys", "list").output


@pytest.mark.parametrize("left_out", ["--route", "--class"])
def test_neither_routes_nor_class_are_guessed(operator: Operator, left_out: str) -> None:
    at = WEB.index(left_out)
    operator.types(*WEB[:at], *WEB[at + 2 :], code=ExitCode.USAGE)
    assert operator.json("keys", "list")["keys"] == []


def test_a_key_goes_to_a_private_file_instead_of_the_screen(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "new" / "web.key"
    shown = operator.types(*WEB, "--secret-file", file)
    secret = file.read_text(encoding="utf-8").strip()
    assert secret not in shown.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert opens(secret)


def test_a_file_that_is_there_is_not_replaced_and_no_key_is_made(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "web.key"
    file.write_text("precious")
    dangling = tmp_path / "dangling.key"
    dangling.symlink_to(tmp_path / "elsewhere")
    for path in (file, dangling):
        assert operator.refused(*WEB, "--secret-file", path) == ("gateway.secret-file-exists", ExitCode.CONFLICT)
    assert file.read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()
    assert operator.json("keys", "list")["keys"] == []


def test_a_file_that_cannot_be_written_makes_no_key(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    code, status = operator.refused(*WEB, "--secret-file", tmp_path / "plain" / "web.key")
    assert (code, status) == ("core.unavailable", ExitCode.UNAVAILABLE)
    assert operator.json("keys", "list")["keys"] == []


def test_a_key_that_is_refused_leaves_no_file(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "web.key"
    refused = operator.refused("keys", "create", "nothing", *WEB[3:], "--secret-file", file)
    assert refused == ("gateway.project-not-found", ExitCode.NOT_FOUND)
    assert not file.exists()


def test_a_rotated_key_opens_beside_the_new_one_until_revoked(operator: Operator) -> None:
    old = operator.json(*WEB)
    new = operator.json("keys", "rotate", "registry/web", "--overlap-hours", "1", "--days", "7")
    assert (opens(old["secret"]), opens(new["secret"])) == (old["key"], new["key"])
    assert new["replaces"] == old["key"]
    assert datetime.fromisoformat(new["old_opens_until"]) - clock.now() <= timedelta(hours=1)
    assert [row["state"] for row in operator.json("keys", "list")["keys"]] == ["overlap", "open"]
    assert set(operator.json("keys", "revoke", "registry/web")["revoked"]) == {old["key"], new["key"]}
    for made in (old, new):
        with pytest.raises(RevokedKey):
            opens(made["secret"])
    assert operator.json("keys", "list")["keys"] == []
    assert [row["state"] for row in operator.json("keys", "list", "--over")["keys"]] == ["revoked", "revoked"]
    assert "None" in operator.types("keys", "list").output


def test_revoking_again_says_that_nothing_was_left(operator: Operator) -> None:
    key = operator.json(*WEB)["key"]
    assert key in operator.types("keys", "revoke", key).output
    assert "nothing to do" in operator.types("keys", "revoke", key).output
    assert operator.json("keys", "revoke", key) == {"revoked": []}


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (("projects", "create", "registry", "--title", "x"), "gateway.project-exists", ExitCode.CONFLICT),
        (("projects", "create", "Registry", "--title", "x"), "core.bad-identifier", ExitCode.USAGE),
        (("projects", "create", "other", "--title", "two\nlines"), "gateway.bad-project", ExitCode.USAGE),
        (("projects", "grant", "registry", "1e9"), "gateway.bad-credits", ExitCode.USAGE),
        (("projects", "grant", "registry", "1", "--note", "a\x1b[31m"), "gateway.bad-project", ExitCode.USAGE),
        (("projects", "grant", "nothing", "1"), "gateway.project-not-found", ExitCode.NOT_FOUND),
        (("projects", "show", "nothing"), "gateway.project-not-found", ExitCode.NOT_FOUND),
        (("projects", "close", "nothing"), "gateway.project-not-found", ExitCode.NOT_FOUND),
        (("keys", "create", "registry", "Web", *WEB[4:]), "core.bad-identifier", ExitCode.USAGE),
        ((*WEB[:4], "--route", "a b", "--class", "public"), "gateway.bad-scope", ExitCode.USAGE),
        ((*WEB, "--requests", "9" * 30), "gateway.bad-scope", ExitCode.USAGE),
        (("keys", "rotate", "registry/none"), "gateway.key-not-found", ExitCode.NOT_FOUND),
        (("keys", "revoke", "0" * 16), "gateway.key-not-found", ExitCode.NOT_FOUND),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(
    operator: Operator, words: tuple[str, ...], code: str, status: int
) -> None:
    assert operator.refused(*words) == (code, status)


@pytest.mark.parametrize(
    "words",
    [
        ("rotate", "registry/web", "--overlap-hours", "nan"),
        ("rotate", "registry/web", "--overlap-hours", "2161"),
        ("rotate", "registry/web", "--days", "0"),
        (*WEB[1:], "--days", "3651"),
        (*WEB[1:], "--streams", "0"),
        (*WEB[1:6], "--class", "cosmic"),
    ],
)
def test_a_number_or_class_that_cannot_be_is_wrong_use(operator: Operator, words: tuple[str, ...]) -> None:
    assert words[-2] in operator.types("keys", *words, code=ExitCode.USAGE).stderr
    assert operator.json("keys", "list", "--over")["keys"] == []


def test_a_key_twice_and_a_replaced_key_again(operator: Operator) -> None:
    key = operator.json(*WEB)["key"]
    assert operator.refused(*WEB) == ("gateway.key-exists", ExitCode.CONFLICT)
    operator.json("keys", "rotate", key)
    assert operator.refused("keys", "rotate", key) == ("gateway.key-not-current", ExitCode.CONFLICT)
    operator.json("projects", "close", "registry")
    assert operator.refused("keys", "rotate", "registry/web") == ("gateway.project-closed", ExitCode.CONFLICT)


def test_in_processes_of_their_own_with_the_nodes_own_database(tmp_path: Path) -> None:
    home, commands = new_home(tmp_path / "home").path, Commands()
    commands.run("projects", "create", "registry", "--title", "État civil", home=home)
    ended = commands.end(*WEB, home=home, as_json=False)
    secret = ended.out.strip()
    assert (ended.status, ended.out, secret[:3]) == (0, f"{secret}\n", "jz-")
    assert ended.err.count("\n") == 1
    events = commands.run("audit", "list", home=home)["entries"]
    assert [event["kind"] for event in events] == ["gateway.key-created", "gateway.project-created"]
    assert [event["actor"] for event in events] == ["fes", "fes"]
    assert secret.split("-", 2)[2] not in json.dumps(events)
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert files
    assert not any(secret.split("-", 2)[2].encode() in data for data in files)
    refused = commands.refused(*WEB, home=home)
    assert (refused.code, refused.status) == ("gateway.key-exists", ExitCode.CONFLICT)


def test_a_key_of_another_node_is_not_known_here(operator: Operator, tmp_path: Path) -> None:
    other, commands = new_home(tmp_path / "other").path, Commands()
    commands.run("projects", "create", "registry", "--title", "État civil", home=other)
    with pytest.raises(BadKey):
        opens(commands.run(*WEB, home=other)["secret"])
