"""The commands that a card page offers exist, with the arguments that it gives."""

from __future__ import annotations

import shlex

import pytest
from typer.main import get_command

from jazari.catalog.indexing import update_index
from jazari.catalog.queries import get_item
from jazari.catalog.tests.records import Logs, dataset_card, record
from jazari.catalog.usage import _BY_TYPE, uses_of
from jazari.nodes.main import COMMANDS, load

pytestmark = pytest.mark.django_db


def parse(line: str) -> None:
    """Parse a command line as the program would; raises where a command, argument or option does not exist."""
    words = shlex.split(line.partition(" > ")[0])
    assert words[0] == "jazari"
    assert words[1] in COMMANDS
    command, rest = load(words[1]), words[2:]
    if not hasattr(command, "make_context"):
        command = get_command(command)
    context = command.make_context("jazari", rest, resilient_parsing=False)
    if hasattr(command, "resolve_command"):
        _name, inner, arguments = command.resolve_command(context, rest)
        inner.make_context("jazari", arguments)


@pytest.mark.parametrize("kind", sorted(_BY_TYPE))
def test_every_command_can_be_parsed(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("JAZARI_HOME", str(tmp_path))
    update_index(Logs(record("rabat/dataset/soil@1", dataset_card())))
    item = get_item("rabat/dataset/soil@1")
    item.type = kind
    uses = uses_of(item, has_files=True)
    assert len(uses) >= 3
    for use in uses:
        parse(use.command)


def test_an_unreadable_card_is_only_shown_and_fetched() -> None:
    update_index(Logs(record("rabat/hologram/xx@1", {})))
    assert [use.command for use in uses_of(get_item("rabat/hologram/xx@1"), has_files=False)] == [
        "jazari catalog show rabat/hologram/xx@1"
    ]


def test_a_command_that_does_not_exist_would_be_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("JAZARI_HOME", str(tmp_path))
    for line in ("jazari catalog vanish rabat/dataset/soil@1", "jazari catalog show x --nonsense"):
        with pytest.raises(Exception, match=r"vanish|nonsense|No such"):
            parse(line)
