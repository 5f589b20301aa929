"""The catalogue's commands, as an operator types them, over a real repository and mirror."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jazari.catalog import cards
from jazari.catalog.commands import app, catalog_app
from jazari.catalog.models import CatalogItem
from jazari.catalog.tests.home import root_home
from jazari.catalog.tests.records import dataset_card, institute_card
from jazari.core.errors import ExitCode
from jazari.federation import hooks
from jazari.federation.exchange import sync
from jazari.governance.models import AuditEntry
from jazari.settings.home import Home

runner = CliRunner()


@pytest.fixture
def home(tmp_path: Path, sqlite_database: Any) -> Home:
    return root_home(tmp_path)[0]


def run(home: Home, *arguments: str, group: Any = app, code: int = 0) -> Any:
    result = runner.invoke(group, [*arguments, "--home", str(home.path)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def run_json(home: Home, *arguments: str, group: Any = app, code: int = 0) -> Any:
    return json.loads(run(home, *arguments, "--json", group=group, code=code).stdout)


def write(folder: Path, kind: str, name: str, card: dict[str, Any], **more: Any) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"type": kind, "name": name, "card": card} | more, ensure_ascii=False))
    return str(path)


def test_publish_sync_search_show(home: Home, tmp_path: Path) -> None:
    card = institute_card({"fr": "Réseau Jazari", "ar": "شبكة الجزري"}, "Coordonne les instituts.")
    draft = write(tmp_path, "institute", "network", card)
    published = run_json(home, "publish", draft)
    assert published["record"] == "network/institute/network@1"
    assert run_json(home, "publish", draft) == published
    assert AuditEntry.objects.filter(kind="catalog.published", subject=published["record"]).exists()

    sync(home)
    for words in (["reseaux"], ["الجزري"], ["coordonner", "institut"], []):
        (item,) = run_json(home, "search", *words)["items"]
        assert (item["record"], item["title"]) == (published["record"], "Réseau Jazari")
    assert run_json(home, "search", "absent") == {"total": 0, "more": False, "items": []}
    assert "Nothing found" in run(home, "search", "absent").output
    assert "شبكة" in run(home, "search", "jazari", "--lang", "ar").output
    shown = run_json(home, "show", "network/institute/network", group=catalog_app)
    assert shown["card"] == card


def test_files_are_written_as_they_were_signed_and_replace_nothing(home: Home, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("sign me")
    with_file = write(tmp_path, "dataset", "soil", dataset_card(), files={"note.txt": str(tmp_path / "note.txt")})
    run(home, "publish", with_file)
    sync(home)
    out = tmp_path / "out"
    told = run_json(home, "files", "network/dataset/soil", "--out", str(out), group=catalog_app)
    assert told == {"record": "network/dataset/soil@1", "files": ["note.txt"]}
    assert (out / "note.txt").read_text() == "sign me"
    again = run_json(
        home, "files", "network/dataset/soil", "--out", str(out), group=catalog_app, code=ExitCode.CONFLICT
    )
    assert again["error"]["code"] == "catalog.folder-in-use"
    for kept in home.path.glob("**/blobs/sha256/*/*"):
        kept.write_text("sign ME")
    other = str(tmp_path / "other")
    changed = run_json(
        home, "files", "network/dataset/soil", "--out", other, group=catalog_app, code=ExitCode.UNTRUSTED
    )
    assert changed["error"]["code"] == "catalog.file-changed"
    assert list((tmp_path / "other").iterdir()) == []


def test_search_shows_a_withdrawn_item_with_its_reason(home: Home, tmp_path: Path) -> None:
    run(home, "publish", write(tmp_path, "dataset", "soil", dataset_card("Sols")))
    card = {"withdraws": "network/dataset/soil@1", "reason": {"fr": "Unité fausse."}}
    run(home, "publish", write(tmp_path, "withdrawal", "soil-1", card))
    sync(home)
    (item,) = run_json(home, "search", "sols", "--type", "dataset")["items"]
    assert item["withdrawn_by"] == "network/withdrawal/soil-1@1"
    assert "withdrawn: Unité fausse." in run(home, "search", "sols").output
    assert run_json(home, "search", "sols", "--hide-withdrawn", "--type", "dataset")["items"] == []


def test_what_the_root_would_refuse_is_never_signed(home: Home, tmp_path: Path) -> None:
    card = {"withdraws": "fes/dataset/soil@1", "reason": {"fr": "Pas à nous."}}
    answer = run_json(home, "publish", write(tmp_path, "withdrawal", "no", card), code=ExitCode.REFUSED)
    assert answer["error"]["code"] == "catalog.card-refused"
    assert "belongs to fes" in answer["error"]["message"]
    assert not (home.log / "outbox").exists() or not list((home.log / "outbox").glob("**/*.json"))
    run(home, "publish", write(tmp_path, "dataset", "soil", dataset_card()))


def test_an_approval_like_card_is_checked_under_its_next_version(home: Home, tmp_path: Path) -> None:
    run(home, "publish", write(tmp_path, "dataset", "soil", dataset_card("Un")))
    second = run_json(home, "publish", write(tmp_path, "dataset", "soil", dataset_card("Deux")))
    assert second["record"] == "network/dataset/soil@2"


def test_a_dataset_with_its_mock_rows_and_its_croissant(home: Home, tmp_path: Path) -> None:
    from jazari.catalog.cards.dataset import DatasetCard
    from jazari.catalog.mock import mock_csv
    from jazari.core.canonical import canonical_json

    card = dataset_card("Sols", mock={"rows": 5, "seed": 2})
    data = mock_csv(DatasetCard.model_validate_json(canonical_json(card)))
    (tmp_path / "rows.csv").write_bytes(data + b"1,real,6.5,bl\xc3\xa9\n")
    draft = write(tmp_path, "dataset", "soil", card, files={"mock.csv": "rows.csv"})
    assert "real rows" in run(home, "publish", draft, code=ExitCode.REFUSED).output
    (tmp_path / "rows.csv").write_bytes(data)
    run(home, "publish", draft)
    sync(home)
    document = json.loads(run(home, "croissant", "network/dataset/soil", group=catalog_app).stdout)
    assert document["creator"]["name"] == "Institut network"
    assert document["distribution"][0]["contentSize"] == f"{len(data)} B"
    answer = run(home, "croissant", "network/institute/network", group=catalog_app, code=ExitCode.NOT_FOUND)
    assert "jazari" in answer.output


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", ExitCode.USAGE),
        ("{}", ExitCode.USAGE),
        ('{"type": "dataset", "name": "soil", "card": {}, "extra": 1}', ExitCode.USAGE),
        ('{"type": "dataset", "name": "soil", "card": []}', ExitCode.USAGE),
        ('{"type": ["dataset"], "name": "soil", "card": {}}', ExitCode.USAGE),
        ('{"type": "hologram", "name": "soil", "card": {}}', ExitCode.USAGE),
        ('{"type": "dataset", "name": "../soil", "card": {}}', ExitCode.USAGE),
        ('{"type": "dataset", "name": "soil", "card": {}}', ExitCode.REFUSED),
        ('{"type": "dataset", "name": "soil", "card": {}, "files": {"a": 1}}', ExitCode.REFUSED),
    ],
)
def test_a_bad_draft_gives_one_sentence(home: Home, tmp_path: Path, content: str, code: int) -> None:
    path = tmp_path / "card.json"
    path.write_text(content)
    result = run(home, "publish", str(path), "--check", code=code)
    assert len(result.output.strip().splitlines()) == 1


def test_check_only_signs_nothing(home: Home, tmp_path: Path) -> None:
    draft = write(tmp_path, "dataset", "soil", dataset_card())
    assert run_json(home, "publish", draft, "--check")["valid"] is True
    sync(home)
    assert run_json(home, "search")["total"] == 0


def test_titles_cannot_act_on_the_terminal(home: Home, tmp_path: Path) -> None:
    run(home, "publish", write(tmp_path, "dataset", "soil", dataset_card("[red]Sols[/red] [link=x]y")))
    sync(home)
    assert "[red]Sols[/red]" in run(home, "search", "sols").output


def test_reindex_rebuilds_what_was_lost(home: Home, tmp_path: Path) -> None:
    run(home, "publish", write(tmp_path, "dataset", "soil", dataset_card("Sols")))
    sync(home)
    CatalogItem.objects.all().delete()
    assert run_json(home, "search", "sols")["total"] == 0
    assert run_json(home, "reindex", group=catalog_app) == {"indexed": 1, "problems": 0}
    assert run_json(home, "search", "sols")["total"] == 1


def test_schemas_are_written_for_every_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_hooks", hooks._Hooks(register_cards=cards.register))
    result = runner.invoke(catalog_app, ["schemas", "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0
    for name in ("institute", "dataset", "withdrawal", "checkpoint"):
        assert json.loads((tmp_path / "schemas" / f"{name}.json").read_text())["additionalProperties"] is False
    assert "## dataset" in (tmp_path / "cards.md").read_text()


def test_schemas_are_not_written_where_only_some_types_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_hooks", hooks._Hooks())
    result = runner.invoke(catalog_app, ["schemas", "--out", str(tmp_path)])
    assert result.exit_code != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["search", "publish"])
def test_help_has_an_example(name: str) -> None:
    assert f"jazari {name}" in runner.invoke(app, [name, "--help"]).output
