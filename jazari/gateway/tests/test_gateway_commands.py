"""`jazari gateway`, `jazari routes` and the accounts in `jazari projects`, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jazari.catalog.indexing import update_index
from jazari.catalog.models import CatalogItem
from jazari.core.errors import ExitCode
from jazari.gateway import card_types, operations
from jazari.gateway.configuration import default_text
from jazari.gateway.gateway_commands import gateway_app, routes_app
from jazari.gateway.journal import SEGMENT_BYTES, Journal
from jazari.gateway.ledger import Ledger
from jazari.gateway.listening import FILE
from jazari.gateway.project_commands import projects_app
from jazari.gateway.receipt_files import journal_folder
from jazari.gateway.receipts import Receipt, new_call_id
from jazari.gateway.tests import policy_builders as build
from jazari.settings.home import Home, NodeConfig
from jazari.trust.records import Record

runner = CliRunner()
APPS = {"gateway": gateway_app, "routes": routes_app, "projects": projects_app}
SETTINGS = """
[provider.campus]
card = "rabat/provider/campus@1"
protocol = "openai"
address = "https://models.example.ma/v1"
secret = "file:keys/campus.txt"
[provider.far]
card = "rabat/provider/far@1"
protocol = "openai"
address = "https://models.example.com/v1"
[route.chat]
kind = "chat"
order = "weighted"
targets = [{ provider = "campus", model = "small", weight = 3 }, { provider = "far", model = "small" }]
price = { input = 0.2, output = 0.6, weights = { tifinagh = 0.3 } }
"""
RULES = [
    build.rule("public", operators=["MA", "FR"], hosting=["MA", "FR"]),
    build.rule("personal", operators=["MA"], hosting=["MA"]),
]


@pytest.fixture
def home(tmp_path: Path, sqlite_database: Any) -> Home:
    config = NodeConfig(role="institute", namespace="rabat", network="Jazari", root_url="https://root.example")
    return Home.create(tmp_path / "home", config)


def write(home: Home, text: str) -> None:
    (home.path / FILE).parent.mkdir(exist_ok=True)
    (home.path / FILE).write_text(text, encoding="utf-8")


def index(*records: Record) -> None:
    """Take these records into the catalogue."""
    card_types.register()
    update_index(build.Records(list(records)))  # type: ignore[arg-type]


@pytest.fixture
def working(home: Home) -> Home:
    """A home where nothing is missing: settings, a secret, two cards and a policy."""
    write(home, SETTINGS)
    secret = home.path / "keys" / "campus.txt"
    secret.write_text("sk-campus\n")
    secret.chmod(0o600)
    far = build.provider_card(operator={"name": "Loin", "jurisdiction": "FR"}, hosting=["FR"])
    index(
        build.record("residency", build.residency_card(*RULES)),
        build.record("provider", build.provider_card(), name="campus"),
        build.record("provider", far, name="far"),
    )
    return home


def types(home: Home, group: str, *words: str, code: int = 0) -> Result:
    result = runner.invoke(APPS[group], [*words, "--home", str(home.path)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def answers(home: Home, group: str, *words: str, code: int = 0) -> Any:
    return json.loads(types(home, group, *words, "--json", code=code).stdout)


def test_create_writes_what_can_be_read_and_never_over_what_is_there(home: Home) -> None:
    assert answers(home, "gateway", "create") == {"file": str(home.path / FILE)}
    assert (home.path / FILE).read_text() == default_text()
    assert (home.path / FILE).stat().st_mode & 0o077 == 0
    write(home, "port = 1234\n")
    assert answers(home, "gateway", "create", code=ExitCode.CONFLICT)["error"]["code"] == "gateway.exists"
    assert (home.path / FILE).read_text() == "port = 1234\n"


def test_check_of_a_first_file_says_what_comes_next(home: Home) -> None:
    types(home, "gateway", "create")
    result = types(home, "gateway", "check", code=ExitCode.FAILED)
    assert "There is no rabat/residency/main" in result.output
    assert "There is no route" in result.output
    assert "2 to mend" in result.stderr
    told = answers(home, "gateway", "check", code=ExitCode.FAILED)["error"]
    assert told["code"] == "gateway.problems-found"
    assert "There is no route" in told["message"]


def test_check_of_settings_that_cannot_be_read(home: Home) -> None:
    assert answers(home, "gateway", "check", code=ExitCode.NOT_FOUND)["error"]["code"] == "gateway.no-configuration"
    write(home, "[provider.campus]\n")
    assert answers(home, "gateway", "check", code=ExitCode.USAGE)["error"]["code"] == "gateway.bad-configuration"


def test_check_where_nothing_is_wrong(working: Home) -> None:
    assert answers(working, "gateway", "check") == {
        "address": "http://127.0.0.1:8460/v1",
        "routes": {"chat": ["public", "personal"]},
    }
    assert "public, personal" in types(working, "gateway", "check").stdout


def test_check_lists_everything_that_is_wrong(working: Home) -> None:
    (working.path / "keys" / "campus.txt").chmod(0o644)
    CatalogItem.objects.filter(ref="rabat/provider/far@1").delete()
    embedded = '[provider.own]\ncard = "rabat/provider/own@1"\nprotocol = "embedded"\n'
    route = '[route.own]\nkind = "chat"\ntargets = [{ provider = "own", model = "tiny" }]\n'
    write(working, f'host = "0.0.0.0"\n{SETTINGS}{embedded}{route}')
    message = answers(working, "gateway", "check", code=ExitCode.FAILED)["error"]["message"]
    for part in (
        "tls: ", "provider campus: Others may read", "provider far: rabat/provider/far@1 is not in the catalogue",
        "provider own: rabat/provider/own@1 is not", "model tiny: There is no model tiny",
        "route own: The policy lets no",
    ):  # fmt: skip
        assert part in message
    assert "route chat" not in message
    assert "sk-campus" not in message


def test_routes_list(working: Home) -> None:
    (row,) = answers(working, "routes", "list")["routes"]
    assert (row["route"], row["kind"], row["order"]) == ("chat", "chat", "weighted")
    assert row["targets"][0] == {"provider": "campus", "model": "small", "weight": 3}
    assert (row["credits_per_1000_input"], row["weights"]) == ("0.2", {"tifinagh": "0.3"})
    assert "campus (small), far (small)" in types(working, "routes", "list").stdout
    write(working, "")
    assert "None yet" in types(working, "routes", "list").stdout


def test_routes_explain_says_where_data_may_go_and_why_not_elsewhere(working: Home) -> None:
    told = answers(working, "routes", "explain", "chat", "--class", "personal")
    campus, far = told["targets"]
    assert (campus["allowed"], campus["code"], campus["rule"], campus["share"]) == (True, "allowed", 2, 1.0)
    assert (far["allowed"], far["code"], far["share"]) == (False, "operator-not-allowed", None)
    assert (told["first"], told["data_class"]) == ("campus", "personal")
    assert answers(working, "routes", "explain", "chat", "--class", "public")["targets"][1]["share"] == 0.25
    assert answers(working, "routes", "explain", "chat", "--class", "secret")["first"] is None
    assert "go nowhere by this route" in types(working, "routes", "explain", "chat", "--class", "secret").stdout


def test_routes_explain_names_what_is_wrong_with_a_card(working: Home) -> None:
    CatalogItem.objects.filter(ref="rabat/provider/far@1").delete()
    _, far = answers(working, "routes", "explain", "chat", "--class", "public")["targets"]
    assert far["code"] == "no-facts"
    assert "is not in the catalogue" in far["sentence"]
    told = answers(working, "routes", "explain", "nothing", "--class", "public", code=ExitCode.NOT_FOUND)
    assert told["error"]["code"] == "gateway.no-such-route"


def test_projects_show_what_is_spent_reserved_and_left(home: Home) -> None:
    operations.create_project("plots", "Parcelles", "rabat")
    operations.grant("plots", 10_000_000, "2026", "rabat")
    journal = Journal.open(journal_folder(home.path), segment_bytes=SEGMENT_BYTES)
    ledger = Ledger(journal)
    ledger.set_grants({"plots": 10_000_000})
    call = new_call_id()
    ledger.reserve(call, "plots", 3_000_000)
    ledger.settle(
        call, Receipt(id=call, project="plots", charge=2_500_000, outcome="ok", moment="2026-11-26T09:00:00Z")
    )
    ledger.reserve(new_call_id(), "plots", 1_000_000)
    # The gateway still runs, and is in the middle of writing a line.
    (segment,) = journal_folder(home.path).glob("*.ndjson")
    segment.write_bytes(segment.read_bytes() + b'{"at":"2026')
    account = {
        "granted_microcredits": 10_000_000,
        "spent_microcredits": 2_500_000,
        "reserved_microcredits": 1_000_000,
        "left_microcredits": 6_500_000,
    }
    assert account.items() <= answers(home, "projects", "show", "plots").items()
    assert account.items() <= answers(home, "projects", "list")["projects"][0].items()
    assert "spent 2.5, reserved for open calls 1, left 6.5" in types(home, "projects", "show", "plots").stdout
    journal.close()


def test_accounts_after_the_journal_began_a_new_file(home: Home) -> None:
    operations.create_project("plots", "Parcelles", "rabat")
    journal = Journal.open(journal_folder(home.path), segment_bytes=2_000)
    ledger = Ledger(journal)
    ledger.set_grants({"plots": 10_000_000})
    for _ in range(40):
        call = new_call_id()
        ledger.reserve(call, "plots", 1_000)
        ledger.settle(
            call, Receipt(id=call, project="plots", charge=1_000, outcome="ok", moment="2026-11-26T09:00:00Z")
        )
    journal.close()
    assert len(list(journal_folder(home.path).glob("*.ndjson"))) > 2
    assert answers(home, "projects", "show", "plots")["spent_microcredits"] == 40_000
